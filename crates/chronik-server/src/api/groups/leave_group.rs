//! LeaveGroup: v0-v5. Members leave, or are made to.
//!
//! Version notes: v3 many members and static ones, each with an error of its own; v5 reasons.

use std::ops::RangeInclusive;

use chronik_coordinator::{LeaveGroup as Leave, Request};
use chronik_protocol::generated::{LeaveGroupRequest, LeaveGroupResponse};

use super::super::{Context, Handled, Handler};
use super::{ask, expect_reply};

pub(in crate::api) struct LeaveGroup;

impl Handler for LeaveGroup {
    type Request = LeaveGroupRequest;
    const VERSIONS: RangeInclusive<i16> = 0..=5;

    async fn handle(context: Context, request: LeaveGroupRequest) -> Handled<LeaveGroupResponse> {
        let group = request.group_id.clone();
        let leave = Request::LeaveGroup(Leave::from_wire(request, context.version));
        let mut response = match ask(&context, &group, leave).await {
            Ok(reply) => expect_reply!(reply, LeaveGroup),
            Err(code) => LeaveGroupResponse {
                error_code: code.code(),
                ..LeaveGroupResponse::default()
            },
        };
        if context.version < 3
            && let Some(only) = std::mem::take(&mut response.members).pop()
            && response.error_code == 0
        {
            response.error_code = only.error_code;
        }
        response.into()
    }
}
