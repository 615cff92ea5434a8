//! DeleteGroups: v0-v2. Deletes groups without members, with their offsets.

use std::ops::RangeInclusive;

use chronik_coordinator::Request;
use chronik_protocol::Str;
use chronik_protocol::generated::delete_groups_response::DeletableGroupResult;
use chronik_protocol::generated::{DeleteGroupsRequest, DeleteGroupsResponse};
use chronik_types::ErrorCode;

use super::super::{Context, Handled, Handler};
use super::{Placed, expect_reply, placed};

pub(in crate::api) struct DeleteGroups;

impl Handler for DeleteGroups {
    type Request = DeleteGroupsRequest;
    const VERSIONS: RangeInclusive<i16> = 0..=2;

    async fn handle(
        context: Context,
        request: DeleteGroupsRequest,
    ) -> Handled<DeleteGroupsResponse> {
        let Placed { by_shard, lost } = placed(&context, &request.groups_names);
        let lost = lost.into_iter().map(|(group, code)| failed(group, code));
        let mut results: Vec<DeletableGroupResult> = lost.collect();
        for (shard, groups) in by_shard {
            let asked = Request::DeleteGroups(groups.clone());
            match context.node.groups.ask_shard(shard, asked).await {
                Ok(reply) => results.extend(expect_reply!(reply, DeleteGroups)),
                Err(code) => results.extend(groups.into_iter().map(|group| failed(group, code))),
            }
        }
        DeleteGroupsResponse {
            results,
            ..DeleteGroupsResponse::default()
        }
        .into()
    }
}

fn failed(group_id: Str, code: ErrorCode) -> DeletableGroupResult {
    DeletableGroupResult {
        group_id,
        error_code: code.code(),
    }
}
