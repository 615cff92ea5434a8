//! Heartbeat: v0-v4. Keeps a member's session, and tells it of a rebalance.
//!
//! Version notes: v3 static members.

use std::ops::RangeInclusive;

use chronik_coordinator::{Heartbeat as Beat, Request};
use chronik_protocol::generated::{HeartbeatRequest, HeartbeatResponse};

use super::super::{Context, Handled, Handler};
use super::{ask, expect_reply};

pub(in crate::api) struct Heartbeat;

impl Handler for Heartbeat {
    type Request = HeartbeatRequest;
    const VERSIONS: RangeInclusive<i16> = 0..=4;

    async fn handle(context: Context, request: HeartbeatRequest) -> Handled<HeartbeatResponse> {
        let group = request.group_id.clone();
        let beat = Request::Heartbeat(Beat::from_wire(request));
        match ask(&context, &group, beat).await {
            Ok(reply) => expect_reply!(reply, Heartbeat),
            Err(code) => HeartbeatResponse {
                error_code: code.code(),
                ..HeartbeatResponse::default()
            },
        }
        .into()
    }
}
