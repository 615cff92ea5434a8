//! The edge between the wire and the coordinator.

use chronik_protocol::generated::leave_group_request::MemberIdentity;
use chronik_protocol::generated::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};

use super::*;

#[test]
fn a_join_says_what_its_version_means() {
    let join = |version, request: JoinGroupRequest| {
        JoinGroup::from_wire(request, version, Client::default(), Uuid::ZERO)
    };
    let request = JoinGroupRequest {
        session_timeout_ms: 7_000,
        ..JoinGroupRequest::default()
    };
    let oldest = join(0, request.clone());
    assert_eq!(oldest.member, None);
    assert_eq!(oldest.rebalance_timeout, Duration::from_secs(7));
    assert!(!oldest.requires_known_member_id);
    assert!(join(4, request.clone()).requires_known_member_id);
    assert!(!join(8, request.clone()).skip_assignment_allowed);
    let newest = join(
        9,
        JoinGroupRequest {
            member_id: "m".into(),
            group_instance_id: Some("i".into()),
            rebalance_timeout_ms: 0,
            ..request
        },
    );
    assert_eq!(newest.member, Some("m".into()));
    assert_eq!(newest.rebalance_timeout, Duration::ZERO);
    assert!(newest.skip_assignment_allowed);
    assert!(
        !newest.requires_known_member_id,
        "a static member has a name"
    );
    let negative = JoinGroupRequest {
        session_timeout_ms: i32::MIN,
        ..JoinGroupRequest::default()
    };
    assert_eq!(join(9, negative).session_timeout, Duration::ZERO);
}

#[test]
fn an_old_leave_is_of_one_member() {
    let request = LeaveGroupRequest {
        member_id: "m".into(),
        ..LeaveGroupRequest::default()
    };
    let leave = LeaveGroup::from_wire(request, 2);
    assert_eq!(leave.members[0].member, Some("m".into()));
    let request = LeaveGroupRequest {
        members: vec![MemberIdentity {
            group_instance_id: Some("i".into()),
            ..MemberIdentity::default()
        }],
        ..LeaveGroupRequest::default()
    };
    let leave = LeaveGroup::from_wire(request, 3);
    assert_eq!(leave.members[0].member, None);
    assert_eq!(leave.members[0].instance, Some("i".into()));
}

#[test]
fn a_commit_has_no_sentinels() {
    let commit = |generation, retention_time_ms, version| {
        let partition = OffsetCommitRequestPartition {
            committed_metadata: None,
            ..OffsetCommitRequestPartition::default()
        };
        let topic = OffsetCommitRequestTopic {
            partitions: vec![partition],
            ..OffsetCommitRequestTopic::default()
        };
        let request = OffsetCommitRequest {
            generation_id_or_member_epoch: generation,
            retention_time_ms,
            topics: vec![topic],
            ..OffsetCommitRequest::default()
        };
        OffsetCommit::from_wire(request, version)
    };
    let old = commit(-1, -1, 8);
    assert_eq!((old.generation, old.retention), (None, None));
    assert_eq!((old.member, old.tells_group_not_found), (None, false));
    let part = &old.topics[0].partitions[0];
    assert_eq!((part.leader_epoch, part.metadata.as_str()), (None, ""));
    assert_eq!(old.topics[0].topic_id, None);
    let new = commit(0, 5, 9);
    assert_eq!(new.generation, Some(0));
    assert_eq!(new.retention, Some(Duration::from_millis(5)));
    assert!(new.tells_group_not_found);
}
