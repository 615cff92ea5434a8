//! Static members (KIP-345): who stands for an instance, and when that begins a rebalance.

use chronik_coordinator::{AppendFailed, JoinGroup};
use chronik_types::ErrorCode;

use crate::bench::{Bench, consumer, error, protocol, seconds, static_consumer};

#[test]
fn a_new_process_takes_over_its_instance_without_a_rebalance() {
    let mut bench = Bench::new();
    let joins = vec![static_consumer("i"), static_consumer("j")];
    let (ids, generation) = bench.stable(joins);
    let ticket = bench.send_join(static_consumer("j"));
    let reply = bench.join_reply(ticket);
    assert_eq!(error(reply.error_code), ErrorCode::None);
    assert_eq!(reply.generation_id, generation);
    assert_ne!(reply.member_id, ids[1]);
    assert!(reply.member_id.starts_with("j-"));
    assert_eq!(reply.leader, ids[0]);
    assert!(!reply.skip_assignment);
    assert_eq!(bench.state(), "Stable");
    // It has the assignment of the old one, which is fenced; also after a restart.
    let new = reply.member_id;
    for _ in 0..2 {
        let ticket = bench.send_sync(&new, generation, &[]);
        assert_eq!(bench.sync_reply(ticket).assignment, "part");
        let told = bench.heartbeat_of(&ids[1], Some("j"), generation);
        assert_eq!(told, ErrorCode::FencedInstanceId);
        let told = bench.heartbeat(&ids[1], generation);
        assert_eq!(told, ErrorCode::UnknownMemberId);
        let told = bench.heartbeat_of(&new, Some("j"), generation);
        assert_eq!(told, ErrorCode::None);
        bench.restart();
    }
}

#[test]
fn a_leader_that_came_back_is_told_to_skip_the_assignment_if_it_can_be() {
    for can_skip in [true, false] {
        let mut bench = Bench::new();
        let joins = vec![static_consumer("i"), static_consumer("j")];
        let (ids, generation) = bench.stable(joins);
        let ticket = bench.send_join(JoinGroup {
            skip_assignment_allowed: can_skip,
            ..static_consumer("i")
        });
        let reply = bench.join_reply(ticket);
        assert_eq!(reply.generation_id, generation);
        assert_eq!(reply.skip_assignment, can_skip);
        let leader = bench.group().leader.unwrap();
        assert_eq!(leader, reply.member_id);
        if can_skip {
            assert_eq!(reply.leader, leader);
            assert_eq!(reply.members.len(), 2);
        } else {
            assert_eq!(reply.leader, ids[0], "it takes itself for a follower");
            assert_eq!(reply.members.len(), 0);
        }
    }
}

#[test]
fn a_takeover_that_changes_the_protocol_begins_a_rebalance() {
    let mut bench = Bench::new();
    let both = |instance| JoinGroup {
        protocols: vec![protocol("range", &["orders"]), protocol("sticky", &[])],
        ..static_consumer(instance)
    };
    let (ids, generation) = bench.stable(vec![both("i"), both("j")]);
    let ticket = bench.send_join(JoinGroup {
        protocols: vec![protocol("sticky", &[])],
        ..static_consumer("j")
    });
    assert!(!bench.is_answered(ticket));
    let told = bench.heartbeat(&ids[0], generation);
    assert_eq!(told, ErrorCode::RebalanceInProgress);
    bench.send_join(JoinGroup {
        member: Some(ids[0].clone()),
        ..both("i")
    });
    let reply = bench.join_reply(ticket);
    assert_eq!(reply.protocol_name, Some("sticky".into()));
}

#[test]
fn a_takeover_while_the_leader_assigns_begins_a_rebalance() {
    let mut bench = Bench::new();
    let first = bench.send_join(static_consumer("i"));
    let second = bench.send_join(static_consumer("j"));
    bench.pass(seconds(6));
    let (first, second) = (bench.join_reply(first), bench.join_reply(second));
    let waits = bench.send_sync(&second.member_id, 1, &[]);
    let ticket = bench.send_join(static_consumer("j"));
    let told = error(bench.sync_reply(waits).error_code);
    assert_eq!(told, ErrorCode::FencedInstanceId);
    bench.send_join(JoinGroup {
        member: Some(first.member_id),
        ..static_consumer("i")
    });
    assert_eq!(bench.join_reply(ticket).generation_id, 2);
}

#[test]
fn of_two_processes_with_one_instance_the_one_that_waits_is_fenced() {
    let mut bench = Bench::new();
    let first = bench.send_join(static_consumer("i"));
    let second = bench.send_join(static_consumer("i"));
    let told = error(bench.join_reply(first).error_code);
    assert_eq!(told, ErrorCode::FencedInstanceId);
    bench.pass(seconds(6));
    let reply = bench.join_reply(second);
    assert_eq!(reply.generation_id, 1);
    assert_eq!(bench.group().members.len(), 1);
}

#[test]
fn a_static_member_stays_until_its_session_ends_though_it_does_not_join_again() {
    let mut bench = Bench::new();
    let long = JoinGroup {
        session_timeout: seconds(300),
        ..static_consumer("i")
    };
    let (ids, generation) = bench.stable(vec![long, consumer("d")]);
    let ticket = bench.send_join(JoinGroup {
        member: Some(ids[1].clone()),
        protocols: vec![protocol("range", &["payments"])],
        ..consumer("d")
    });
    bench.pass(seconds(60));
    let reply = bench.join_reply(ticket);
    assert_eq!(reply.generation_id, generation + 1);
    assert_eq!(reply.leader, ids[1], "who joined leads");
    assert_eq!(bench.group().members.len(), 2);
}

#[test]
fn static_members_that_give_no_time_to_join_are_waited_for_all_the_same() {
    let mut bench = Bench::new();
    let hasty = |instance| JoinGroup {
        rebalance_timeout: seconds(0),
        ..static_consumer(instance)
    };
    bench.stable(vec![static_consumer("i"), static_consumer("j")]);
    for instance in ["i", "j"] {
        let ticket = bench.send_join(hasty(instance));
        assert_eq!(bench.join_reply(ticket).error_code, 0);
    }
    bench.leave(&[(None, Some("i"))]);
    bench.pass(seconds(5));
    assert_eq!(bench.group().members.len(), 1);
    bench.pass(seconds(10));
    assert_eq!(bench.state(), "Empty");
}

#[test]
fn a_known_static_member_joins_under_its_id_and_no_other() {
    let mut bench = Bench::new();
    let (ids, generation) = bench.stable(vec![static_consumer("i"), static_consumer("j")]);
    let mut told = |member: &str, instance: &str| {
        let ticket = bench.send_join(JoinGroup {
            member: Some(member.into()),
            ..static_consumer(instance)
        });
        let reply = bench.join_reply(ticket);
        (error(reply.error_code), reply.generation_id)
    };
    assert_eq!(told(&ids[1], "j"), (ErrorCode::None, generation));
    let fenced = (ErrorCode::FencedInstanceId, -1);
    assert_eq!(told("old", "j"), fenced);
    let unknown = (ErrorCode::UnknownMemberId, -1);
    assert_eq!(told("old", "k"), unknown);
}

#[test]
fn a_takeover_that_cannot_be_stored_leaves_the_old_one_in_place() {
    let mut bench = Bench::new();
    let (ids, generation) = bench.stable(vec![static_consumer("i"), static_consumer("j")]);
    bench.fail = Some(AppendFailed::NotEnoughReplicas);
    let ticket = bench.send_join(static_consumer("j"));
    let reply = bench.join_reply(ticket);
    let told = error(reply.error_code);
    assert_eq!(told, ErrorCode::CoordinatorNotAvailable);
    assert_eq!(reply.member_id, "");
    let told = bench.heartbeat_of(&ids[1], Some("j"), generation);
    assert_eq!(told, ErrorCode::None);
    assert_eq!(bench.state(), "Stable");
    bench.fail = None;
    let ticket = bench.send_join(static_consumer("j"));
    assert_eq!(bench.join_reply(ticket).generation_id, generation);
}
