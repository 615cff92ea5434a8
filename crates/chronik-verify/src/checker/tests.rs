//! Each rule is shown to fire on the smallest history that breaks it, and to stay silent beside it.

use super::check;
use crate::history::{
    Entry, History, Isolation, Operation, Outcome, Process, Read, TopicPartition, Transaction,
    Value,
};
use expect_test::{Expect, expect};

/// Builds a history of partition t-0; every operation takes one nanosecond, one after another.
struct Script {
    history: History,
    now_ns: u64,
}

fn script() -> Script {
    Script {
        history: History {
            entries: Vec::new(),
            read_to_the_end: true,
        },
        now_ns: 0,
    }
}

fn t0() -> TopicPartition {
    TopicPartition {
        topic: "t".to_owned(),
        partition: 0,
    }
}

impl Script {
    fn push(mut self, process: u32, outcome: Outcome, operation: Operation) -> Self {
        self.now_ns += 10;
        self.history.entries.push(Entry {
            process: Process(process),
            invoked_ns: self.now_ns,
            returned_ns: self.now_ns + 1,
            outcome,
            operation,
        });
        self
    }

    fn produce(self, process: u32, value: u64, outcome: Outcome, offset: Option<u64>) -> Self {
        let operation = Operation::Produce {
            at: t0(),
            value: Value(value),
            offset,
            transaction: None,
        };
        self.push(process, outcome, operation)
    }

    fn acked(self, process: u32, value: u64, offset: u64) -> Self {
        self.produce(process, value, Outcome::Ok, Some(offset))
    }

    fn in_transaction(self, transaction: u32, value: u64, offset: u64) -> Self {
        let operation = Operation::Produce {
            at: t0(),
            value: Value(value),
            offset: Some(offset),
            transaction: Some(Transaction(transaction)),
        };
        self.push(1, Outcome::Ok, operation)
    }

    fn end(self, transaction: u32, commit: bool, outcome: Outcome) -> Self {
        let transaction = Transaction(transaction);
        self.push(
            1,
            outcome,
            Operation::EndTransaction {
                transaction,
                commit,
            },
        )
    }

    fn poll(self, process: u32, sought: Option<u64>, reads: &[(u64, u64)]) -> Self {
        self.poll_at(process, sought, Isolation::ReadUncommitted, reads)
    }

    fn poll_at(
        self,
        process: u32,
        sought: Option<u64>,
        isolation: Isolation,
        reads: &[(u64, u64)],
    ) -> Self {
        let reads = reads.iter().map(|(offset, value)| Read {
            offset: *offset,
            value: Value(*value),
        });
        let operation = Operation::Poll {
            at: t0(),
            sought,
            isolation,
            reads: reads.collect(),
        };
        self.push(process, Outcome::Ok, operation)
    }

    fn log_end(self, process: u32, offset: u64) -> Self {
        let operation = Operation::LogEnd {
            at: t0(),
            offset: Some(offset),
        };
        self.push(process, Outcome::Ok, operation)
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
fn a_history_without_fault_is_silent() {
    script()
        .acked(1, 10, 0)
        .log_end(3, 1)
        .poll(2, Some(0), &[(0, 10)])
        .acked(1, 11, 1)
        .produce(1, 12, Outcome::Unknown, None)
        .produce(1, 13, Outcome::Fail, None)
        .poll(2, None, &[(1, 11), (2, 12)])
        .poll(2, None, &[])
        .log_end(3, 3)
        .finds(expect![[""]]);
}

#[test]
fn an_acknowledged_value_below_the_highest_read_that_nobody_read_is_lost() {
    script()
        .acked(1, 10, 0)
        .acked(1, 11, 1)
        .acked(1, 12, 2)
        .poll(2, Some(0), &[(0, 10), (2, 12)])
        .finds(expect![[r#"
            lost write: value 11 at t-0 offset 1 (entry 1) was acknowledged, entry 3 read past it, nobody read it
        "#]]);
}

#[test]
fn an_unknown_value_that_nobody_read_accuses_nobody() {
    script()
        .acked(1, 10, 0)
        .produce(1, 11, Outcome::Unknown, None)
        .acked(1, 12, 2)
        .poll(2, Some(0), &[(0, 10), (2, 12)])
        .finds(expect![[""]]);
}

#[test]
fn an_acknowledged_value_at_the_tail_counts_only_when_the_run_read_to_the_end() {
    let run = script().acked(1, 10, 0).acked(1, 11, 1);
    let mut run = run.poll(2, Some(0), &[(0, 10)]);
    run.history.read_to_the_end = false;
    assert_eq!(check(&run.history), []);
    run.history.read_to_the_end = true;
    run.finds(expect![[r#"
        unseen write: value 11 at t-0 offset 1 (entry 1) was acknowledged and never read
    "#]]);
}

#[test]
fn an_acknowledgement_without_offset_still_has_to_be_read() {
    script()
        .produce(1, 10, Outcome::Ok, None)
        .finds(expect![[r#"
            unseen write: value 10 to t-0 (entry 0) was acknowledged and never read
        "#]]);
}

#[test]
fn one_value_at_two_offsets_is_a_duplicate() {
    script()
        .acked(1, 10, 0)
        .poll(2, Some(0), &[(0, 10), (1, 10)])
        .finds(expect![[r#"
            duplicate: value 10 at t-0 offset 0 (entry 0) and value 10 at t-0 offset 1 (entry 1)
        "#]]);
}

#[test]
fn two_consumers_that_read_the_same_record_are_no_duplicate() {
    script()
        .acked(1, 10, 0)
        .poll(2, Some(0), &[(0, 10)])
        .poll(3, Some(0), &[(0, 10)])
        .poll(3, Some(0), &[(0, 10)])
        .finds(expect![[""]]);
}

#[test]
fn one_offset_with_two_values_has_changed() {
    script()
        .produce(1, 10, Outcome::Unknown, None)
        .produce(1, 11, Outcome::Unknown, None)
        .poll(2, Some(0), &[(0, 10)])
        .poll(3, Some(0), &[(0, 11)])
        .finds(expect![[r#"
            changed content: value 10 at t-0 offset 0 (entry 2) and value 11 at t-0 offset 0 (entry 3)
        "#]]);
}

#[test]
fn an_acknowledged_offset_that_reads_as_another_value_has_changed_and_the_value_is_lost() {
    script()
        .acked(1, 10, 0)
        .produce(1, 11, Outcome::Unknown, None)
        .poll(2, Some(0), &[(0, 11)])
        .finds(expect![[r#"
            changed content: value 10 at t-0 offset 0 (entry 0) and value 11 at t-0 offset 0 (entry 2)
            lost write: value 10 at t-0 offset 0 (entry 0) was acknowledged, entry 2 read past it, nobody read it
        "#]]);
}

#[test]
fn sends_of_one_process_that_land_in_the_other_order_are_reordered() {
    script()
        .acked(1, 10, 1)
        .acked(1, 11, 0)
        .poll(2, Some(0), &[(0, 11), (1, 10)])
        .finds(expect![[r#"
            reordered sends: process 1 sent value 10 at t-0 offset 1 (entry 0) before value 11 at t-0 offset 0 (entry 1)
        "#]]);
}

#[test]
fn sends_of_two_processes_have_no_order() {
    script()
        .acked(1, 10, 1)
        .acked(2, 11, 0)
        .poll(3, Some(0), &[(0, 11), (1, 10)])
        .finds(expect![[""]]);
}

#[test]
fn a_poll_that_goes_back_within_itself_or_behind_the_last_one_is_found() {
    script()
        .acked(1, 10, 0)
        .acked(1, 11, 1)
        .poll(2, Some(0), &[(1, 11), (0, 10)])
        .poll(2, None, &[(1, 11)])
        .finds(expect![[r#"
            poll went back: process 2 read value 10 at t-0 offset 0 (entry 2), offset 2 or later had to come
            poll went back: process 2 read value 11 at t-0 offset 1 (entry 3), offset 2 or later had to come
        "#]]);
}

#[test]
fn a_consumer_that_seeks_may_go_back() {
    script()
        .acked(1, 10, 0)
        .acked(1, 11, 1)
        .poll(2, Some(0), &[(0, 10), (1, 11)])
        .poll(2, Some(1), &[(1, 11)])
        .finds(expect![[""]]);
}

#[test]
fn a_poll_that_passes_a_record_which_another_read_has_skipped_it() {
    script()
        .acked(1, 10, 0)
        .acked(1, 11, 1)
        .acked(1, 12, 2)
        .poll(2, Some(0), &[(0, 10), (1, 11), (2, 12)])
        .poll(3, Some(0), &[(0, 10)])
        .poll(3, None, &[(2, 12)])
        .finds(expect![[r#"
            poll skipped: process 3 passed by value 11 at t-0 offset 1 (entry 1) in entry 5
        "#]]);
}

#[test]
fn an_offset_that_holds_no_record_may_be_passed_by() {
    script()
        .acked(1, 10, 0)
        .acked(1, 12, 2)
        .poll(2, Some(0), &[(0, 10), (2, 12)])
        .finds(expect![[""]]);
}

#[test]
fn a_value_whose_send_failed_must_not_be_read() {
    script()
        .produce(1, 10, Outcome::Fail, None)
        .poll(2, Some(0), &[(0, 10)])
        .finds(expect![[r#"
            failed write read: value 10 at t-0 offset 0 (entry 1), whose send failed in entry 0
        "#]]);
}

#[test]
fn a_value_that_nobody_sent_must_not_be_read() {
    script().poll(2, Some(0), &[(0, 99)]).finds(expect![[r#"
        never sent: value 99 at t-0 offset 0 (entry 0)
    "#]]);
}

#[test]
fn read_committed_never_returns_an_aborted_value_and_read_uncommitted_may() {
    script()
        .in_transaction(5, 10, 0)
        .end(5, false, Outcome::Ok)
        .poll(2, Some(0), &[(0, 10)])
        .poll_at(3, Some(0), Isolation::ReadCommitted, &[(0, 10)])
        .finds(expect![[r#"
            aborted write read: value 10 at t-0 offset 0 (entry 3) of transaction 5, aborted in entry 1
        "#]]);
}

#[test]
fn read_committed_passes_by_what_was_aborted_or_may_have_been() {
    script()
        .in_transaction(5, 10, 0)
        .end(5, false, Outcome::Ok)
        .in_transaction(6, 11, 2)
        .end(6, true, Outcome::Unknown)
        .acked(2, 12, 4)
        .poll(3, Some(0), &[(0, 10), (2, 11), (4, 12)])
        .poll_at(4, Some(0), Isolation::ReadCommitted, &[(4, 12)])
        .finds(expect![[""]]);
}

#[test]
fn a_committed_value_that_nobody_read_is_lost() {
    script()
        .in_transaction(5, 10, 0)
        .end(5, true, Outcome::Ok)
        .acked(2, 12, 2)
        .poll_at(4, Some(0), Isolation::ReadCommitted, &[(2, 12)])
        .finds(expect![[r#"
            lost write: value 10 at t-0 offset 0 (entry 0) was acknowledged, entry 3 read past it, nobody read it
        "#]]);
}

#[test]
fn the_log_end_never_goes_back() {
    script().log_end(1, 5).log_end(2, 4).finds(expect![[r#"
            log end went back: t-0 ended at 5 (entry 0), later at 4 (entry 1)
        "#]]);
}

#[test]
fn log_ends_asked_at_the_same_time_have_no_order() {
    let mut run = script().log_end(1, 5).log_end(2, 4);
    run.history.entries[1].invoked_ns = run.history.entries[0].returned_ns;
    run.finds(expect![[""]]);
}

#[test]
fn the_log_end_covers_what_was_acknowledged_before() {
    script()
        .acked(1, 10, 0)
        .log_end(2, 0)
        .poll(3, Some(0), &[(0, 10)])
        .finds(expect![[r#"
            log end too low: entry 1 says 0, before it value 10 at t-0 offset 0 (entry 0) was known
        "#]]);
}
