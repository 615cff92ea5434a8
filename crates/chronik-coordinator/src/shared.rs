//! What all groups of a shard share: settings, deadlines, who waits, and what a call has gathered.

use std::collections::BTreeMap;

use chronik_protocol::{EncodeError, Str};
use chronik_types::Instant;

use crate::deadlines::{Deadlines, Kind, Timer};
use crate::encoding::Record;
use crate::reply::{After, Answer, Reply, Ticket};
use crate::room::Charge;
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
    /// That, and all else that groups hold.
    pub(crate) charge: Charge,
    /// Gathered by the call under way.
    pub(crate) answers: Vec<Answer>,
    pub(crate) records: Vec<Record>,
    /// What [`Self::records`] hold, in bytes; at most `batch_bytes_max`.
    record_bytes: usize,
    /// A record could not be written in its format, or all together are too large. There are no
    /// records then.
    pub(crate) unwritable: bool,
}

impl Shared {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            charge: Charge::new(settings.room.clone()),
            settings,
            deadlines: Deadlines::default(),
            parked: BTreeMap::new(),
            held_bytes: 0,
            answers: Vec::new(),
            records: Vec::new(),
            record_bytes: 0,
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
        if self.unwritable {
            return;
        }
        if let Ok(record) = record {
            self.record_bytes += record.len();
            if self.record_bytes <= self.settings.batch_bytes_max {
                self.records.push(record);
                return;
            }
        }
        // The batch is appended whole or not at all.
        self.refuse_records();
    }

    /// Gathers a record that can also be appended later; gives whether the batch had room for it.
    pub(crate) fn record_if_it_fits(&mut self, record: Result<Record, EncodeError>) -> bool {
        let bytes = record.as_ref().map_or(0, Record::len);
        let fits = self.record_bytes + bytes <= self.settings.batch_bytes_max;
        if fits {
            self.record(record);
        }
        fits
    }

    /// Nothing that was gathered can be appended.
    pub(crate) fn refuse_records(&mut self) {
        self.unwritable = true;
        self.records = Vec::new();
        self.record_bytes = 0;
    }

    /// Takes what was gathered, and whether it was refused.
    pub(crate) fn take_records(&mut self) -> (Vec<Record>, bool) {
        self.record_bytes = 0;
        let unwritable = std::mem::take(&mut self.unwritable);
        (std::mem::take(&mut self.records), unwritable)
    }

    /// What a member or a pending id holds is `after` now, and was `before`.
    pub(crate) fn hold(&mut self, before: usize, after: usize) {
        self.held_bytes = self.held_bytes - before + after;
        self.charge.change(before, after);
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
