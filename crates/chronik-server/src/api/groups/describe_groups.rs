//! DescribeGroups: v0-v6. State and members of groups.
//!
//! Version notes: v3 authorised operations (KIP-430); v4 static members; v6 an error for a group
//! that is not there, which older versions call `Dead`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chronik_coordinator::Request;
use chronik_protocol::Str;
use chronik_protocol::generated::describe_groups_response::DescribedGroup;
use chronik_protocol::generated::{DescribeGroupsRequest, DescribeGroupsResponse};
use chronik_types::ErrorCode;

use super::super::{Context, Handled, Handler, authorized_operations};
use super::{Placed, expect_reply, placed};

pub(in crate::api) struct DescribeGroups;

impl Handler for DescribeGroups {
    type Request = DescribeGroupsRequest;
    const VERSIONS: RangeInclusive<i16> = 0..=6;

    async fn handle(
        context: Context,
        request: DescribeGroupsRequest,
    ) -> Handled<DescribeGroupsResponse> {
        let Placed { by_shard, lost } = placed(&context, &request.groups);
        let lost = lost.into_iter().map(|(group, code)| failed(group, code));
        let mut found: BTreeMap<Str, DescribedGroup> =
            lost.map(|group| (group.group_id.clone(), group)).collect();
        for (shard, groups) in by_shard {
            let asked = Request::DescribeGroups(groups.clone());
            let described = match context.node.groups.ask_shard(shard, asked).await {
                Ok(reply) => expect_reply!(reply, DescribeGroups),
                Err(code) => groups
                    .into_iter()
                    .map(|group| failed(group, code))
                    .collect(),
            };
            found.extend(
                described
                    .into_iter()
                    .map(|group| (group.group_id.clone(), group)),
            );
        }
        let with_operations = request.include_authorized_operations;
        let groups = request.groups.iter().filter_map(|group| {
            let mut group = found.remove(group)?;
            if context.version < 6 && group.error_code == ErrorCode::GroupIdNotFound.code() {
                group.error_code = 0;
                group.error_message = None;
            }
            if with_operations && group.error_code == 0 {
                group.authorized_operations = authorized_operations::GROUP;
            }
            Some(group)
        });
        DescribeGroupsResponse {
            groups: groups.collect(),
            ..DescribeGroupsResponse::default()
        }
        .into()
    }
}

fn failed(group_id: Str, code: ErrorCode) -> DescribedGroup {
    DescribedGroup {
        group_id,
        error_code: code.code(),
        ..DescribedGroup::default()
    }
}
