//! Retention (KIP-211): when offsets expire, and when a group is nothing any more.
//!
//! Offsets of a group without members expire `offsets.retention.minutes` after it became empty;
//! of a stable group of consumers, and of a group that only stores offsets, that long after their
//! commit; never those of topics that consumers subscribe to. A group is looked at when the first
//! of its offsets can expire, and soon after its members or subscriptions changed.

use std::time::Duration;

use chronik_protocol::EncodeError;
use chronik_protocol::generated::GroupMetadataKey;
use chronik_types::{PartitionId, Timestamp};

use super::{Group, GroupState};
use crate::deadlines::Kind;
use crate::encoding::Record;
use crate::offsets::{self, Committed};
use crate::shared::Shared;
use crate::{Now, encoding};

/// The most tombstones in one batch of expired offsets or of a deleted topic.
pub(crate) const TOMBSTONES_MAX: usize = 1000;

/// From when on the retention of an offset counts.
enum Base {
    /// From when the group became empty; where that is unknown, from the commit.
    Empty(Option<Timestamp>),
    Commit,
    /// While members come and go, or where subscriptions cannot be read, nothing expires.
    Never,
}

impl Group {
    /// Looks at retention `within` this time at the latest.
    pub(crate) fn look_at_retention(&mut self, sh: &mut Shared, now: Now, within: Duration) {
        let at = now.instant + within;
        let at = self.expiry_at.map_or(at, |earlier| earlier.min(at));
        self.expiry_at = Some(at);
        sh.arm(&self.id, Kind::Expiry, at);
    }

    /// Gathers tombstones of what has expired.
    pub(crate) fn expiry_is_due(&mut self, sh: &mut Shared, now: Now) {
        match self.expiry_at {
            None => return,
            Some(at) if at > now.instant => {
                sh.arm(&self.id, Kind::Expiry, at);
                return;
            }
            Some(_) => self.expiry_at = None,
        }
        let (expired, next) = self.expired(sh, now);
        let all = expired.len() == self.offsets.len();
        let interval = sh.settings.offsets_retention_check_interval;
        let mut some = 0;
        for (topic, partition) in expired.iter().take(TOMBSTONES_MAX) {
            let key = offsets::key(&self.id, topic, *partition);
            if !sh.record_if_it_fits(encoding::offset_tombstone(&key)) {
                break;
            }
            some += 1;
        }
        if some < expired.len() {
            // With room for not even one there is no use in trying at once.
            let wait = if some > 0 { Duration::ZERO } else { interval };
            self.look_at_retention(sh, now, wait);
            return;
        }
        let is_idle = self.state == GroupState::Empty && self.pending.is_empty();
        if all && is_idle {
            if self.stored && !sh.record_if_it_fits(self.tombstone()) {
                let wait = if some > 0 { Duration::ZERO } else { interval };
                self.look_at_retention(sh, now, wait);
            }
        } else if !all || self.state == GroupState::Empty {
            let wait = next.map_or(sh.settings.offsets_retention, |next| {
                let left = next.as_millis().saturating_sub(now.wall.as_millis());
                Duration::from_millis(u64::try_from(left).unwrap_or(0))
            });
            let wait = if all { interval } else { wait.max(interval) };
            self.look_at_retention(sh, now, wait);
        }
    }

    /// The tombstone of the group.
    pub(crate) fn tombstone(&self) -> Result<Record, EncodeError> {
        let key = GroupMetadataKey {
            group: self.id.clone(),
        };
        encoding::group(&key, None)
    }

    /// What has expired, and when the next offset does.
    fn expired(&self, sh: &Shared, now: Now) -> (Vec<(String, PartitionId)>, Option<Timestamp>) {
        let base = self.base();
        let mut expired = Vec::new();
        let mut next: Option<Timestamp> = None;
        for topic in self.offsets.topics() {
            if matches!(base, Base::Never) || self.is_subscribed_to(topic) {
                continue;
            }
            for (partition, committed) in self.offsets.of(topic) {
                let expires = expires(&committed, &base, sh.settings.offsets_retention);
                if expires <= now.wall {
                    expired.push((topic.to_owned(), partition));
                } else {
                    next = Some(next.map_or(expires, |next| next.min(expires)));
                }
            }
        }
        (expired, next)
    }

    fn base(&self) -> Base {
        match self.state {
            _ if self.protocol_type.is_none() => Base::Commit,
            GroupState::Empty => Base::Empty(self.state_since),
            GroupState::Stable if self.is_of_consumers() && self.subscribed.is_some() => {
                Base::Commit
            }
            GroupState::Stable
            | GroupState::PreparingRebalance
            | GroupState::CompletingRebalance => Base::Never,
        }
    }
}

fn expires(committed: &Committed, base: &Base, retention: Duration) -> Timestamp {
    if let Some(at) = committed.expires_at {
        return at;
    }
    let base = match base {
        Base::Empty(Some(since)) => *since,
        Base::Empty(None) | Base::Commit | Base::Never => committed.committed_at,
    };
    let retention = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(base.as_millis().saturating_add(retention))
}
