//! What all groups of a shard share: settings, deadlines, who waits, and what a call has gathered.

use std::collections::BTreeMap;

use chronik_protocol::{EncodeError, Str};
use chronik_types::Instant;

use crate::deadlines::{Deadlines, Kind, Timer};
use crate::encoding::Record;
use crate::reply::{After, Answer, Reply, Ticket};
use crate::settings::Settings;

/// Handed to a group with everything that is asked of it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) deadlines: Deadlines,
    /// Requests that wait in a member: (group, member).
    pub(crate) parked: BTreeMap<Ticket, (Str, Str)>,
    /// Bytes held by members and pending ids of all groups.
    pub(crate) held_bytes: usize,
    /// Gathered by the call under way.
    pub(crate) answers: Vec<Answer>,
    pub(crate) records: Vec<Record>,
    /// A record could not be written in its format.
    pub(crate) unwritable: bool,
}

impl Shared {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            deadlines: Deadlines::default(),
            parked: BTreeMap::new(),
            held_bytes: 0,
            answers: Vec::new(),
            records: Vec::new(),
            unwritable: false,
        }
    }

    pub(crate) fn answer(&mut self, ticket: Ticket, reply: Reply, after: After) {
        self.parked.remove(&ticket);
        self.answers.push(Answer {
            ticket,
            reply,
            after,
        });
    }

    pub(crate) fn record(&mut self, record: Result<Record, EncodeError>) {
        match record {
            Ok(record) => self.records.push(record),
            Err(_) => self.unwritable = true,
        }
    }

    pub(crate) fn arm(&mut self, group: &Str, kind: Kind, at: Instant) {
        let group = group.clone();
        self.deadlines.arm(Timer { group, kind }, at);
    }

    pub(crate) fn disarm(&mut self, group: &Str, kind: Kind) {
        let group = group.clone();
        self.deadlines.cancel(&Timer { group, kind });
    }
}
