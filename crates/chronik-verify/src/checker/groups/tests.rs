//! Each rule of groups fires on the smallest history that breaks it, and is silent beside it.

use crate::checker::check;
use crate::history::{Entry, History, Operation, Outcome, Process, TopicPartition};
use expect_test::{Expect, expect};

/// Builds a history of group `g`; every operation takes one nanosecond, one after another, ten
/// nanoseconds apart.
#[derive(Default)]
struct Script {
    history: History,
    now_ns: u64,
}

fn script() -> Script {
    Script::default()
}

fn t(partition: u32) -> TopicPartition {
    TopicPartition {
        topic: "t".to_owned(),
        partition,
    }
}

impl Script {
    fn push(mut self, outcome: Outcome, operation: Operation) -> Self {
        self.now_ns += 10;
        self.history.entries.push(Entry {
            process: Process(1),
            invoked_ns: self.now_ns,
            returned_ns: self.now_ns + 1,
            outcome,
            operation,
        });
        self
    }

    /// The last operation lasted as long, and what comes next overlaps it.
    fn lasting(mut self, ns: u64) -> Self {
        let last = self.history.entries.last_mut();
        last.expect("something happened").returned_ns += ns;
        self
    }

    fn commit_as(self, outcome: Outcome, generation: Option<u32>, offset: u64) -> Self {
        let operation = Operation::CommitOffset {
            group: "g".to_owned(),
            at: t(0),
            offset,
            generation,
            reset: false,
        };
        self.push(outcome, operation)
    }

    fn commit(self, generation: u32, offset: u64) -> Self {
        self.commit_as(Outcome::Ok, Some(generation), offset)
    }

    fn reset(self, outcome: Outcome, offset: u64) -> Self {
        let operation = Operation::CommitOffset {
            group: "g".to_owned(),
            at: t(0),
            offset,
            generation: None,
            reset: true,
        };
        self.push(outcome, operation)
    }

    fn fetch(self, offset: Option<u64>) -> Self {
        let operation = Operation::FetchOffset {
            group: "g".to_owned(),
            at: t(0),
            generation: None,
            offset,
        };
        self.push(Outcome::Ok, operation)
    }

    fn own(self, member: &str, generation: u32, partitions: &[u32]) -> Self {
        let from_ns = self.now_ns + 11;
        let operation = Operation::Own {
            group: "g".to_owned(),
            generation,
            member: member.to_owned(),
            from_ns,
            partitions: partitions.iter().copied().map(t).collect(),
        };
        self.push(Outcome::Ok, operation)
    }

    fn lives(self) -> Self {
        let operation = Operation::GroupLives {
            group: "g".to_owned(),
            partitions: vec![t(0), t(1)],
        };
        self.push(Outcome::Ok, operation)
    }

    fn finds(self, expected: Expect) {
        let lines: Vec<String> = check(&self.history)
            .iter()
            .map(|anomaly| format!("{anomaly}\n"))
            .collect();
        expected.assert_eq(&lines.concat());
    }
}

#[test]
fn a_group_without_fault_is_silent() {
    script()
        .fetch(None)
        .own("a", 1, &[0, 1])
        .commit(1, 5)
        .fetch(Some(5))
        .own("a", 2, &[0])
        .own("b", 2, &[1])
        .commit_as(Outcome::Fail, Some(1), 6)
        .commit(2, 7)
        .commit_as(Outcome::Unknown, Some(2), 9)
        .fetch(Some(9))
        .own("b", 3, &[0, 1])
        .lasting(100)
        .lives()
        .finds(expect![[""]]);
}

#[test]
fn an_acknowledged_commit_that_is_not_read_back_went_back() {
    script()
        .commit(1, 5)
        .commit(1, 7)
        .fetch(Some(5))
        .finds(expect![[r#"
            committed offset went back: g had 7 at t-0 (entry 1), entry 2 says 5
        "#]]);
}

#[test]
fn a_committed_offset_that_is_gone_went_back() {
    script().commit(1, 5).fetch(None).finds(expect![[r#"
            committed offset went back: g had 5 at t-0 (entry 0), entry 1 says nothing
        "#]]);
}

#[test]
fn what_was_read_once_never_goes_back_even_if_nobody_acknowledged_it() {
    script()
        .commit(1, 5)
        .commit_as(Outcome::Unknown, Some(1), 7)
        .fetch(Some(7))
        .fetch(Some(5))
        .finds(expect![[r#"
            committed offset went back: g had 7 at t-0 (entry 2), entry 3 says 5
        "#]]);
}

#[test]
fn a_commit_under_way_while_an_answer_is_given_accuses_nobody() {
    script()
        .commit(1, 5)
        .commit(1, 7)
        .lasting(50)
        .fetch(Some(5))
        .fetch(Some(7))
        .finds(expect![[""]]);
}

#[test]
fn a_reset_lets_an_offset_go_back_to_it_and_no_further() {
    let reset = |outcome| script().commit(1, 5).commit(1, 9).reset(outcome, 7);
    reset(Outcome::Ok).fetch(Some(7)).finds(expect![[""]]);
    reset(Outcome::Unknown).fetch(Some(7)).finds(expect![[""]]);
    reset(Outcome::Ok).fetch(Some(5)).finds(expect![[r#"
        committed offset went back: g had 7 at t-0 (entry 2), entry 3 says 5
    "#]]);
    reset(Outcome::Unknown).fetch(Some(5)).finds(expect![[r#"
            committed offset went back: g had 7 at t-0 (entry 1), entry 3 says 5
        "#]]);
}

#[test]
fn a_reset_before_a_commit_does_not_excuse_its_loss() {
    script()
        .reset(Outcome::Ok, 3)
        .commit(1, 9)
        .fetch(Some(3))
        .finds(expect![[r#"
            committed offset went back: g had 9 at t-0 (entry 1), entry 2 says 3
        "#]]);
}

#[test]
fn a_commit_of_unknown_outcome_may_land_late_but_not_in_a_later_generation() {
    let unknown = || script().commit_as(Outcome::Unknown, Some(1), 6);
    unknown().commit(1, 8).fetch(Some(6)).finds(expect![[""]]);
    unknown().commit(2, 8).fetch(Some(6)).finds(expect![[r#"
            committed offset went back: g had 8 at t-0 (entry 1), entry 2 says 6
        "#]]);
}

#[test]
fn an_offset_that_nobody_committed_or_whose_commit_failed_is_named() {
    script()
        .commit_as(Outcome::Fail, Some(1), 4)
        .fetch(Some(4))
        .finds(expect![[r#"
            never committed: 4 of g at t-0 (entry 1)
        "#]]);
}

#[test]
fn a_commit_in_a_generation_that_has_ended_is_stale() {
    script()
        .own("a", 1, &[0])
        .own("b", 2, &[0])
        .commit(1, 4)
        .finds(expect![[r#"
            stale commit: g took one of generation 1 (entry 2) after 2 was known (entry 1)
        "#]]);
    script()
        .own("a", 1, &[0])
        .commit(1, 4)
        .own("b", 2, &[0])
        .finds(expect![[""]]);
}

#[test]
fn two_members_own_a_partition_only_in_different_generations() {
    script()
        .own("a", 1, &[0, 1])
        .lasting(100)
        .own("b", 2, &[1])
        .finds(expect![[""]]);
    script()
        .own("a", 1, &[0, 1])
        .own("b", 1, &[1])
        .finds(expect![[r#"
            double owner: t-1 in generation 1 of g, entries 0 and 1
        "#]]);
}

#[test]
fn a_generation_goes_back_only_if_it_was_asked_for_after_a_later_one_was_known() {
    script()
        .own("a", 3, &[0])
        .own("b", 2, &[1])
        .finds(expect![[r#"
            generation went back: g was at 3 (entry 0), later at 2 (entry 1)
        "#]]);
    let mut overlapping = script().own("a", 3, &[0]).own("b", 2, &[1]);
    overlapping.history.entries[1].invoked_ns = 5;
    overlapping.finds(expect![[""]]);
}

#[test]
fn a_live_group_that_owns_everything_only_before_or_in_pieces_is_stalled() {
    let stalled = expect![[r#"
        stalled group: g did not become stable (entry 2)
    "#]];
    script()
        .own("a", 1, &[0, 1])
        .own("a", 2, &[0])
        .lives()
        .finds(stalled);
    script()
        .own("a", 1, &[0])
        .lasting(100)
        .own("b", 2, &[1])
        .lasting(100)
        .lives()
        .finds(expect![[r#"
            stalled group: g did not become stable (entry 2)
        "#]]);
    script()
        .own("a", 2, &[0])
        .lasting(100)
        .own("b", 2, &[1])
        .lasting(100)
        .lives()
        .finds(expect![[""]]);
}
