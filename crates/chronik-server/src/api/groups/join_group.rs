//! JoinGroup: v0-v9. Enters a group, or starts its next rebalance; answered when that is decided.
//!
//! Version notes: v1 rebalance timeout; v4 a member id comes first (KIP-394); v5 static members
//! (KIP-345); v7 protocol type and a nullable protocol; v8 reason; v9 skip assignment (KIP-814).

use std::ops::RangeInclusive;

use chronik_coordinator::{JoinGroup as Join, Request};
use chronik_protocol::generated::{JoinGroupRequest, JoinGroupResponse};

use super::super::{Context, Handled, Handler};
use super::{ask_and_park, client, detached, expect_reply};

pub(in crate::api) struct JoinGroup;

impl Handler for JoinGroup {
    type Request = JoinGroupRequest;
    const VERSIONS: RangeInclusive<i16> = 0..=9;

    async fn handle(context: Context, mut request: JoinGroupRequest) -> Handled<JoinGroupResponse> {
        request.group_id = detached(&request.group_id);
        request.member_id = detached(&request.member_id);
        request.group_instance_id = request.group_instance_id.as_ref().map(detached);
        let version = context.version;
        let (group, member) = (request.group_id.clone(), request.member_id.clone());
        let new_member = context.node.env.rng.uuid();
        let join = Join::from_wire(request, version, client(&context), new_member);
        let mut response = match ask_and_park(context, &group, Request::JoinGroup(join)).await {
            Ok(reply) => expect_reply!(reply, JoinGroup),
            Err(code) => JoinGroupResponse {
                error_code: code.code(),
                member_id: member,
                ..JoinGroupResponse::default()
            },
        };
        if version < 7 {
            response.protocol_name.get_or_insert_default();
        }
        response.into()
    }
}
