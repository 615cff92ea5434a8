//! SyncGroup and Heartbeat: assignments, fencing, members that never sync.

use std::time::Duration;

use chronik_coordinator::{JoinGroup, Request, SyncGroup};
use chronik_protocol::Str;
use chronik_types::ErrorCode;

use crate::bench::{Bench, consumer, error, seconds};

/// Two members of generation 1 that have not synced; the first leads.
fn joined(bench: &mut Bench) -> [Str; 2] {
    let (first, one) = bench.join_with_id(consumer("one"));
    let (second, two) = bench.join_with_id(consumer("two"));
    bench.pass(seconds(6));
    assert_eq!(bench.join_reply(one).generation_id, 1);
    assert_eq!(bench.join_reply(two).generation_id, 1);
    [first, second]
}

#[test]
fn a_follower_waits_for_the_leaders_assignment() {
    let mut bench = Bench::new();
    let [leader, follower] = joined(&mut bench);
    let early = bench.send_sync(&follower, 1, &[]);
    assert!(!bench.is_answered(early));
    let assignments = [(&leader, "A"), (&follower, "B")];
    let leads = bench.send_sync(&leader, 1, &assignments);
    assert_eq!(bench.sync_reply(leads).assignment, "A");
    let reply = bench.sync_reply(early);
    assert_eq!(reply.assignment, "B");
    assert_eq!(reply.protocol_name, Some("range".into()));
    assert_eq!(bench.state(), "Stable");
    let again = bench.send_sync(&follower, 1, &[]);
    assert_eq!(bench.sync_reply(again).assignment, "B");
}

#[test]
fn two_thousand_members_form_a_generation() {
    let mut bench = Bench::new();
    let waiting: Vec<_> = (0..2_000)
        .map(|_| bench.join_quietly(consumer("c")))
        .collect();
    bench.pass(seconds(6));
    let replies: Vec<_> = waiting.into_iter().map(|t| bench.join_reply(t)).collect();
    let leader = replies[0].leader.clone();
    let assignments: Vec<_> = replies.iter().map(|r| (&r.member_id, "part")).collect();
    let ticket = bench.send_sync(&leader, 1, &assignments);
    assert_eq!(bench.sync_reply(ticket).assignment, "part");
    let told: usize = replies.iter().map(|r| r.members.len()).sum();
    assert_eq!(told, 2_000, "the leader is told of all, others of nobody");
    assert_eq!(bench.group().members.len(), 2_000);
    assert_eq!(bench.shard.facts().stable, 1);
}

#[test]
fn whom_the_leader_left_out_has_an_empty_assignment() {
    let mut bench = Bench::new();
    let [leader, follower] = joined(&mut bench);
    let stranger = Str::from("stranger");
    bench.send_sync(&leader, 1, &[(&leader, "A"), (&stranger, "C")]);
    let ticket = bench.send_sync(&follower, 1, &[]);
    assert_eq!(bench.sync_reply(ticket).assignment, "");
    assert_eq!(bench.group().members.len(), 2);
}

#[test]
fn a_sync_is_refused_as_kafka_refuses_it() {
    let mut bench = Bench::new();
    let [leader, _] = joined(&mut bench);
    let sync = SyncGroup {
        group: "g".into(),
        generation: 1,
        member: leader,
        instance: None,
        protocol_type: None,
        protocol: None,
        assignments: Vec::new(),
    };
    let none = SyncGroup {
        group: Str::EMPTY,
        ..sync.clone()
    };
    let other_group = SyncGroup {
        group: "other".into(),
        ..sync.clone()
    };
    let unknown = SyncGroup {
        member: "nobody".into(),
        generation: 7,
        ..sync.clone()
    };
    let unknown_instance = SyncGroup {
        instance: Some("i".into()),
        ..sync.clone()
    };
    let stale = SyncGroup {
        generation: 0,
        protocol: Some("sticky".into()),
        ..sync.clone()
    };
    let other_type = SyncGroup {
        protocol_type: Some("connect".into()),
        ..sync.clone()
    };
    let other_protocol = SyncGroup {
        protocol: Some("sticky".into()),
        ..sync
    };
    let cases = [
        (none, ErrorCode::InvalidGroupId),
        (other_group, ErrorCode::UnknownMemberId),
        (unknown, ErrorCode::UnknownMemberId),
        (unknown_instance, ErrorCode::UnknownMemberId),
        (stale, ErrorCode::IllegalGeneration),
        (other_type, ErrorCode::InconsistentGroupProtocol),
        (other_protocol, ErrorCode::InconsistentGroupProtocol),
    ];
    for (sync, expected) in cases {
        let ticket = bench.ask(Request::SyncGroup(sync.clone()));
        let told = error(bench.sync_reply(ticket).error_code);
        assert_eq!(told, expected, "{sync:?}");
    }
}

#[test]
fn a_rebalance_takes_those_back_who_wait_for_an_assignment() {
    let mut bench = Bench::new();
    let [leader, follower] = joined(&mut bench);
    let waits = bench.send_sync(&follower, 1, &[]);
    let (_, third) = bench.join_with_id(consumer("three"));
    let told = error(bench.sync_reply(waits).error_code);
    assert_eq!(told, ErrorCode::RebalanceInProgress);
    let late = bench.send_sync(&leader, 1, &[(&leader, "A")]);
    let told = error(bench.sync_reply(late).error_code);
    assert_eq!(told, ErrorCode::RebalanceInProgress);
    assert!(!bench.is_answered(third));
}

#[test]
fn a_join_that_was_not_heard_is_answered_again_while_the_leader_assigns() {
    let mut bench = Bench::new();
    let [leader, follower] = joined(&mut bench);
    for (id, members) in [(&leader, 2), (&follower, 0)] {
        let ticket = bench.send_join(JoinGroup {
            member: Some(id.clone()),
            ..consumer("c")
        });
        let reply = bench.join_reply(ticket);
        assert_eq!(reply.generation_id, 1);
        assert_eq!(reply.members.len(), members);
    }
    assert_eq!(bench.state(), "CompletingRebalance");
}

#[test]
fn who_does_not_sync_within_the_rebalance_timeout_is_out() {
    let mut bench = Bench::new();
    let [leader, follower] = joined(&mut bench);
    let ticket = bench.send_sync(&leader, 1, &[(&leader, "A")]);
    bench.sync_reply(ticket);
    // The follower lives, but never fetches its assignment.
    for _ in 0..11 {
        bench.pass(seconds(5));
        assert_eq!(bench.heartbeat(&follower, 1), ErrorCode::None);
        assert_eq!(bench.heartbeat(&leader, 1), ErrorCode::None);
    }
    bench.pass(seconds(5));
    let told = bench.heartbeat(&leader, 1);
    assert_eq!(told, ErrorCode::RebalanceInProgress);
    let told = bench.heartbeat(&follower, 1);
    assert_eq!(told, ErrorCode::UnknownMemberId);
    assert!(bench.transcript().contains("did not sync in time"));
}

#[test]
fn a_heartbeat_keeps_the_session_and_silence_ends_it() {
    let mut bench = Bench::new();
    let (ids, generation) = bench.stable(vec![consumer("one"), consumer("two")]);
    for _ in 0..20 {
        bench.pass(Duration::from_millis(9_999));
        if bench.heartbeat(&ids[0], generation) == ErrorCode::RebalanceInProgress {
            break;
        }
    }
    assert_eq!(bench.group().members.len(), 1, "the second was silent");
    assert!(
        bench
            .transcript()
            .contains(&format!("{} timed out", ids[1]))
    );
}

#[test]
fn a_heartbeat_is_refused_as_kafka_refuses_it() {
    let mut bench = Bench::new();
    let nobody = Str::from("nobody");
    assert_eq!(bench.heartbeat(&nobody, 0), ErrorCode::UnknownMemberId);
    let (ids, generation) = bench.stable(vec![consumer("one")]);
    let told = bench.heartbeat(&nobody, generation - 1);
    assert_eq!(told, ErrorCode::UnknownMemberId);
    let told = bench.heartbeat(&ids[0], generation - 1);
    assert_eq!(told, ErrorCode::IllegalGeneration);
    let told = bench.heartbeat_of(&ids[0], Some("i"), generation);
    assert_eq!(told, ErrorCode::UnknownMemberId);
    let again = JoinGroup {
        member: Some(ids[0].clone()),
        ..consumer("one")
    };
    bench.get_id(consumer("two"));
    bench.send_join(again);
    let told = bench.heartbeat(&ids[0], generation);
    assert_eq!(told, ErrorCode::RebalanceInProgress);
}

#[test]
fn who_waits_for_a_long_rebalance_does_not_time_out() {
    let mut bench = Bench::new();
    let (ids, generation) = bench.stable(vec![consumer("one"), consumer("two")]);
    let ticket = bench.send_join(JoinGroup {
        member: Some(ids[0].clone()),
        ..consumer("one")
    });
    for _ in 0..6 {
        bench.pass(seconds(9));
        bench.heartbeat(&ids[1], generation);
    }
    assert!(!bench.is_answered(ticket));
    assert_eq!(bench.group().members.len(), 2);
    bench.pass(seconds(9));
    assert_eq!(bench.join_reply(ticket).generation_id, generation + 1);
}
