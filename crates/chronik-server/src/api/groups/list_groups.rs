//! ListGroups: v0-v5. The groups that this node coordinates.
//!
//! Version notes: v4 states; v5 types.

use std::ops::RangeInclusive;

use chronik_coordinator::{ListGroups as List, Request};
use chronik_protocol::generated::{ListGroupsRequest, ListGroupsResponse};

use super::super::{Context, Handled, Handler};
use super::expect_reply;

pub(in crate::api) struct ListGroups;

impl Handler for ListGroups {
    type Request = ListGroupsRequest;
    const VERSIONS: RangeInclusive<i16> = 0..=5;

    async fn handle(context: Context, request: ListGroupsRequest) -> Handled<ListGroupsResponse> {
        let filter = List {
            states: request.states_filter,
            types: request.types_filter,
        };
        let mut response = ListGroupsResponse::default();
        for shard in context.node.groups.shards() {
            let asked = Request::ListGroups(filter.clone());
            match context.node.groups.ask_shard(shard, asked).await {
                Ok(reply) => response.groups.extend(expect_reply!(reply, ListGroups)),
                // A list with a part missing would be taken for the whole.
                Err(code) => {
                    return ListGroupsResponse {
                        error_code: code.code(),
                        ..ListGroupsResponse::default()
                    }
                    .into();
                }
            }
        }
        response.into()
    }
}
