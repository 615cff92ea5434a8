//! What clients did and what they learned, in a form that can be stored and read again.
//!
//! One [`Entry`] per operation, in JSON lines. Values are unique over the whole history: a value
//! names the one send that made it, which is what lets the checker tell a duplicate from a second
//! send. Times are nanoseconds of one clock; an operation took effect between `invoked` and
//! `returned`, if at all.
//!
//! Invariants of a well-formed history: values are sent once; one process has one operation of a
//! kind after another in the order of `invoked` (sends may overlap, polls may not); a send with
//! acks=0 is recorded as [`Outcome::Unknown`], since nothing acknowledged it. A member commits no
//! offset below the one that it found committed in its generation, unless it records a reset.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A record's content, standing for key, value and headers together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Value(pub u64);

/// One client: a producer, a consumer or an admin client, with its own order of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Process(pub u32);

/// One transaction of one producer, unique over the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Transaction(pub u32);

/// The log an operation speaks to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TopicPartition {
    pub topic: String,
    pub partition: u32,
}

/// How an operation ended, as far as its client can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It took effect.
    Ok,
    /// It definitely did not and never will.
    Fail,
    /// A timeout or a lost connection: it may have, it may not, it still may.
    Unknown,
}

/// What a poll may return.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    #[default]
    ReadUncommitted,
    ReadCommitted,
}

/// One record as a poll returned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    pub offset: u64,
    pub value: Value,
}

/// One operation, and what its client learned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Operation {
    /// One record sent.
    Produce {
        at: TopicPartition,
        value: Value,
        /// Where it landed, if the acknowledgement said so.
        offset: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        transaction: Option<Transaction>,
    },
    /// The records that one poll returned of one partition, in the order in which they came.
    Poll {
        at: TopicPartition,
        /// The consumer went to this offset before the poll. Without it the poll goes on where this process's last one ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sought: Option<u64>,
        #[serde(default)]
        isolation: Isolation,
        reads: Vec<Read>,
    },
    /// The latest offset, exclusive: the offset the next record will get.
    LogEnd {
        at: TopicPartition,
        offset: Option<u64>,
    },
    /// The end of a transaction, as its producer asked for it.
    EndTransaction {
        transaction: Transaction,
        commit: bool,
    },
    /// A group's offset of one partition, committed.
    CommitOffset {
        group: String,
        at: TopicPartition,
        offset: u64,
        /// The generation in which the committer is a member; none of one that is in no group.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        generation: Option<u32>,
        /// It may go back behind what was committed, because someone wanted that.
        #[serde(default, skip_serializing_if = "is_false")]
        reset: bool,
    },
    /// A group's committed offset of one partition, asked for.
    FetchOffset {
        group: String,
        at: TopicPartition,
        /// The generation in which the asker is a member already; none of one that is in no group.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        generation: Option<u32>,
        /// None: nothing is committed.
        offset: Option<u64>,
    },
    /// A member's partitions in one generation: it asked at `invoked`, knew them from `from_ns` on
    /// and gave them up, or learned that it had to, at `returned`.
    Own {
        group: String,
        generation: u32,
        member: String,
        from_ns: u64,
        partitions: Vec<TopicPartition>,
    },
    /// From `invoked` to `returned` nothing stood in the way of a group whose live members
    /// subscribe to these partitions, and that was long enough for it to become stable.
    GroupLives {
        group: String,
        partitions: Vec<TopicPartition>,
    },
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// One line of a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub process: Process,
    pub invoked_ns: u64,
    pub returned_ns: u64,
    pub outcome: Outcome,
    #[serde(flatten)]
    pub operation: Operation,
}

/// What happened in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    pub entries: Vec<Entry>,
    /// The run ended with a phase that read every partition to the highest offset known.
    /// Only then does a value that nobody read count against the log's tail.
    pub read_to_the_end: bool,
}

/// A line that is no entry.
#[derive(Debug)]
pub struct MalformedLine {
    /// Counted from 1.
    pub line: usize,
    pub reason: String,
}

impl History {
    /// One entry per line.
    pub fn to_json_lines(&self) -> String {
        let mut text = String::new();
        for entry in &self.entries {
            let line = serde_json::to_string(entry);
            text.push_str(&line.expect("an entry has string keys only, so it always serialises"));
            text.push('\n');
        }
        text
    }

    /// Reads what [`History::to_json_lines`] wrote; empty lines are skipped.
    pub fn from_json_lines(text: &str, read_to_the_end: bool) -> Result<Self, MalformedLine> {
        let mut entries = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let entry = serde_json::from_str(line).map_err(|e| MalformedLine {
                line: index + 1,
                reason: e.to_string(),
            })?;
            entries.push(entry);
        }
        Ok(Self {
            entries,
            read_to_the_end,
        })
    }
}

impl fmt::Display for MalformedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} is no history entry: {}", self.line, self.reason)
    }
}

impl std::error::Error for MalformedLine {}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "value {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn sample() -> History {
        let at = TopicPartition {
            topic: "t".to_owned(),
            partition: 3,
        };
        let entry = |invoked_ns, outcome, operation| Entry {
            process: Process(1),
            invoked_ns,
            returned_ns: invoked_ns + 5,
            outcome,
            operation,
        };
        History {
            entries: vec![
                entry(
                    10,
                    Outcome::Ok,
                    Operation::Produce {
                        at: at.clone(),
                        value: Value(7),
                        offset: Some(0),
                        transaction: None,
                    },
                ),
                entry(
                    20,
                    Outcome::Unknown,
                    Operation::Produce {
                        at: at.clone(),
                        value: Value(8),
                        offset: None,
                        transaction: Some(Transaction(2)),
                    },
                ),
                entry(
                    30,
                    Outcome::Ok,
                    Operation::Poll {
                        at: at.clone(),
                        sought: Some(0),
                        isolation: Isolation::ReadCommitted,
                        reads: vec![Read {
                            offset: 0,
                            value: Value(7),
                        }],
                    },
                ),
                entry(40, Outcome::Fail, Operation::LogEnd { at, offset: None }),
                entry(
                    50,
                    Outcome::Ok,
                    Operation::EndTransaction {
                        transaction: Transaction(2),
                        commit: false,
                    },
                ),
            ],
            read_to_the_end: true,
        }
    }

    #[test]
    fn the_stored_form_is_one_line_per_entry_and_reads_back() {
        let history = sample();
        let text = history.to_json_lines();
        expect![[r#"
            {"process":1,"invoked_ns":10,"returned_ns":15,"outcome":"ok","op":"produce","at":{"topic":"t","partition":3},"value":7,"offset":0}
            {"process":1,"invoked_ns":20,"returned_ns":25,"outcome":"unknown","op":"produce","at":{"topic":"t","partition":3},"value":8,"offset":null,"transaction":2}
            {"process":1,"invoked_ns":30,"returned_ns":35,"outcome":"ok","op":"poll","at":{"topic":"t","partition":3},"sought":0,"isolation":"read_committed","reads":[{"offset":0,"value":7}]}
            {"process":1,"invoked_ns":40,"returned_ns":45,"outcome":"fail","op":"log_end","at":{"topic":"t","partition":3},"offset":null}
            {"process":1,"invoked_ns":50,"returned_ns":55,"outcome":"ok","op":"end_transaction","transaction":2,"commit":false}
        "#]]
        .assert_eq(&text);
        let back = History::from_json_lines(&text, true).expect("what was written reads back");
        assert_eq!(back, history);
    }

    #[test]
    fn a_malformed_line_is_named() {
        let broken = format!("{}\n{{\"op\":\"nonsense\"}}\n", sample().to_json_lines());
        let refused =
            History::from_json_lines(&broken, true).expect_err("the last line is no entry");
        assert_eq!(refused.line, 7, "the empty line counts as a line");
    }
}
