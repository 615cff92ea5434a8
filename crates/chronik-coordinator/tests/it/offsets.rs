//! OffsetCommit, OffsetFetch, OffsetDelete: who may, what is kept, what is said.

use std::sync::Arc;
use std::time::Duration;

use chronik_coordinator::{
    CommitPartition, DeleteTopic, Effects, FetchTopic, JoinGroup, OffsetCommit, OffsetDelete,
    OffsetFetch, Reply, Request, Room, Settings, Ticket,
};
use chronik_protocol::Str;
use chronik_protocol::generated::offset_fetch_response::OffsetFetchResponseGroup;
use chronik_types::{ErrorCode, LeaderEpoch, Offset, PartitionId, Timestamp, TopicId, Uuid};

use crate::bench::{Bench, commit, consumer, error, seconds, static_consumer};

fn of_member(member: &Str, generation: i32, offset: i64) -> OffsetCommit {
    OffsetCommit {
        member: Some(member.clone()),
        generation: Some(generation),
        ..commit("orders", 0, offset)
    }
}

fn fetch(
    bench: &mut Bench,
    group: &str,
    topics: Option<Vec<FetchTopic>>,
) -> OffsetFetchResponseGroup {
    let ticket = bench.ask(Request::OffsetFetch(OffsetFetch {
        group: group.into(),
        topics,
        require_stable: false,
    }));
    match bench.reply(ticket) {
        Reply::OffsetFetch(reply) => reply,
        other => panic!("{other:?}"),
    }
}

fn delete(bench: &mut Bench, topic: &str) -> (ErrorCode, Option<ErrorCode>) {
    let ticket = bench.ask(Request::OffsetDelete(OffsetDelete {
        group: "g".into(),
        topics: vec![DeleteTopic {
            name: topic.into(),
            partitions: vec![PartitionId::new(0)],
        }],
    }));
    match bench.reply(ticket) {
        Reply::OffsetDelete(reply) => {
            let part = reply.topics.first().map(|t| &t.partitions[0]);
            (error(reply.error_code), part.map(|p| error(p.error_code)))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn somebody_outside_commits_to_a_group_without_members_and_it_is_kept() {
    let mut bench = Bench::new();
    let mut one = commit("orders", 3, 42);
    one.topics[0].partitions[0].leader_epoch = Some(LeaderEpoch::new(7));
    one.topics[0].partitions[0].metadata = "mine".into();
    assert_eq!(bench.commit(one), ErrorCode::None);
    for _ in 0..2 {
        let reply = fetch(&mut bench, "g", None);
        assert_eq!(reply.topics[0].name, "orders");
        let part = &reply.topics[0].partitions[0];
        assert_eq!(part.partition_index, 3);
        assert_eq!(part.committed_offset, 42);
        assert_eq!(part.committed_leader_epoch, 7);
        assert_eq!(part.metadata, Some("mine".into()));
        bench.restart();
    }
    assert_eq!(bench.state(), "Empty");
    assert_eq!(bench.group().protocol_type, None);
}

#[test]
fn the_group_without_a_name_may_keep_offsets_and_have_no_members() {
    let mut bench = Bench::new();
    let nameless = OffsetCommit {
        group: Str::EMPTY,
        ..commit("orders", 0, 5)
    };
    assert_eq!(bench.commit(nameless), ErrorCode::None);
    let reply = fetch(&mut bench, "", None);
    assert_eq!(reply.topics[0].partitions[0].committed_offset, 5);
    let ticket = bench.send_join(JoinGroup {
        group: Str::EMPTY,
        ..consumer("c")
    });
    let told = error(bench.join_reply(ticket).error_code);
    assert_eq!(told, ErrorCode::InvalidGroupId);
}

#[test]
fn what_is_not_committed_is_minus_one_without_an_error() {
    let mut bench = Bench::new();
    let topic = |id| {
        Some(vec![FetchTopic {
            name: "orders".into(),
            topic_id: id,
            partitions: vec![PartitionId::new(0)],
        }])
    };
    let id = |byte| Some(TopicId::new(Uuid::from_bytes([byte; 16])));
    for group in ["g", "other"] {
        let reply = fetch(&mut bench, group, topic(None));
        let part = &reply.topics[0].partitions[0];
        assert_eq!((part.committed_offset, part.error_code), (-1, 0));
        assert_eq!(part.metadata, Some(Str::EMPTY));
        assert_eq!(fetch(&mut bench, group, None).topics, []);
    }
    // An offset of another topic of the name is none of this one's.
    let mut named = commit("orders", 0, 5);
    named.topics[0].topic_id = id(1);
    bench.commit(named);
    for (asked, expected) in [(None, 5), (id(1), 5), (id(2), -1)] {
        let reply = fetch(&mut bench, "g", topic(asked));
        assert_eq!(reply.topics[0].partitions[0].committed_offset, expected);
    }
    bench.restart();
    let reply = fetch(&mut bench, "g", topic(id(2)));
    assert_eq!(reply.topics[0].partitions[0].committed_offset, -1);
}

#[test]
fn only_members_of_the_generation_commit_while_a_group_has_members() {
    let mut bench = Bench::new();
    let member = Str::from("m");
    let old_client = OffsetCommit {
        tells_group_not_found: false,
        ..of_member(&member, 1, 1)
    };
    assert_eq!(bench.commit(old_client), ErrorCode::IllegalGeneration);
    let told = bench.commit(of_member(&member, 1, 1));
    assert_eq!(told, ErrorCode::GroupIdNotFound);
    let (ids, generation) = bench.stable(vec![consumer("one")]);
    let cases = [
        (of_member(&ids[0], generation, 1), ErrorCode::None),
        (
            of_member(&ids[0], generation - 1, 2),
            ErrorCode::IllegalGeneration,
        ),
        (
            of_member(&ids[0], generation + 1, 2),
            ErrorCode::IllegalGeneration,
        ),
        (
            of_member(&member, generation, 2),
            ErrorCode::UnknownMemberId,
        ),
        (commit("orders", 0, 2), ErrorCode::UnknownMemberId),
    ];
    for (commit, expected) in cases {
        assert_eq!(bench.commit(commit.clone()), expected, "{commit:?}");
    }
    let no_generation = OffsetCommit {
        generation: None,
        ..of_member(&ids[0], 0, 2)
    };
    let told = bench.commit(no_generation);
    assert_eq!(told, ErrorCode::IllegalGeneration);
    assert_eq!(bench.fetch("orders", 0), 1);
    bench.leave(&[(Some(&ids[0]), None)]);
    let told = bench.commit(of_member(&ids[0], generation, 2));
    assert_eq!(told, ErrorCode::UnknownMemberId);
    assert_eq!(bench.commit(commit("orders", 0, 3)), ErrorCode::None);
    assert_eq!(bench.fetch("orders", 0), 3);
}

#[test]
fn members_may_commit_until_the_next_generation_begins_and_again_when_it_is_stable() {
    let mut bench = Bench::new();
    let (ids, generation) = bench.stable(vec![consumer("one"), consumer("two")]);
    let again = |id: &Str| JoinGroup {
        member: Some(id.clone()),
        ..consumer("c")
    };
    let first = bench.send_join(again(&ids[0]));
    let told = bench.commit(of_member(&ids[1], generation, 10));
    assert_eq!(told, ErrorCode::None, "while members join");
    bench.send_join(again(&ids[1]));
    bench.join_reply(first);
    let told = bench.commit(of_member(&ids[1], generation, 11));
    assert_eq!(told, ErrorCode::IllegalGeneration);
    let told = bench.commit(of_member(&ids[1], generation + 1, 12));
    assert_eq!(
        told,
        ErrorCode::RebalanceInProgress,
        "while the leader assigns"
    );
    bench.send_sync(&ids[0], generation + 1, &[]);
    let told = bench.commit(of_member(&ids[1], generation + 1, 13));
    assert_eq!(told, ErrorCode::None);
    assert_eq!(bench.fetch("orders", 0), 13);
}

#[test]
fn a_static_member_commits_under_its_own_id_only() {
    let mut bench = Bench::new();
    let (ids, generation) = bench.stable(vec![static_consumer("i")]);
    let with = |member: &Str, instance: &str| OffsetCommit {
        instance: Some(instance.into()),
        ..of_member(member, generation, 1)
    };
    assert_eq!(bench.commit(with(&ids[0], "i")), ErrorCode::None);
    let old = Str::from("old");
    assert_eq!(bench.commit(with(&old, "i")), ErrorCode::FencedInstanceId);
    let told = bench.commit(with(&ids[0], "j"));
    assert_eq!(told, ErrorCode::UnknownMemberId);
}

#[test]
fn a_commit_keeps_the_session() {
    let mut bench = Bench::new();
    let (ids, generation) = bench.stable(vec![consumer("one")]);
    for offset in 0..5 {
        bench.pass(seconds(9));
        let told = bench.commit(of_member(&ids[0], generation, offset));
        assert_eq!(told, ErrorCode::None);
    }
    assert_eq!(bench.state(), "Stable");
}

#[test]
fn metadata_that_is_too_large_fails_its_partition_and_no_other() {
    let mut bench = Bench::with(Settings {
        offset_metadata_max: 4,
        ..Settings::default()
    });
    let mut several = commit("orders", 0, 1);
    let part = |partition, metadata: &str| CommitPartition {
        partition: PartitionId::new(partition),
        offset: Offset::new(9),
        leader_epoch: None,
        metadata: metadata.into(),
    };
    // Kafka counts characters as Java does: four are twelve bytes here.
    several.topics[0].partitions = vec![part(0, "four"), part(1, "5five"), part(2, "€€€€")];
    let reply = bench.commit_reply(several);
    let parts = reply.topics[0].partitions.iter();
    let errors: Vec<_> = parts.map(|p| error(p.error_code)).collect();
    let too_large = ErrorCode::OffsetMetadataTooLarge;
    assert_eq!(errors, [ErrorCode::None, too_large, ErrorCode::None]);
    assert_eq!(bench.fetch("orders", 1), -1);
    assert_eq!(bench.fetch("orders", 2), 9);
}

#[test]
fn committed_offsets_are_bounded_and_known_ones_may_move_on() {
    let mut bench = Bench::with(Settings {
        offsets_max: 2,
        ..Settings::default()
    });
    assert_eq!(bench.commit(commit("orders", 0, 1)), ErrorCode::None);
    assert_eq!(bench.commit(commit("orders", 1, 1)), ErrorCode::None);
    let told = bench.commit(commit("orders", 2, 1));
    assert_eq!(told, ErrorCode::InvalidCommitOffsetSize);
    assert_eq!(bench.commit(commit("orders", 1, 2)), ErrorCode::None);
    assert_eq!(bench.shard.facts().offsets, 2);
}

fn parts(count: usize, metadata: &str) -> Vec<CommitPartition> {
    let numbers = (0..count).map(|p| PartitionId::new(i32::try_from(p).unwrap()));
    let each = numbers.map(|partition| CommitPartition {
        partition,
        offset: Offset::new(1),
        leader_epoch: None,
        metadata: metadata.into(),
    });
    each.collect()
}

#[test]
fn a_commit_whose_records_are_too_large_makes_none_and_all_of_it_is_refused() {
    let mut bench = Bench::new();
    let mut many = OffsetCommit {
        group: "i".repeat(10_000).into(),
        ..commit("orders", 0, 1)
    };
    many.topics[0].partitions = parts(200, "");
    let request = Request::OffsetCommit(many.clone());
    let now = bench.now();
    let decision = bench.shard.handle(now, request, Ticket(9_999));
    assert_eq!(decision.records, [], "nothing is left to append");
    let mut effects = Effects::default();
    bench.shard.finish(now, decision, Ok(()), &mut effects);
    let Reply::OffsetCommit(reply) = &effects.answers[0].reply else {
        panic!("{effects:?}");
    };
    let told = reply.topics[0]
        .partitions
        .iter()
        .map(|p| error(p.error_code));
    let told: Vec<_> = told.collect();
    assert_eq!(told, [ErrorCode::InvalidCommitOffsetSize; 200]);
    assert_eq!(bench.shard.facts().offsets, 0);
    // The next request begins anew.
    many.topics[0].partitions.truncate(90);
    assert_eq!(bench.commit(many), ErrorCode::None);
    assert_eq!(bench.shard.facts().offsets, 90);
}

#[test]
fn a_partition_that_is_named_twice_is_deleted_once() {
    let mut bench = Bench::new();
    bench.commit(commit("orders", 0, 1));
    let request = Request::OffsetDelete(OffsetDelete {
        group: "g".into(),
        topics: vec![DeleteTopic {
            name: "orders".into(),
            partitions: vec![PartitionId::new(0); 100_000],
        }],
    });
    let before = bench.log.len();
    let ticket = bench.ask(request);
    assert!(matches!(bench.reply(ticket), Reply::OffsetDelete(r) if r.error_code == 0));
    assert_eq!(bench.log.len(), before + 1);
}

#[test]
fn groups_that_are_named_twice_are_described_and_deleted_once() {
    let mut bench = Bench::new();
    bench.commit(commit("orders", 0, 1));
    let ids: Vec<Str> = vec!["g".into(), "x".into(), "g".into(), "x".into()];
    let ticket = bench.ask(Request::DescribeGroups(ids.clone()));
    assert!(matches!(bench.reply(ticket), Reply::DescribeGroups(r) if r.len() == 2));
    let before = bench.log.len();
    let ticket = bench.ask(Request::DeleteGroups(ids));
    assert!(matches!(bench.reply(ticket), Reply::DeleteGroups(r) if r.len() == 2));
    assert_eq!(bench.log.len(), before + 2, "an offset and the group");
}

#[test]
fn an_answer_to_offset_fetch_is_bounded() {
    let mut bench = Bench::with(Settings {
        answer_bytes_max: 100_000,
        ..Settings::default()
    });
    let mut some = commit("orders", 0, 1);
    some.topics[0].partitions = parts(20, &"m".repeat(4_000));
    assert_eq!(bench.commit(some), ErrorCode::None);
    let topic = |partitions| FetchTopic {
        name: "orders".into(),
        topic_id: None,
        partitions,
    };
    let all = fetch(&mut bench, "g", None);
    assert_eq!(all.topics[0].partitions.len(), 20);
    let again = vec![topic(vec![PartitionId::new(3); 1_000])];
    let once = fetch(&mut bench, "g", Some(again));
    assert_eq!(once.topics[0].partitions.len(), 1);
    let many = vec![topic(vec![PartitionId::new(3)]); 1_000];
    let refused = fetch(&mut bench, "g", Some(many));
    assert_eq!(error(refused.error_code), ErrorCode::UnknownServerError);
    assert_eq!(refused.topics, []);
}

#[test]
fn all_shards_share_one_room_and_a_shard_that_goes_gives_its_part_back() {
    let room = Arc::new(Room::new(20_000));
    let settings = Settings {
        room: room.clone(),
        ..Settings::default()
    };
    let mut one = Bench::with(settings.clone());
    let mut other = Bench::with(settings);
    let mut large = commit("orders", 0, 1);
    large.topics[0].partitions = parts(4, &"m".repeat(4_000));
    assert_eq!(one.commit(large.clone()), ErrorCode::None);
    let used = room.used();
    assert!((16_000..20_000).contains(&used), "{used}");
    let told = other.commit(large.clone());
    assert_eq!(told, ErrorCode::InvalidCommitOffsetSize);
    assert_eq!(room.used(), used);
    // Members count, and are refused.
    let mut heavy = consumer("c");
    heavy.client.host = "h".repeat(4_000).into();
    let ticket = other.send_join(heavy);
    let told = error(other.join_reply(ticket).error_code);
    assert_eq!(told, ErrorCode::GroupMaxSizeReached);
    // What is there may move on, and the log is always taken in.
    assert_eq!(one.commit(large.clone()), ErrorCode::None);
    one.restart();
    assert_eq!(room.used(), used);
    let ids = vec!["g".into()];
    let ticket = one.ask(Request::DeleteGroups(ids));
    one.reply(ticket);
    assert_eq!(room.used(), 0, "exactly what was charged");
    assert_eq!(other.commit(large), ErrorCode::None);
    other.stable(vec![consumer("c")]);
    drop(other);
    assert_eq!(room.used(), 0);
}

#[test]
fn offsets_of_a_topic_that_consumers_read_cannot_be_deleted() {
    let mut bench = Bench::new();
    assert_eq!(delete(&mut bench, "x"), (ErrorCode::GroupIdNotFound, None));
    bench.commit(commit("orders", 0, 1));
    bench.commit(commit("payments", 0, 2));
    let (ids, _) = bench.stable(vec![consumer("one")]);
    let subscribed = Some(ErrorCode::GroupSubscribedToTopic);
    assert_eq!(delete(&mut bench, "orders"), (ErrorCode::None, subscribed));
    let done = (ErrorCode::None, Some(ErrorCode::None));
    assert_eq!(delete(&mut bench, "payments"), done);
    assert_eq!(delete(&mut bench, "never"), done);
    assert_eq!(bench.fetch("payments", 0), -1);
    bench.leave(&[(Some(&ids[0]), None)]);
    assert_eq!(delete(&mut bench, "orders"), done);
    bench.restart();
    assert_eq!(bench.fetch("orders", 0), -1);
}

#[test]
fn offsets_of_other_kinds_of_groups_are_deleted_only_without_members() {
    let mut bench = Bench::new();
    bench.commit(commit("orders", 0, 1));
    bench.send_join(JoinGroup {
        protocol_type: "connect".into(),
        requires_known_member_id: false,
        ..consumer("c")
    });
    let told = delete(&mut bench, "orders");
    assert_eq!(told, (ErrorCode::NonEmptyGroup, None));
}

#[test]
fn offsets_of_a_deleted_topic_go_in_batches_that_are_tried_again() {
    let mut bench = Bench::new();
    for partition in 0..1_500 {
        bench.commit(commit("orders", partition, 1));
    }
    bench.commit(commit("payments", 0, 1));
    let id = TopicId::new(Uuid::from_bytes([1; 16]));
    let deleted = [("orders".into(), id)];
    bench.shard.topics_deleted(bench.now(), &deleted);
    bench.fail = Some(chronik_coordinator::AppendFailed::TimedOut);
    bench.pass(seconds(1));
    assert_eq!(bench.shard.facts().offsets, 1_501);
    bench.fail = None;
    // A topic of that name made since has its own offsets.
    bench.commit(commit("orders", 0, 2));
    bench.pass(seconds(20));
    assert_eq!(bench.fetch("orders", 0), 2);
    assert_eq!(bench.fetch("orders", 1), -1);
    assert_eq!(bench.shard.facts().offsets, 2);
    bench.restart();
    assert_eq!(bench.shard.facts().offsets, 2);
}

/// Offsets of `orders`: of partition 0 and 1 for the topics 1 and 2, of 2 for whichever.
fn of_two_topics(bench: &mut Bench) {
    for (partition, id) in [(0, Some(1)), (1, Some(2)), (2, None)] {
        let mut one = commit("orders", partition, 5);
        one.topics[0].topic_id = id.map(|byte| TopicId::new(Uuid::from_bytes([byte; 16])));
        assert_eq!(bench.commit(one), ErrorCode::None);
    }
}

fn orders(bench: &mut Bench) -> [i64; 3] {
    [0, 1, 2].map(|partition| bench.fetch("orders", partition))
}

#[test]
fn the_offsets_of_a_deleted_topic_go_by_its_id_whenever_they_were_committed() {
    let mut bench = Bench::new();
    of_two_topics(&mut bench);
    let id = TopicId::new(Uuid::from_bytes([1; 16]));
    let mut earlier = bench.now();
    earlier.wall = Timestamp::from_millis(earlier.wall.as_millis() - 1);
    let deleted = [("orders".into(), id)];
    // A clock that went back: the offset is of the topic all the same.
    bench.shard.topics_deleted(earlier, &deleted);
    bench.pass(seconds(1));
    assert_eq!(orders(&mut bench), [-1, 5, 5]);
    bench.shard.topics_deleted(bench.now(), &deleted);
    bench.pass(seconds(1));
    assert_eq!(orders(&mut bench), [-1, 5, -1]);
}

#[test]
fn a_deletion_that_was_not_carried_out_is_made_up_for_after_loading() {
    let mut bench = Bench::new();
    of_two_topics(&mut bench);
    bench.restart();
    let known = TopicId::new(Uuid::from_bytes([2; 16]));
    bench.shard.unknown_topics(|id| id == known);
    bench.pass(seconds(1));
    assert_eq!(orders(&mut bench), [-1, 5, 5]);
    bench.restart();
    assert_eq!(orders(&mut bench), [-1, 5, 5]);
}

#[test]
fn a_batch_of_commits_of_other_groups_does_not_meet() {
    let mut bench = Bench::new();
    for group in ["a", "b"] {
        let offset = i64::from(group.as_bytes()[0]);
        bench.commit(OffsetCommit {
            group: group.into(),
            retention: Some(Duration::from_secs(1)),
            ..commit("orders", 0, offset)
        });
    }
    let at = |bench: &Bench, group| {
        let committed = bench.shard.committed(group, "orders", PartitionId::new(0));
        committed.map(|c| c.offset.get())
    };
    assert_eq!(at(&bench, "a"), Some(97));
    assert_eq!(at(&bench, "b"), Some(98));
}
