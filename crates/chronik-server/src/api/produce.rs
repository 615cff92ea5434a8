//! Produce: v3-v13 (advertised from 0, see `api_versions`).
//!
//! Behaviour: an ordered stage validates each partition's batch and gives it its place in the
//! log; the answer follows when the acks are met. A partition's error never fails its siblings.
//! acks=0 has no reply; if one of its partitions fails the connection ends, which is how the
//! client learns. Keeps I1: success is answered only after the promised durability.
//! Version notes: v5 log start offset; v7 zstd; v8 record errors and messages (KIP-467);
//! v10 leader hints (KIP-951); v13 topic ids (KIP-516).

use std::collections::BTreeMap;
use std::time::Duration;

use chronik_controller::MetadataImage;
use chronik_protocol::generated::produce_request::{
    PartitionProduceData, ProduceRequest, TopicProduceData,
};
use chronik_protocol::generated::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse,
    ProduceResponse, TopicProduceResponse,
};
use chronik_protocol::{ApiKey, Limits, RequestFrame, Response as _};
use chronik_replication::Acks;
use chronik_types::{ErrorCode, PartitionId, TopicId};

use super::{Answer, Api, Context, Pending, Refused, decode, encode, message};
use crate::append::{Allowance, AppendRequest, Rejected, append};
use crate::error_code::Failure;
use crate::net::connection::PendingAnswer;
use crate::partition::{Committed, CurrentLeader, LeadershipLost};

pub(super) const API: Api = Api::new(ApiKey::Produce, 3..=13, never);

/// Produce has a stage of its own, [`dispatch`].
fn never(_: Context, frame: RequestFrame, _: Limits) -> Pending {
    Box::pin(std::future::ready(Err(Refused::Unsupported {
        api_key: ApiKey::Produce,
        version: frame.version,
    })))
}

/// A partition's answer, with what it still waits for.
struct Waiting {
    topic: usize,
    partition: usize,
    committed: Committed,
}

/// Gives every batch its place in the log, then returns the answer to come.
pub(super) fn dispatch(
    context: Context,
    frame: &RequestFrame,
    limits: Limits,
) -> Result<PendingAnswer, Refused> {
    let started = context.node.env.clock.now();
    let request: ProduceRequest = decode(frame, limits)?;
    let (version, correlation_id) = (frame.version, frame.correlation_id);
    let acks = Acks::from_wire(request.acks);
    let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let mut writer = Writer {
        context: &context,
        allowance: Allowance::new(frame.body.len()),
        acks,
        hints: BTreeMap::new(),
        waiting: Vec::new(),
    };
    let mut response = ProduceResponse {
        responses: writer.topics(request),
        ..ProduceResponse::default()
    };
    let Writer { hints, waiting, .. } = writer;
    if version >= 10 {
        response.node_endpoints = endpoints(&context, &hints);
    }
    Ok(Box::pin(async move {
        wait(&context, &mut response, waiting, timeout).await;
        drop(context.room.take());
        let elapsed = context.node.env.clock.now().since(started);
        context
            .node
            .metrics
            .request(ApiKey::Produce.name(), elapsed);
        context.node.metrics.errors(&response);
        if acks == Some(Acks::None) {
            return if has_error(&response) {
                Answer::Close
            } else {
                Answer::Nothing
            };
        }
        match encode(correlation_id, version, &response) {
            Ok(rope) => Answer::Reply { rope, held: None },
            Err(refused) => {
                tracing::error!(event = "unencodable", %refused, "a produce response");
                Answer::Close
            }
        }
    }))
}

/// Waits until every partition is as durable as asked, or until the request's own timeout.
async fn wait(
    context: &Context,
    response: &mut ProduceResponse,
    waiting: Vec<Waiting>,
    timeout: Duration,
) {
    if waiting.is_empty() {
        return;
    }
    let clock = &context.node.env.clock;
    let expired = clock.sleep_until(clock.now() + timeout);
    tokio::pin!(expired);
    let mut is_expired = false;
    for Waiting {
        topic,
        partition,
        mut committed,
    } in waiting
    {
        let outcome = if is_expired {
            committed.try_recv().ok()
        } else {
            tokio::select! {
                biased;
                outcome = &mut committed => Some(outcome.unwrap_or(Err(LeadershipLost))),
                () = &mut expired => None,
            }
        };
        let code = match outcome {
            Some(Ok(())) => continue,
            Some(Err(LeadershipLost)) => ErrorCode::NotLeaderOrFollower,
            None => {
                is_expired = true;
                ErrorCode::RequestTimedOut
            }
        };
        let answer = &mut response.responses[topic].partition_responses[partition];
        answer.error_code = code.code();
        answer.base_offset = -1;
        answer.log_append_time_ms = -1;
        answer.log_start_offset = -1;
    }
}

fn has_error(response: &ProduceResponse) -> bool {
    let mut found = false;
    response.visit_errors(&mut |code| found |= code != ErrorCode::None.code());
    found
}

struct Writer<'a> {
    context: &'a Context,
    allowance: Allowance,
    acks: Option<Acks>,
    hints: BTreeMap<i32, CurrentLeader>,
    waiting: Vec<Waiting>,
}

impl Writer<'_> {
    fn topics(&mut self, request: ProduceRequest) -> Vec<TopicProduceResponse> {
        let is_transactional = request.transactional_id.is_some();
        request
            .topic_data
            .into_iter()
            .enumerate()
            .map(|(index, topic)| self.topic(index, topic, is_transactional))
            .collect()
    }

    fn topic(
        &mut self,
        index: usize,
        topic: TopicProduceData,
        is_transactional: bool,
    ) -> TopicProduceResponse {
        let image = self.context.node.image();
        let (found, unknown) = if self.context.version >= 13 {
            let id = TopicId::new(topic.topic_id);
            (image.topic_by_id(id), ErrorCode::UnknownTopicId)
        } else {
            let found = image.topic(&topic.name);
            (found, ErrorCode::UnknownTopicOrPartition)
        };
        let id = match found {
            None => Err(unknown),
            Some(found) if found.name.is_internal() && !self.is_admin() => {
                Err(ErrorCode::InvalidTopicException)
            }
            Some(found) => Ok(found.id),
        };
        let id = if is_transactional {
            Err(ErrorCode::TransactionalIdAuthorizationFailed)
        } else {
            id
        };
        let partition_responses = topic
            .partition_data
            .into_iter()
            .enumerate()
            .map(|(partition, data)| match id {
                Err(code) => failed(data.index, code, None),
                Ok(id) if self.acks.is_none() => {
                    failed(data.index, illegal_acks(&image, id, data.index), None)
                }
                Ok(id) => self.partition(id, (index, partition), data),
            })
            .collect();
        TopicProduceResponse {
            name: topic.name,
            topic_id: topic.topic_id,
            partition_responses,
        }
    }

    /// Coordinators write the internal topics; of clients only Kafka's own administration may.
    fn is_admin(&self) -> bool {
        self.context.client_id.as_deref() == Some("__admin_client")
    }

    fn partition(
        &mut self,
        topic: TopicId,
        (topic_index, partition_index): (usize, usize),
        data: PartitionProduceData,
    ) -> PartitionProduceResponse {
        let done = append(
            &self.context.node,
            &self.allowance,
            AppendRequest {
                topic,
                partition: PartitionId::new(data.index),
                acks: self.acks.unwrap_or(Acks::All),
                version: self.context.version,
                records: data.records.unwrap_or_default(),
            },
        );
        match done {
            Ok(append) => {
                if let Some(committed) = append.committed {
                    self.waiting.push(Waiting {
                        topic: topic_index,
                        partition: partition_index,
                        committed,
                    });
                }
                PartitionProduceResponse {
                    index: data.index,
                    base_offset: append.appended.base_offset.get(),
                    log_append_time_ms: append
                        .appended
                        .log_append_time
                        .map_or(-1, |time| time.as_millis()),
                    log_start_offset: append.appended.log_start.get(),
                    ..PartitionProduceResponse::default()
                }
            }
            Err(rejected) => self.rejected(data.index, &rejected),
        }
    }

    fn rejected(&mut self, index: i32, rejected: &Rejected) -> PartitionProduceResponse {
        let Failure { code, text } = Failure::from(rejected);
        let mut response = failed(index, code, text);
        if self.context.version >= 8 {
            response.record_errors = record_errors(rejected);
        }
        if self.context.version >= 10
            && code == ErrorCode::NotLeaderOrFollower
            && let Some(leader) = rejected.current_leader()
            && let Some(node) = leader.node
        {
            response.current_leader = LeaderIdAndEpoch {
                leader_id: node.get(),
                leader_epoch: leader.epoch.get(),
            };
            self.hints.insert(node.get(), leader);
        }
        response
    }
}

fn record_errors(rejected: &Rejected) -> Vec<BatchIndexAndErrorMessage> {
    let errors = rejected.record_errors().iter();
    errors
        .map(|error| BatchIndexAndErrorMessage {
            batch_index: error.index,
            batch_index_error_message: Some(error.why.as_str().into()),
        })
        .collect()
}

/// Illegal acks are told of partitions that there are; what there is not is told first.
fn illegal_acks(image: &MetadataImage, topic: TopicId, partition: i32) -> ErrorCode {
    let partition = PartitionId::new(partition);
    match image
        .topic_by_id(topic)
        .map(|topic| topic.partition(partition))
    {
        Some(Some(_)) => ErrorCode::InvalidRequiredAcks,
        Some(None) | None => ErrorCode::UnknownTopicOrPartition,
    }
}

fn failed(index: i32, code: ErrorCode, text: Option<String>) -> PartitionProduceResponse {
    PartitionProduceResponse {
        index,
        error_code: code.code(),
        base_offset: -1,
        log_append_time_ms: -1,
        log_start_offset: -1,
        error_message: message(text),
        ..PartitionProduceResponse::default()
    }
}

fn endpoints(context: &Context, hints: &BTreeMap<i32, CurrentLeader>) -> Vec<NodeEndpoint> {
    let image = context.node.image();
    hints
        .values()
        .filter_map(|leader| {
            let broker = context
                .node
                .broker(&image, leader.node?, &context.connection.listener)?;
            Some(NodeEndpoint {
                node_id: broker.node.get(),
                host: broker.host.into(),
                port: i32::from(broker.port),
                rack: broker.rack.map(Into::into),
            })
        })
        .collect()
}
