//! Retention (KIP-211): when offsets and groups go.

use std::time::Duration;

use chronik_coordinator::{AppendFailed, OffsetCommit, Settings};
use chronik_protocol::Str;
use chronik_types::{ErrorCode, TopicId, Uuid};

use crate::bench::{Bench, commit, consumer, seconds};

/// `offsets.retention.minutes` of a week, and `offsets.retention.check.interval.ms`.
const WEEK: Duration = Duration::from_secs(7 * 86_400);
const CHECK: Duration = Duration::from_secs(600);

/// Lets time pass in which the member lives and commits an offset of `beat`.
fn live(bench: &mut Bench, member: &Str, generation: i32, time: Duration) {
    let step = seconds(1_500);
    for _ in 0..time.as_secs().div_ceil(step.as_secs()) {
        bench.pass(step);
        let told = bench.heartbeat(member, generation);
        assert_eq!(told, ErrorCode::None);
    }
}

fn long_lived(client: &str) -> chronik_coordinator::JoinGroup {
    chronik_coordinator::JoinGroup {
        session_timeout: seconds(1_800),
        ..consumer(client)
    }
}

#[test]
fn offsets_without_a_group_expire_a_week_after_their_commit() {
    let mut bench = Bench::new();
    bench.commit(commit("orders", 0, 1));
    bench.pass(WEEK / 2);
    bench.commit(commit("orders", 1, 1));
    bench.pass(WEEK / 2 - seconds(1));
    assert_eq!(bench.fetch("orders", 0), 1);
    bench.pass(CHECK + seconds(1));
    assert_eq!(bench.fetch("orders", 0), -1);
    assert_eq!(bench.fetch("orders", 1), 1);
    bench.pass(WEEK / 2);
    assert_eq!(bench.state(), "Dead");
    bench.restart();
    assert_eq!(bench.state(), "Dead");
}

#[test]
fn offsets_of_an_empty_group_expire_a_week_after_the_last_member_left() {
    let mut bench = Bench::new();
    bench.commit(commit("orders", 0, 1));
    bench.commit(commit("payments", 0, 1));
    let (ids, generation) = bench.stable(vec![long_lived("one")]);
    live(&mut bench, &ids[0], generation, WEEK / 2);
    bench.leave(&[(Some(&ids[0]), None)]);
    bench.restart();
    bench.pass(WEEK - seconds(1));
    assert_eq!(bench.fetch("orders", 0), 1);
    assert_eq!(bench.fetch("payments", 0), 1);
    bench.pass(CHECK + seconds(1));
    assert_eq!(bench.state(), "Dead");
}

#[test]
fn offsets_of_topics_that_are_read_stay_and_of_others_expire() {
    let mut bench = Bench::new();
    bench.commit(commit("orders", 0, 1));
    bench.commit(commit("payments", 0, 1));
    let (ids, generation) = bench.stable(vec![long_lived("one")]);
    live(&mut bench, &ids[0], generation, WEEK + CHECK * 4);
    assert_eq!(bench.fetch("orders", 0), 1);
    assert_eq!(bench.fetch("payments", 0), -1);
    assert_eq!(bench.state(), "Stable");
}

#[test]
fn nothing_expires_of_a_group_whose_subscriptions_nobody_can_read() {
    let mut bench = Bench::new();
    bench.commit(commit("orders", 0, 1));
    let mut join = long_lived("one");
    join.protocols[0].metadata = b"\0".as_slice().into();
    let (ids, generation) = bench.stable(vec![join]);
    live(&mut bench, &ids[0], generation, WEEK * 2);
    assert_eq!(bench.fetch("orders", 0), 1);
}

#[test]
fn what_expires_goes_in_batches_that_fit() {
    let mut bench = Bench::with(Settings {
        batch_bytes_max: 2_000,
        ..Settings::default()
    });
    for partition in 0..200 {
        bench.commit(commit("orders", partition, 1));
    }
    bench.pass(WEEK + CHECK * 2);
    assert_eq!(bench.state(), "Dead");
    assert_eq!(bench.shard.facts().offsets, 0);
    assert!(bench.largest_batch > 1_900, "they go together");
    assert!(bench.largest_batch <= 2_000);
}

#[test]
fn after_a_start_groups_are_looked_at_one_after_the_other() {
    let mut bench = Bench::new();
    for group in 0..200 {
        bench.commit(OffsetCommit {
            group: format!("group-{group}").into(),
            ..commit("orders", 0, 1)
        });
    }
    bench.pass(WEEK - seconds(1));
    bench.restart();
    bench.pass(CHECK / 2);
    let left = bench.shard.facts().offsets;
    assert!(
        (50..150).contains(&left),
        "{left} are left after half the interval"
    );
    bench.pass(CHECK);
    assert_eq!(bench.shard.facts().offsets, 0);
}

#[test]
fn an_offset_with_an_expiry_of_its_own_goes_then() {
    let mut bench = Bench::new();
    bench.commit(OffsetCommit {
        retention: Some(CHECK * 3),
        ..commit("orders", 0, 1)
    });
    bench.commit(commit("orders", 1, 1));
    bench.restart();
    bench.pass(CHECK * 3 - seconds(1));
    assert_eq!(bench.fetch("orders", 0), 1);
    bench.pass(CHECK);
    assert_eq!(bench.fetch("orders", 0), -1);
    assert_eq!(bench.fetch("orders", 1), 1);
}

#[test]
fn what_could_not_be_appended_expires_later() {
    let mut bench = Bench::new();
    bench.commit(commit("orders", 0, 1));
    bench.fail = Some(AppendFailed::Storage);
    bench.pass(WEEK + CHECK);
    assert_eq!(bench.fetch("orders", 0), 1);
    bench.fail = None;
    bench.pass(CHECK);
    assert_eq!(bench.state(), "Dead");
}

#[test]
fn many_expired_offsets_go_in_several_batches() {
    let mut bench = Bench::new();
    for partition in 0..2_500 {
        bench.commit(commit("orders", partition, 1));
    }
    bench.pass(WEEK + CHECK);
    assert_eq!(bench.state(), "Dead");
    assert_eq!(bench.log.len(), 5_000);
}

#[test]
fn an_empty_group_without_offsets_is_removed_at_the_next_check() {
    let mut bench = Bench::new();
    let (ids, _) = bench.stable(vec![consumer("one")]);
    bench.leave(&[(Some(&ids[0]), None)]);
    assert_eq!(bench.state(), "Empty");
    bench.pass(CHECK);
    assert_eq!(bench.state(), "Dead");
    bench.restart();
    assert_eq!(bench.state(), "Dead");
}

#[test]
fn a_group_of_which_only_ids_were_asked_for_is_removed_once_they_are_void() {
    let mut bench = Bench::new();
    bench.get_id(long_lived("one"));
    bench.pass(CHECK * 2);
    assert_eq!(bench.state(), "Empty");
    assert_eq!(bench.group().pending_members, 1);
    bench.pass(CHECK * 2);
    assert_eq!(bench.state(), "Dead");
    assert_eq!(bench.shard.next_deadline(), None);
}

#[test]
fn a_group_whose_offsets_were_deleted_while_it_had_members_goes_though_it_cannot_be_stored() {
    let mut bench = Bench::new();
    // Made by a commit: no record says that the group exists.
    bench.commit(commit("orders", 0, 1));
    let (id, ticket) = bench.join_with_id(consumer("one"));
    bench.pass(seconds(3));
    bench.join_reply(ticket);
    let deleted = [("orders".into(), TopicId::new(Uuid::ZERO))];
    bench.shard.topics_deleted(bench.now(), &deleted);
    bench.pass(seconds(1));
    assert_eq!(bench.fetch("orders", 0), -1);
    bench.fail = Some(AppendFailed::TimedOut);
    bench.leave(&[(Some(&id), None)]);
    assert_eq!(bench.state(), "Empty");
    bench.pass(CHECK);
    assert_eq!(bench.state(), "Dead");
}

#[test]
fn an_idle_group_asks_for_nothing_until_something_can_expire() {
    let mut bench = Bench::new();
    bench.commit(commit("orders", 0, 1));
    bench.pass(CHECK * 2);
    let next = bench.shard.next_deadline().unwrap();
    assert!(next.since(bench.now().instant) > WEEK - CHECK * 3);
}
