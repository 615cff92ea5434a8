//! Appends: what is written, what waits for it, and what is taken back when it fails.

use chronik_coordinator::{
    After, AppendFailed, DeleteTopic, GroupShard, JoinGroup, LeaveGroup, Leaver, OffsetCommit,
    OffsetDelete, ReplayError, Replayed, Reply, Request, Settings, SyncGroup,
};
use chronik_types::{ErrorCode, LeaderEpoch, PartitionId, TopicId, Uuid};

use crate::bench::{Bench, commit, consumer, error, protocol, seconds};

#[test]
fn after_a_restart_a_member_is_what_the_last_record_says() {
    let mut bench = Bench::new();
    let both = |topic| JoinGroup {
        protocols: vec![protocol("range", &[topic]), protocol("sticky", &[topic])],
        ..consumer("one")
    };
    let (ids, _) = bench.stable(vec![both("orders")]);
    // The member comes again with another subscription and prefers another protocol.
    let mut again = JoinGroup {
        member: Some(ids[0].clone()),
        session_timeout: seconds(20),
        ..both("payments")
    };
    again.protocols.reverse();
    let ticket = bench.send_join(again);
    let reply = bench.join_reply(ticket);
    assert_eq!(reply.protocol_name, Some("sticky".into()));
    let sync = SyncGroup {
        group: "g".into(),
        generation: reply.generation_id,
        member: ids[0].clone(),
        instance: None,
        protocol_type: None,
        protocol: None,
        assignments: vec![(ids[0].clone(), b"part".as_slice().into())],
    };
    let ticket = bench.ask(Request::SyncGroup(sync));
    assert_eq!(bench.sync_reply(ticket).error_code, 0);

    let deletable = |bench: &mut Bench, topic: &str| {
        let ticket = bench.ask(Request::OffsetDelete(OffsetDelete {
            group: "g".into(),
            topics: vec![DeleteTopic {
                name: topic.into(),
                partitions: vec![PartitionId::new(0)],
            }],
        }));
        match bench.reply(ticket) {
            Reply::OffsetDelete(reply) => reply.topics[0].partitions[0].error_code == 0,
            other => panic!("{other:?}"),
        }
    };
    for restarted in [false, true] {
        if restarted {
            bench.restart();
        }
        assert!(deletable(&mut bench, "orders"), "restarted: {restarted}");
        assert!(!deletable(&mut bench, "payments"), "restarted: {restarted}");
    }
    // The session is the last one, too.
    bench.pass(seconds(15));
    assert_eq!(
        bench.heartbeat(&ids[0], reply.generation_id),
        ErrorCode::None
    );
    let refused = bench.send_join(JoinGroup {
        requires_known_member_id: false,
        ..consumer("two")
    });
    let told = error(bench.join_reply(refused).error_code);
    assert_eq!(
        told,
        ErrorCode::InconsistentGroupProtocol,
        "only sticky is known"
    );
    let joins = bench.send_join(JoinGroup {
        protocols: vec![protocol("sticky", &["payments"])],
        requires_known_member_id: false,
        ..consumer("two")
    });
    assert!(!bench.is_answered(joins), "it waits for the other");
}

#[test]
fn what_a_member_supports_besides_the_chosen_protocol_outlives_the_storing() {
    let mut bench = Bench::new();
    bench.stable(vec![JoinGroup {
        protocols: vec![protocol("range", &["t"]), protocol("sticky", &["t"])],
        ..consumer("one")
    }]);
    let joins = bench.send_join(JoinGroup {
        protocols: vec![protocol("sticky", &["t"])],
        requires_known_member_id: false,
        ..consumer("two")
    });
    assert!(!bench.is_answered(joins), "it is let in, and waits");
}

#[test]
fn records_are_those_of_kafka() {
    let mut bench = Bench::new();
    let mut one = commit("orders", 3, 42);
    one.topics[0].partitions[0].leader_epoch = Some(LeaderEpoch::new(7));
    one.topics[0].partitions[0].metadata = "m".into();
    bench.commit(one);
    let record = &bench.log[0];
    assert_eq!(
        record.key,
        b"\0\x01\0\x01g\0\x06orders\0\0\0\x03".as_slice()
    );
    let mut expected = b"\0\x04\0\0\0\0\0\0\0\x2a\0\0\0\x07\x02m".to_vec();
    expected.extend(bench.now().wall.as_millis().to_be_bytes());
    expected.push(0);
    assert_eq!(record.value.as_deref(), Some(&*expected));

    let (ids, _) = bench.stable(vec![consumer("c")]);
    let record = bench.log.last().unwrap();
    assert_eq!(record.key, b"\0\x02\0\x01g".as_slice());
    let value = record.value.as_deref().unwrap();
    let text = |text: &str| {
        let length = u16::try_from(text.len()).unwrap();
        [&length.to_be_bytes()[..], text.as_bytes()].concat()
    };
    // Version 3: protocol type, generation, protocol, leader; then when it left the joining phase.
    let start = [
        &b"\0\x03"[..],
        &text("consumer"),
        b"\0\0\0\x01",
        &text("range"),
        &text(&ids[0]),
    ]
    .concat();
    assert_eq!(value[..start.len()], start);
    // One member: id, no instance, client, host, timeouts, subscription, assignment.
    let member = [
        &b"\0\0\0\x01"[..],
        &text(&ids[0]),
        b"\xff\xff",
        &text("c"),
        &text("/127.0.0.1"),
        b"\0\0\xea\x60\0\0\x27\x10",
        b"\0\0\0\x12\0\0\0\0\0\x01\0\x06orders\xff\xff\xff\xff",
        b"\0\0\0\x04part",
    ]
    .concat();
    assert_eq!(value[start.len() + 8..], member);
}

#[test]
fn an_offset_that_expires_is_of_version_1_and_a_topic_id_is_kept() {
    let mut bench = Bench::new();
    bench.commit(OffsetCommit {
        retention: Some(seconds(60)),
        ..commit("orders", 0, 1)
    });
    let mut named = commit("orders", 1, 1);
    named.topics[0].topic_id = Some(TopicId::new(Uuid::from_bytes([9; 16])));
    bench.commit(named);
    let versions = bench.log.iter().map(|r| r.value.as_ref().unwrap()[1]);
    assert_eq!(versions.collect::<Vec<_>>(), [1, 4]);
    // As Kafka 4.3.1 wrote it for a topic of this id: one tagged field of 16 bytes.
    let value = bench.log[1].value.as_ref().unwrap();
    let tail = [&b"\x01\0\x10"[..], &[9; 16]].concat();
    assert!(value.ends_with(&tail));
    bench.restart();
    let committed = |p| bench.shard.committed("g", "orders", PartitionId::new(p));
    assert!(committed(0).unwrap().expires_at.is_some());
    assert!(committed(1).unwrap().topic_id.is_some());
}

#[test]
fn what_tells_of_the_log_waits_for_the_log() {
    let mut bench = Bench::new();
    let ticket = bench.ask(Request::OffsetCommit(commit("orders", 0, 1)));
    assert_eq!(bench.after(ticket), After::AfterAppended);
    let ticket = bench.ask(Request::DescribeGroups(vec!["g".into()]));
    assert_eq!(bench.after(ticket), After::AfterAppended);
    let refused = OffsetCommit {
        generation: Some(3),
        ..commit("orders", 0, 1)
    };
    let ticket = bench.ask(Request::OffsetCommit(refused));
    assert_eq!(bench.after(ticket), After::Now);
    // The first member makes its group known.
    let ticket = bench.send_join(JoinGroup {
        group: "new".into(),
        ..consumer("c")
    });
    assert_eq!(bench.after(ticket), After::AfterAppended);
    let (id, ticket) = bench.join_with_id(consumer("c"));
    bench.pass(seconds(3));
    assert_eq!(bench.after(ticket), After::Now);
    let ticket = bench.send_sync(&id, 1, &[(&id, "A")]);
    assert_eq!(bench.after(ticket), After::AfterAppended);
    // The last member leaves: that the group is empty is a record.
    let last = Leaver {
        member: Some(id),
        instance: None,
        reason: None,
    };
    let ticket = bench.ask(Request::LeaveGroup(LeaveGroup {
        group: "g".into(),
        members: vec![last],
    }));
    assert_eq!(bench.after(ticket), After::AfterAppended);
}

#[test]
fn a_group_that_cannot_be_stored_does_not_come_to_be() {
    let mut bench = Bench::new();
    bench.fail = Some(AppendFailed::NotLeader);
    let ticket = bench.send_join(consumer("c"));
    let told = error(bench.join_reply(ticket).error_code);
    assert_eq!(told, ErrorCode::NotCoordinator);
    assert_eq!(bench.state(), "Dead");
    assert_eq!(bench.shard.facts().held_bytes, 0);
}

#[test]
fn an_assignment_that_cannot_be_stored_is_taken_back_and_the_group_tries_again() {
    let mut bench = Bench::new();
    let (leader, one) = bench.join_with_id(consumer("one"));
    let (follower, two) = bench.join_with_id(consumer("two"));
    bench.pass(seconds(6));
    assert_eq!(bench.join_reply(one).generation_id, 1);
    assert_eq!(bench.join_reply(two).generation_id, 1);
    let waits = bench.send_sync(&follower, 1, &[]);
    bench.fail = Some(AppendFailed::TimedOut);
    let leads = bench.send_sync(&leader, 1, &[(&leader, "A"), (&follower, "B")]);
    for ticket in [waits, leads] {
        let told = error(bench.sync_reply(ticket).error_code);
        assert_eq!(told, ErrorCode::CoordinatorNotAvailable);
    }
    bench.fail = None;
    let told = bench.heartbeat(&leader, 1);
    assert_eq!(told, ErrorCode::RebalanceInProgress);
    for member in bench.group().members {
        assert_eq!(member.assignment, "");
    }
    let again = |id: &chronik_protocol::Str| JoinGroup {
        member: Some(id.clone()),
        ..consumer("c")
    };
    let one = bench.send_join(again(&leader));
    bench.send_join(again(&follower));
    assert_eq!(bench.join_reply(one).generation_id, 2);
}

#[test]
fn assignments_beyond_what_members_may_hold_are_refused() {
    let mut bench = Bench::with(Settings {
        held_bytes_max: 2_000,
        ..Settings::default()
    });
    let (leader, one) = bench.join_with_id(consumer("one"));
    bench.pass(seconds(3));
    bench.join_reply(one);
    let large: &'static str = "x".repeat(2_000).leak();
    let ticket = bench.send_sync(&leader, 1, &[(&leader, large)]);
    let told = error(bench.sync_reply(ticket).error_code);
    assert_eq!(told, ErrorCode::UnknownServerError);
    assert_eq!(bench.state(), "PreparingRebalance");
}

#[test]
fn a_commit_that_cannot_be_appended_is_not_kept_and_says_why() {
    let cases = [
        (
            AppendFailed::UnknownTopicOrPartition,
            ErrorCode::CoordinatorNotAvailable,
        ),
        (
            AppendFailed::NotEnoughReplicas,
            ErrorCode::CoordinatorNotAvailable,
        ),
        (AppendFailed::TimedOut, ErrorCode::CoordinatorNotAvailable),
        (AppendFailed::NotLeader, ErrorCode::NotCoordinator),
        (AppendFailed::Storage, ErrorCode::NotCoordinator),
        (AppendFailed::TooLarge, ErrorCode::InvalidCommitOffsetSize),
        (AppendFailed::Other, ErrorCode::UnknownServerError),
    ];
    for (failed, expected) in cases {
        let mut bench = Bench::new();
        bench.commit(commit("orders", 0, 1));
        bench.fail = Some(failed);
        assert_eq!(bench.commit(commit("orders", 0, 2)), expected);
        assert_eq!(bench.fetch("orders", 0), 1);
        let ticket = bench.ask(Request::DeleteGroups(vec!["g".into()]));
        let Reply::DeleteGroups(results) = bench.reply(ticket) else {
            panic!("another reply");
        };
        let told = error(results[0].error_code);
        assert_eq!(told, failed.group_error());
        assert_eq!(bench.fetch("orders", 0), 1, "nothing is deleted");
    }
}

#[test]
fn a_group_that_could_not_be_stored_as_empty_is_empty_all_the_same() {
    let mut bench = Bench::new();
    let (ids, generation) = bench.stable(vec![consumer("one")]);
    bench.fail = Some(AppendFailed::TimedOut);
    bench.leave(&[(Some(&ids[0]), None)]);
    assert_eq!(bench.state(), "Empty");
    let stale = OffsetCommit {
        member: Some(ids[0].clone()),
        generation: Some(generation),
        ..commit("orders", 0, 1)
    };
    assert_eq!(bench.commit(stale), ErrorCode::UnknownMemberId);
}

#[test]
fn a_new_coordinator_knows_members_offsets_and_assignments_and_gives_whole_sessions() {
    let mut bench = Bench::new();
    let (ids, generation) = bench.stable(vec![consumer("one"), consumer("two")]);
    bench.pass(seconds(9));
    for id in &ids {
        bench.heartbeat(id, generation);
    }
    bench.pass(seconds(9));
    bench.restart();
    assert_eq!(bench.state(), "Stable");
    bench.pass(seconds(9));
    for id in &ids {
        assert_eq!(bench.heartbeat(id, generation), ErrorCode::None);
        let ticket = bench.send_sync(id, generation, &[]);
        assert_eq!(bench.sync_reply(ticket).assignment, "part");
    }
    bench.pass(seconds(10));
    assert_eq!(
        bench.heartbeat(&ids[0], generation),
        ErrorCode::UnknownMemberId
    );
}

#[test]
fn who_waits_when_the_coordinator_goes_is_told() {
    let mut bench = Bench::new();
    let (_, joins) = bench.join_with_id(consumer("c"));
    bench.restart();
    let told = error(bench.join_reply(joins).error_code);
    assert_eq!(told, ErrorCode::NotCoordinator);
}

#[test]
fn records_that_cannot_be_read_are_said_and_passed_over() {
    let mut shard = GroupShard::new(Settings::default());
    let mut replay = |key: Option<&'static [u8]>, value: Option<&'static [u8]>| {
        let (key, value) = (key.map(Into::into), value.map(Into::into));
        shard.replay(key.as_ref(), value.as_ref())
    };
    let group: &[u8] = b"\0\x02\0\x01g";
    assert_eq!(replay(None, None), Err(ReplayError::NoKey));
    for key in [&b"\0"[..], b"", b"\0\x01\0\x09g", b"\0\x02\0\x01\xff"] {
        let error = replay(Some(key), None).unwrap_err();
        assert!(matches!(error, ReplayError::Malformed(_)), "{error}");
    }
    for unknown in [&b"\x00\x18rest"[..], b"\xff\xff"] {
        let error = replay(Some(unknown), None).unwrap_err();
        assert!(matches!(error, ReplayError::UnknownType(_)), "{error}");
    }
    let error = replay(Some(group), Some(b"\0\x09rest")).unwrap_err();
    let expected = ReplayError::UnknownVersion {
        record_type: 2,
        version: 9,
    };
    assert_eq!(error, expected);
    let error = replay(Some(group), Some(b"\0\x03\0")).unwrap_err();
    assert!(matches!(error, ReplayError::Malformed(_)), "{error}");
    for other in 3..=23 {
        let key: &'static [u8] = vec![0, other].leak();
        let replayed = replay(Some(key), Some(b"\0\0"));
        assert_eq!(replayed, Ok(Replayed::Skipped(i16::from(other))));
    }
    assert_eq!(shard.group_ids().count(), 0);
}

#[test]
fn offsets_of_every_version_are_read() {
    let values: [&[u8]; 5] = [
        b"\0\0\0\0\0\0\0\0\0\x05\0\x01m\0\0\0\0\0\0\0\x09",
        b"\0\x01\0\0\0\0\0\0\0\x05\0\x01m\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\x0a",
        b"\0\x02\0\0\0\0\0\0\0\x05\0\x01m\0\0\0\0\0\0\0\x09",
        b"\0\x03\0\0\0\0\0\0\0\x05\0\0\0\x02\0\x01m\0\0\0\0\0\0\0\x09",
        b"\0\x04\0\0\0\0\0\0\0\x05\0\0\0\x02\x02m\0\0\0\0\0\0\0\x09\0",
    ];
    for (version, value) in values.iter().enumerate() {
        for key in [
            b"\0\0\0\x01g\0\x01t\0\0\0\x04",
            b"\0\x01\0\x01g\0\x01t\0\0\0\x04",
        ] {
            let mut shard = GroupShard::new(Settings::default());
            let key = key.as_slice().into();
            let replayed = shard.replay(Some(&key), Some(&(*value).into()));
            assert_eq!(replayed, Ok(Replayed::OffsetCommitted));
            let committed = shard.committed("g", "t", PartitionId::new(4)).unwrap();
            assert_eq!(committed.offset.get(), 5);
            assert_eq!(committed.metadata.as_deref(), Some("m"));
            assert_eq!(committed.committed_at.as_millis(), 9);
            assert_eq!(committed.expires_at.is_some(), version == 1);
            assert_eq!(committed.leader_epoch.is_some(), version >= 3);
            assert_eq!(shard.replay(Some(&key), None), Ok(Replayed::OffsetDeleted));
            assert_eq!(shard.group_ids().count(), 0);
        }
    }
}
