//! SyncGroup: v0-v5. The leader hands in the assignment, everybody gets its part.
//!
//! Version notes: v3 static members; v5 protocol type and name, which must be the group's.

use std::ops::RangeInclusive;

use chronik_coordinator::{Request, SyncGroup as Sync};
use chronik_protocol::generated::{SyncGroupRequest, SyncGroupResponse};

use super::super::{Context, Handled, Handler};
use super::{ask_and_park, detached, expect_reply};

pub(in crate::api) struct SyncGroup;

impl Handler for SyncGroup {
    type Request = SyncGroupRequest;
    const VERSIONS: RangeInclusive<i16> = 0..=5;

    async fn handle(context: Context, mut request: SyncGroupRequest) -> Handled<SyncGroupResponse> {
        request.group_id = detached(&request.group_id);
        request.member_id = detached(&request.member_id);
        let group = request.group_id.clone();
        let sync = Request::SyncGroup(Sync::from_wire(request));
        match ask_and_park(context, &group, sync).await {
            Ok(reply) => expect_reply!(reply, SyncGroup),
            Err(code) => SyncGroupResponse {
                error_code: code.code(),
                ..SyncGroupResponse::default()
            },
        }
        .into()
    }
}
