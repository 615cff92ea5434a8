//! OffsetCommit: v2-v10. Stores how far a group has read.
//!
//! Behaviour: a topic that does not exist fails alone. Answered once the offsets are as durable
//! as acks=all makes them (I9).
//! Version notes: v2-v4 retention time; v6 leader epochs; v7 static members; v9 member epochs;
//! v10 topic ids.

use std::ops::RangeInclusive;

use chronik_coordinator::{OffsetCommit as Commit, Request};
use chronik_protocol::generated::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use chronik_protocol::generated::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use chronik_protocol::generated::{OffsetCommitRequest, OffsetCommitResponse};
use chronik_types::{ErrorCode, PartitionId};

use super::super::{Context, Handled, Handler};
use super::{ask, expect_reply, topic};

pub(in crate::api) struct OffsetCommit;

impl Handler for OffsetCommit {
    type Request = OffsetCommitRequest;
    const VERSIONS: RangeInclusive<i16> = 2..=10;

    async fn handle(
        context: Context,
        mut request: OffsetCommitRequest,
    ) -> Handled<OffsetCommitResponse> {
        let image = context.node.image();
        let (mut known, mut topics) = (Vec::new(), Vec::new());
        for mut asked in std::mem::take(&mut request.topics) {
            match topic(&image, context.version >= 10, &asked.name, asked.topic_id) {
                Ok(found) => {
                    asked.name = found.name.as_str().into();
                    asked.topic_id = found.id.get();
                    let is_there = |part: &OffsetCommitRequestPartition| {
                        let partition = PartitionId::new(part.partition_index);
                        found.partition(partition).is_some()
                    };
                    let mut absent = asked.clone();
                    absent.partitions.retain(|part| !is_there(part));
                    asked.partitions.retain(is_there);
                    if !absent.partitions.is_empty() {
                        topics.push(failed(&absent, ErrorCode::UnknownTopicOrPartition));
                    }
                    if !asked.partitions.is_empty() {
                        known.push(asked);
                    }
                }
                Err(code) => topics.push(failed(&asked, code)),
            }
        }
        if known.is_empty() {
            return OffsetCommitResponse {
                topics,
                ..OffsetCommitResponse::default()
            }
            .into();
        }
        let group = request.group_id.clone();
        request.topics.clone_from(&known);
        let commit = Request::OffsetCommit(Commit::from_wire(request, context.version));
        match ask(&context, &group, commit).await {
            Ok(reply) => topics.extend(expect_reply!(reply, OffsetCommit).topics),
            Err(code) => topics.extend(known.iter().map(|asked| failed(asked, code))),
        }
        OffsetCommitResponse {
            topics,
            ..OffsetCommitResponse::default()
        }
        .into()
    }
}

fn failed(asked: &OffsetCommitRequestTopic, code: ErrorCode) -> OffsetCommitResponseTopic {
    let partitions = asked.partitions.iter();
    OffsetCommitResponseTopic {
        name: asked.name.clone(),
        topic_id: asked.topic_id,
        partitions: partitions
            .map(|part| OffsetCommitResponsePartition {
                partition_index: part.partition_index,
                error_code: code.code(),
            })
            .collect(),
    }
}
