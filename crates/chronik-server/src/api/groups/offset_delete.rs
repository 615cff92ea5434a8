//! OffsetDelete: v0. Forgets committed offsets of a group.

use std::ops::RangeInclusive;

use chronik_coordinator::{OffsetDelete as Delete, Request};
use chronik_protocol::generated::offset_delete_request::OffsetDeleteRequestTopic;
use chronik_protocol::generated::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use chronik_protocol::generated::{OffsetDeleteRequest, OffsetDeleteResponse};
use chronik_types::ErrorCode;

use super::super::{Context, Handled, Handler};
use super::{ask, expect_reply};

pub(in crate::api) struct OffsetDelete;

impl Handler for OffsetDelete {
    type Request = OffsetDeleteRequest;
    const VERSIONS: RangeInclusive<i16> = 0..=0;

    async fn handle(
        context: Context,
        mut request: OffsetDeleteRequest,
    ) -> Handled<OffsetDeleteResponse> {
        let image = context.node.image();
        let asked = std::mem::take(&mut request.topics).into_iter();
        let (known, unknown): (Vec<_>, Vec<_>) =
            asked.partition(|topic| image.topic(&topic.name).is_some());
        let group = request.group_id.clone();
        request.topics = known;
        let delete = Request::OffsetDelete(Delete::from_wire(request));
        let mut response = match ask(&context, &group, delete).await {
            Ok(reply) => expect_reply!(reply, OffsetDelete),
            Err(code) => OffsetDeleteResponse {
                error_code: code.code(),
                ..OffsetDeleteResponse::default()
            },
        };
        if response.error_code == 0 {
            response.topics.extend(unknown.iter().map(failed));
        }
        response.into()
    }
}

fn failed(asked: &OffsetDeleteRequestTopic) -> OffsetDeleteResponseTopic {
    let partitions = asked.partitions.iter();
    OffsetDeleteResponseTopic {
        name: asked.name.clone(),
        partitions: partitions
            .map(|part| OffsetDeleteResponsePartition {
                partition_index: part.partition_index,
                error_code: ErrorCode::UnknownTopicOrPartition.code(),
            })
            .collect(),
    }
}
