//! JoinGroup: ids, the initial delay, leaders, protocols, limits.

use std::time::Duration;

use chronik_coordinator::{JoinGroup, Protocol, Settings};
use chronik_protocol::Str;
use chronik_types::ErrorCode;

use crate::bench::{Bench, commit, consumer, error, protocol, seconds, static_consumer};

#[test]
fn a_member_with_more_than_a_thousand_protocols_is_refused() {
    let mut bench = Bench::new();
    let with = |count: usize| JoinGroup {
        protocols: (0..count)
            .map(|n| protocol(&format!("p{n}"), &["orders"]))
            .collect(),
        requires_known_member_id: false,
        ..consumer("c")
    };
    // Of a group that is to be made, and of one that is there.
    for _ in 0..2 {
        let refused = bench.send_join(with(1_001));
        let told = error(bench.join_reply(refused).error_code);
        assert_eq!(told, ErrorCode::InconsistentGroupProtocol);
        bench.commit(commit("orders", 0, 1));
    }
    let ticket = bench.send_join(with(1_000));
    bench.pass(seconds(6));
    assert_eq!(bench.join_reply(ticket).error_code, 0);
}

#[test]
fn a_dynamic_member_is_given_an_id_and_joins_with_it_after_the_initial_delay() {
    let mut bench = Bench::new();
    let (id, ticket) = bench.join_with_id(consumer("c"));
    assert!(id.starts_with("c-01010101-0101-0101-0101-0101"), "{id}");
    bench.pass(Duration::from_millis(2_999));
    assert!(!bench.is_answered(ticket));
    assert_eq!(bench.state(), "PreparingRebalance");
    bench.pass(Duration::from_millis(1));
    let reply = bench.join_reply(ticket);
    assert_eq!(error(reply.error_code), ErrorCode::None);
    assert_eq!(reply.generation_id, 1);
    assert_eq!(reply.leader, id);
    assert_eq!(reply.member_id, id);
    assert_eq!(reply.protocol_name, Some("range".into()));
    assert_eq!(reply.protocol_type, Some("consumer".into()));
    assert_eq!(reply.members.len(), 1);
    assert_eq!(bench.state(), "CompletingRebalance");
    assert_eq!(
        bench.transcript(),
        format!(
            "0: member {id} (client c at /127.0.0.1) joined\n\
             0: rebalance begins: a new member: {id}; client reason: not provided\n\
             1: generation of 1 members\n"
        )
    );
}

#[test]
fn an_old_client_joins_at_once_without_an_id() {
    let mut bench = Bench::new();
    let ticket = bench.send_join(JoinGroup {
        requires_known_member_id: false,
        ..consumer("old")
    });
    bench.pass(seconds(3));
    let reply = bench.join_reply(ticket);
    assert_eq!(error(reply.error_code), ErrorCode::None);
    assert!(reply.member_id.starts_with("old-"));
}

#[test]
fn a_new_member_extends_the_initial_delay_up_to_the_rebalance_timeout() {
    let mut bench = Bench::new();
    let join = JoinGroup {
        rebalance_timeout: seconds(7),
        requires_known_member_id: false,
        ..consumer("c")
    };
    let mut tickets = vec![bench.send_join(join.clone())];
    for _ in 0..2 {
        bench.pass(seconds(2));
        tickets.push(bench.send_join(join.clone()));
    }
    // Joins at 0, 2 and 4 s: the delays end at 3, 6 and, as 7 s are allowed, at 7 s.
    bench.pass(Duration::from_millis(2_999));
    assert!(!bench.is_answered(tickets[0]));
    bench.pass(Duration::from_millis(1));
    let generations = tickets.iter().map(|t| bench.join_reply(*t).generation_id);
    assert_eq!(generations.collect::<Vec<_>>(), [1, 1, 1]);
}

#[test]
fn only_the_leader_is_told_who_the_members_are() {
    let mut bench = Bench::new();
    let (first, one) = bench.join_with_id(consumer("one"));
    let (second, two) = bench.join_with_id(consumer("two"));
    bench.pass(seconds(6));
    let (one, two) = (bench.join_reply(one), bench.join_reply(two));
    assert_eq!(one.leader, first);
    assert_eq!(two.leader, first);
    let members: Vec<_> = one.members.iter().map(|m| m.member_id.clone()).collect();
    assert_eq!(members, [first, second]);
    assert_eq!(two.members, []);
}

#[test]
fn an_id_that_is_not_used_within_the_session_timeout_is_unknown_then() {
    let mut bench = Bench::new();
    let id = bench.get_id(consumer("c"));
    assert_eq!(bench.group().pending_members, 1);
    bench.pass(seconds(10));
    assert_eq!(bench.group().pending_members, 0);
    let ticket = bench.send_join(JoinGroup {
        member: Some(id),
        ..consumer("c")
    });
    let reply = bench.join_reply(ticket);
    assert_eq!(error(reply.error_code), ErrorCode::UnknownMemberId);
}

#[test]
fn a_rebalance_waits_for_an_id_that_was_given_out() {
    let mut bench = Bench::new();
    let (ids, _) = bench.stable(vec![consumer("one")]);
    let pending = bench.get_id(consumer("two"));
    // The leader joins again: it would be alone, but for the id.
    let again = bench.send_join(JoinGroup {
        member: Some(ids[0].clone()),
        ..consumer("one")
    });
    assert!(!bench.is_answered(again));
    let second = bench.send_join(JoinGroup {
        member: Some(pending),
        ..consumer("two")
    });
    assert_eq!(bench.join_reply(again).generation_id, 2);
    assert_eq!(bench.join_reply(second).generation_id, 2);
}

#[test]
fn a_join_is_refused_as_kafka_refuses_it() {
    let refused = |bench: &mut Bench, join: JoinGroup| {
        let ticket = bench.send_join(join);
        error(bench.join_reply(ticket).error_code)
    };
    let mut bench = Bench::new();
    let bench = &mut bench;
    let member = |id: &str| Some(Str::from(id));
    let no_group = JoinGroup {
        group: Str::EMPTY,
        ..consumer("c")
    };
    assert_eq!(refused(bench, no_group), ErrorCode::InvalidGroupId);
    for timeout in [Duration::from_millis(5_999), seconds(1_801)] {
        let join = JoinGroup {
            session_timeout: timeout,
            ..consumer("c")
        };
        assert_eq!(refused(bench, join), ErrorCode::InvalidSessionTimeout);
    }
    let unknown = JoinGroup {
        member: member("nobody"),
        ..consumer("c")
    };
    assert_eq!(refused(bench, unknown.clone()), ErrorCode::UnknownMemberId);
    assert_eq!(bench.state(), "Dead", "no group came of it");
    let nothing = JoinGroup {
        protocols: Vec::new(),
        ..consumer("c")
    };
    assert_eq!(
        refused(bench, nothing),
        ErrorCode::InconsistentGroupProtocol
    );
    assert_eq!(bench.state(), "Dead", "no group came of it");
    bench.stable(vec![consumer("one")]);
    assert_eq!(refused(bench, unknown), ErrorCode::UnknownMemberId);
    let other_type = JoinGroup {
        protocol_type: "connect".into(),
        ..consumer("c")
    };
    let other_protocol = JoinGroup {
        protocols: vec![protocol("sticky", &[])],
        ..consumer("c")
    };
    for join in [other_type, other_protocol] {
        let error = refused(bench, join);
        assert_eq!(error, ErrorCode::InconsistentGroupProtocol);
    }
}

#[test]
fn any_protocol_type_and_any_metadata_will_do() {
    let mut bench = Bench::new();
    let ticket = bench.send_join(JoinGroup {
        protocol_type: "connect".into(),
        protocols: vec![Protocol {
            name: "sessioned".into(),
            metadata: b"\xff\xfe".as_slice().into(),
        }],
        requires_known_member_id: false,
        ..consumer("worker")
    });
    bench.pass(seconds(3));
    let reply = bench.join_reply(ticket);
    assert_eq!(reply.protocol_type, Some("connect".into()));
    assert_eq!(reply.members[0].metadata, b"\xff\xfe".as_slice());
}

#[test]
fn the_protocol_that_all_support_and_most_prefer_is_chosen() {
    let mut bench = Bench::new();
    let with = |names: &[&str]| JoinGroup {
        protocols: names.iter().map(|name| protocol(name, &[])).collect(),
        requires_known_member_id: false,
        ..consumer("c")
    };
    let lists: [&[&str]; 3] = [
        &["range", "roundrobin", "sticky"],
        &["sticky", "roundrobin"],
        &["cooperative", "roundrobin", "sticky"],
    ];
    let tickets: Vec<_> = lists.iter().map(|l| bench.send_join(with(l))).collect();
    bench.pass(seconds(6));
    // Two have roundrobin before sticky, one the other way; range is not for all.
    for ticket in tickets {
        let reply = bench.join_reply(ticket);
        assert_eq!(reply.protocol_name, Some("roundrobin".into()));
    }
}

#[test]
fn the_leader_has_one_vote_like_everybody_else() {
    let mut bench = Bench::new();
    let lists = [
        ["range", "sticky"],
        ["sticky", "range"],
        ["sticky", "range"],
    ];
    let tickets = lists.map(|names| {
        bench.send_join(JoinGroup {
            protocols: names.iter().map(|name| protocol(name, &[])).collect(),
            requires_known_member_id: false,
            ..consumer("c")
        })
    });
    bench.pass(seconds(6));
    let replies = tickets.map(|ticket| bench.join_reply(ticket));
    assert_eq!(replies[0].leader, replies[0].member_id);
    assert_eq!(replies[0].protocol_name, Some("sticky".into()));
}

#[test]
fn a_follower_with_the_same_metadata_is_told_the_generation_and_nothing_begins() {
    let mut bench = Bench::new();
    let (ids, generation) = bench.stable(vec![consumer("one"), consumer("two")]);
    let ticket = bench.send_join(JoinGroup {
        member: Some(ids[1].clone()),
        ..consumer("two")
    });
    let reply = bench.join_reply(ticket);
    assert_eq!(reply.generation_id, generation);
    assert_eq!(reply.members, []);
    assert_eq!(bench.state(), "Stable");
}

#[test]
fn a_leader_that_joins_again_and_a_follower_with_new_metadata_begin_a_rebalance() {
    for (who, topics) in [(0, "orders"), (1, "payments")] {
        let mut bench = Bench::new();
        let (ids, generation) = bench.stable(vec![consumer("one"), consumer("two")]);
        let ticket = bench.send_join(JoinGroup {
            member: Some(ids[who].clone()),
            protocols: vec![protocol("range", &[topics])],
            reason: Some("new topics".into()),
            ..consumer("c")
        });
        assert_eq!(bench.state(), "PreparingRebalance");
        assert!(
            bench
                .transcript()
                .ends_with("; client reason: new topics\n")
        );
        let other = &ids[1 - who];
        let told = bench.heartbeat(other, generation);
        assert_eq!(told, ErrorCode::RebalanceInProgress);
        let joined = bench.send_join(JoinGroup {
            member: Some(other.clone()),
            ..consumer("c")
        });
        assert_eq!(bench.join_reply(ticket).generation_id, generation + 1);
        assert_eq!(bench.join_reply(joined).generation_id, generation + 1);
    }
}

#[test]
fn who_does_not_join_again_within_the_rebalance_timeout_is_out() {
    let mut bench = Bench::new();
    let (ids, generation) = bench.stable(vec![consumer("one"), consumer("two")]);
    let (_, third) = bench.join_with_id(consumer("three"));
    // Both live, but only the leader joins again.
    let first = bench.send_join(JoinGroup {
        member: Some(ids[0].clone()),
        ..consumer("one")
    });
    for _ in 0..11 {
        bench.pass(seconds(5));
        let told = bench.heartbeat(&ids[1], generation);
        assert_eq!(told, ErrorCode::RebalanceInProgress);
    }
    bench.pass(seconds(5));
    assert_eq!(bench.join_reply(first).generation_id, generation + 1);
    assert_eq!(bench.join_reply(third).generation_id, generation + 1);
    let told = bench.heartbeat(&ids[1], generation);
    assert_eq!(told, ErrorCode::UnknownMemberId);
}

#[test]
fn another_becomes_leader_if_the_leader_does_not_join_again() {
    let mut bench = Bench::new();
    let (ids, _) = bench.stable(vec![consumer("one"), consumer("two")]);
    let ticket = bench.send_join(JoinGroup {
        member: Some(ids[1].clone()),
        protocols: vec![protocol("range", &["payments"])],
        ..consumer("two")
    });
    bench.pass(seconds(10));
    let reply = bench.join_reply(ticket);
    assert_eq!(reply.leader, ids[1]);
    assert_eq!(reply.members.len(), 1);
}

#[test]
fn a_first_join_that_waits_for_five_minutes_is_given_up() {
    let mut bench = Bench::new();
    let (ids, generation) = bench.stable(vec![JoinGroup {
        rebalance_timeout: seconds(3_600),
        ..consumer("one")
    }]);
    let ticket = bench.send_join(JoinGroup {
        requires_known_member_id: false,
        ..consumer("two")
    });
    for _ in 0..60 {
        bench.pass(seconds(5));
        bench.heartbeat(&ids[0], generation);
    }
    let reply = bench.join_reply(ticket);
    assert_eq!(error(reply.error_code), ErrorCode::UnknownMemberId);
    assert_eq!(bench.group().members.len(), 1);
}

#[test]
fn a_group_takes_no_more_members_than_its_size() {
    let settings = Settings {
        group_size_max: 2,
        ..Settings::default()
    };
    let mut bench = Bench::with(settings);
    bench.stable(vec![consumer("one"), consumer("two")]);
    let ticket = bench.send_join(consumer("three"));
    let reply = bench.join_reply(ticket);
    assert_eq!(error(reply.error_code), ErrorCode::GroupMaxSizeReached);
    assert_eq!(bench.state(), "Stable");
}

#[test]
fn a_group_that_was_loaded_over_its_size_lets_the_first_who_join_again_in() {
    let mut bench = Bench::new();
    let joins = vec![consumer("one"), consumer("two"), consumer("three")];
    let (ids, generation) = bench.stable(joins);
    bench.restart_with(Settings {
        group_size_max: 2,
        ..Settings::default()
    });
    assert_eq!(bench.state(), "PreparingRebalance");
    let again = |id: &Str| JoinGroup {
        member: Some(id.clone()),
        ..consumer("c")
    };
    let tickets: Vec<_> = ids.iter().map(|id| bench.send_join(again(id))).collect();
    let refused = bench.join_reply(tickets[2]);
    assert_eq!(error(refused.error_code), ErrorCode::GroupMaxSizeReached);
    for ticket in &tickets[..2] {
        assert_eq!(bench.join_reply(*ticket).generation_id, generation + 1);
    }
}

#[test]
fn what_members_hold_is_bounded() {
    let settings = Settings {
        held_bytes_max: 10_000,
        pending_members_max: 3,
        ..Settings::default()
    };
    let mut bench = Bench::with(settings);
    let large = JoinGroup {
        protocols: vec![Protocol {
            name: "range".into(),
            metadata: vec![0; 6_000].into(),
        }],
        requires_known_member_id: false,
        ..consumer("large")
    };
    let first = bench.send_join(large.clone());
    let second = bench.send_join(large);
    let refused = error(bench.join_reply(second).error_code);
    assert_eq!(refused, ErrorCode::GroupMaxSizeReached);
    for i in 0..4 {
        let ticket = bench.send_join(consumer("small"));
        let told = error(bench.join_reply(ticket).error_code);
        let expected = match i {
            0..3 => ErrorCode::MemberIdRequired,
            _ => ErrorCode::GroupMaxSizeReached,
        };
        assert_eq!(told, expected, "id {i}");
    }
    assert!(bench.shard.facts().held_bytes <= 10_000);
    bench.pass(seconds(3));
    let id = bench.join_reply(first).member_id;
    bench.leave(&[(Some(&id), None)]);
    bench.pass(seconds(20));
    assert_eq!(bench.shard.facts().held_bytes, 0);
}

#[test]
fn a_protocol_that_is_named_twice_counts_once() {
    let mut bench = Bench::new();
    let twice = JoinGroup {
        protocols: vec![protocol("range", &["a"]), protocol("range", &["b"])],
        ..consumer("c")
    };
    let (_, first) = bench.join_with_id(twice.clone());
    let (_, second) = bench.join_with_id(twice);
    bench.pass(seconds(6));
    for ticket in [first, second] {
        let reply = bench.join_reply(ticket);
        assert_eq!(reply.protocol_name, Some("range".into()));
    }
}

#[test]
fn a_retried_join_is_answered_and_the_earlier_one_told_to_go() {
    let mut bench = Bench::new();
    let (id, early) = bench.join_with_id(consumer("c"));
    let late = bench.send_join(JoinGroup {
        member: Some(id),
        ..consumer("c")
    });
    let told = error(bench.join_reply(early).error_code);
    assert_eq!(told, ErrorCode::RebalanceInProgress);
    bench.pass(seconds(6));
    assert_eq!(bench.join_reply(late).generation_id, 1);
}

#[test]
fn a_cancelled_ticket_is_not_answered_and_its_member_stays() {
    let mut bench = Bench::new();
    let (id, ticket) = bench.join_with_id(consumer("c"));
    bench.shard.cancel(ticket);
    bench.pass(seconds(3));
    assert!(!bench.is_answered(ticket));
    assert_eq!(bench.heartbeat(&id, 1), ErrorCode::None);
    bench.pass(seconds(10));
    assert_eq!(bench.heartbeat(&id, 1), ErrorCode::UnknownMemberId);
}

#[test]
fn the_events_of_a_group_are_the_last_64() {
    let mut bench = Bench::new();
    let static_one = JoinGroup {
        reason: Some("x".repeat(1_000).into()),
        ..static_consumer("i")
    };
    bench.stable(vec![static_one.clone()]);
    for _ in 0..100 {
        let ticket = bench.send_join(static_one.clone());
        bench.join_reply(ticket);
    }
    let events = bench.group().events;
    assert_eq!(events.len(), 64);
    assert!(events.iter().all(|e| e.what.len() < 1_000));
}

#[test]
fn after_the_greatest_generation_comes_the_first() {
    let mut bench = Bench::new();
    let (ids, _) = bench.stable(vec![consumer("one")]);
    // The record of the group, with the greatest generation in its place.
    let mut record = bench.log.pop().unwrap();
    let mut value = record.value.take().unwrap().to_vec();
    let at = 2 + 2 + "consumer".len();
    assert_eq!(value[at..at + 4], 1_i32.to_be_bytes());
    value[at..at + 4].copy_from_slice(&i32::MAX.to_be_bytes());
    record.value = Some(value.into());
    bench.log.push(record);
    bench.restart();
    assert_eq!(bench.heartbeat(&ids[0], i32::MAX), ErrorCode::None);
    let ticket = bench.send_join(JoinGroup {
        member: Some(ids[0].clone()),
        ..consumer("one")
    });
    assert_eq!(bench.join_reply(ticket).generation_id, 0);
}
