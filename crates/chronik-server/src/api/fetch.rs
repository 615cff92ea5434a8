//! Fetch: v4-v18.
//!
//! Behaviour: reads up to the high watermark (clients are never shown more, I2), at least one
//! batch whatever the limits (KIP-74), and parks without any payload until enough bytes, an
//! error, or the client's own deadline. Broker-only use (a replica id) is refused here: else
//! anyone could move a high watermark.
//! Version notes: v7 sessions (KIP-227), v9 leader
//! epoch (KIP-320), v12 diverging epochs (KIP-595), v13 topic ids (KIP-516), v16 leader hints
//! (KIP-951).

mod read;
pub(crate) mod session;

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use chronik_protocol::generated::fetch_request::FetchRequest;
use chronik_protocol::generated::fetch_response::{
    FetchResponse, FetchableTopicResponse, NodeEndpoint, PartitionData,
};
use chronik_types::ErrorCode;

use super::{Context, Handled, Handler};
use crate::partition::{FetchWaiter, Partition};
use read::{Outcome, Plan, ReadLimits};
use session::FetchKey;

pub(super) struct Fetch;

impl Handler for Fetch {
    type Request = FetchRequest;
    const VERSIONS: RangeInclusive<i16> = 4..=18;

    async fn handle(context: Context, request: FetchRequest) -> Handled<FetchResponse> {
        if let Some(code) = refuse(&request) {
            return failed(code).into();
        }
        let node = &context.node;
        let clock = node.env.clock.clone();
        // A parked fetch does not see its client go, so it is answered, if with nothing, no later
        // than an idle connection would be closed.
        let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0))
            .min(node.config.connection_idle_max.unwrap_or(Duration::MAX));
        let deadline = clock.now() + wait;
        let limits = ReadLimits {
            bytes: size(request.max_bytes),
            read_committed: request.isolation_level == READ_COMMITTED,
        };
        let min_bytes = size(request.min_bytes);
        let begun = node.fetch_sessions.begin(
            clock.now(),
            &node.env.rng,
            &node.connection_budget,
            context.version,
            request,
        );
        let begun = match begun {
            Ok(begun) => begun,
            Err(code) => return failed(code).into(),
        };
        let plan = Plan::new(&context, begun.wanted, limits);
        // What is never returned at once cannot be waited for.
        let min_bytes = min_bytes.min(plan.bytes_max());
        let mut outcome = plan.read(&context).await;
        // Without partitions there is nothing to wait for: so a client closes its session.
        while !plan.is_empty() && !outcome.is_enough(min_bytes) && clock.now() < deadline {
            outcome.release();
            let waiter = Arc::new(FetchWaiter::default());
            let _parked = Parked::new(plan.partitions(), &waiter);
            // What came between the last look and parking would not wake us.
            outcome = plan.read(&context).await;
            if outcome.is_enough(min_bytes) {
                break;
            }
            outcome.release();
            tokio::select! {
                () = waiter.woken() => {}
                () = clock.sleep_until(deadline) => {}
            }
            outcome = plan.read(&context).await;
        }
        if let Some(session) = begun.session {
            let answers = &mut outcome.answers;
            node.fetch_sessions
                .finish(session, begun.incremental, answers);
        }
        respond(&context, begun.session.unwrap_or(0), outcome)
    }
}

/// Isolation level "read committed" on the wire.
const READ_COMMITTED: i8 = 1;

fn size(raw: i32) -> usize {
    usize::try_from(raw).unwrap_or(0)
}

fn refuse(request: &FetchRequest) -> Option<ErrorCode> {
    (request.replica_id >= 0 || request.replica_state.replica_id >= 0)
        .then_some(ErrorCode::ClusterAuthorizationFailed)
}

fn failed(code: ErrorCode) -> FetchResponse {
    FetchResponse {
        error_code: code.code(),
        ..FetchResponse::default()
    }
}

fn respond(context: &Context, session_id: i32, outcome: Outcome) -> Handled<FetchResponse> {
    let image = context.node.image();
    let hints = outcome.hints.iter().filter(|_| context.version >= 16);
    let node_endpoints = hints
        .filter_map(|node| {
            let listener = &context.connection.listener;
            let broker = context.node.broker(&image, *node, listener)?;
            Some(NodeEndpoint {
                node_id: broker.node.get(),
                host: broker.host.into(),
                port: i32::from(broker.port),
                rack: broker.rack.map(Into::into),
            })
        })
        .collect();
    context.node.metrics.fetched(outcome.bytes);
    Handled {
        response: FetchResponse {
            session_id,
            responses: by_topic(outcome.answers),
            node_endpoints,
            ..FetchResponse::default()
        },
        held: outcome.held,
    }
}

/// Groups neighbours of the same topic.
fn by_topic(answers: Vec<(FetchKey, PartitionData)>) -> Vec<FetchableTopicResponse> {
    let mut topics: Vec<FetchableTopicResponse> = Vec::new();
    for (key, data) in answers {
        match topics.last_mut() {
            Some(last) if last.topic == key.topic && last.topic_id == key.topic_id => {
                last.partitions.push(data);
            }
            _ => topics.push(FetchableTopicResponse {
                topic: key.topic,
                topic_id: key.topic_id,
                partitions: vec![data],
            }),
        }
    }
    topics
}

/// A fetch's places in its partitions' waiting lists; taken off when dropped.
struct Parked {
    places: Vec<(Arc<Partition>, u64)>,
}

impl Parked {
    fn new(partitions: impl Iterator<Item = Arc<Partition>>, waiter: &Arc<FetchWaiter>) -> Self {
        let places = partitions
            .map(|partition| {
                let ticket = partition.park(waiter);
                (partition, ticket)
            })
            .collect();
        Self { places }
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        for (partition, ticket) in &self.places {
            partition.unpark(*ticket);
        }
    }
}
