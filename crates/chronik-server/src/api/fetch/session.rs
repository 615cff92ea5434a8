//! Fetch sessions (KIP-227): what a client fetches again and again, so that it need not repeat it
//! and we need not answer what has not changed.
//!
//! ```text
//! id 0, epoch 0 ─► full answer, new session at epoch 1      epoch -1 ─► full answer, session closed
//! id n, epoch e ─► e is the session's: names what changed, answered with what changed, e + 1
//! ```
//!
//! Pure but for the lock around the table. Keeps I14: slots are limited and a session's memory is
//! charged; without room for one the client gets session id 0, which is always legal.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chronik_io::Rng;
use chronik_protocol::Str;
use chronik_protocol::generated::fetch_request::{FetchPartition, FetchRequest};
use chronik_protocol::generated::fetch_response::PartitionData;
use chronik_types::{ErrorCode, Instant, Uuid};

use crate::net::budget::{Budget, Reservation};

/// A session idle for this long may make room for another.
const EVICT_AFTER: Duration = Duration::from_secs(120);
/// Charged for each partition of a session.
const PARTITION_BYTES: usize = 256;

/// A partition as the client names it: by name before v13, by id from then on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct FetchKey {
    pub(crate) topic: Str,
    pub(crate) topic_id: Uuid,
    pub(crate) partition: i32,
}

/// One partition to look at.
pub(crate) type Wanted = (FetchKey, FetchPartition);

/// What a request turned into.
pub(crate) struct Begun {
    /// The session that answers and is answered to; `None` answers with id 0.
    pub(crate) session: Option<i32>,
    /// Whether only what changed is answered.
    pub(crate) incremental: bool,
    /// Everything to look at, in order.
    pub(crate) wanted: Vec<Wanted>,
}

/// All sessions of a node.
pub(crate) struct FetchSessions {
    slots: usize,
    table: Mutex<BTreeMap<i32, Session>>,
}

struct Session {
    epoch: i32,
    uses_ids: bool,
    partitions: BTreeMap<FetchKey, Cached>,
    /// Where the next answer starts, so that a full answer does not starve the last partitions.
    start: Option<FetchKey>,
    last_used: Instant,
    _charged: Reservation,
}

struct Cached {
    request: FetchPartition,
    /// High watermark, last stable offset and log start as last answered without an error.
    answered: Option<(i64, i64, i64)>,
    /// Given back when the partition is forgotten.
    _charged: Reservation,
}

impl FetchSessions {
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            slots,
            table: Mutex::default(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<i32, Session>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sessions open now.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Finds or makes the session of a request and says what to look at.
    pub(crate) fn begin(
        &self,
        now: Instant,
        rng: &Rng,
        budget: &Budget,
        version: i16,
        request: FetchRequest,
    ) -> Result<Begun, ErrorCode> {
        let (id, epoch) = (request.session_id, request.session_epoch);
        let mut table = self.lock();
        if epoch > 0 {
            let session = table
                .get_mut(&id)
                .ok_or(ErrorCode::FetchSessionIdNotFound)?;
            let advanced = session.advance(now, budget, version, request);
            if advanced == Err(ErrorCode::FetchSessionIdNotFound) {
                // The client begins anew, and never names this one again.
                table.remove(&id);
            }
            return advanced.map(|wanted| Begun {
                session: Some(id),
                incremental: true,
                wanted,
            });
        }
        table.remove(&id);
        let wanted = partitions(request);
        let session = (epoch == 0)
            .then(|| self.open(&mut table, now, rng, budget, version, &wanted))
            .flatten();
        Ok(Begun {
            session,
            incremental: false,
            wanted,
        })
    }

    fn open(
        &self,
        table: &mut BTreeMap<i32, Session>,
        now: Instant,
        rng: &Rng,
        budget: &Budget,
        version: i16,
        wanted: &[Wanted],
    ) -> Option<i32> {
        if table.len() >= self.slots {
            evict(table, now)?;
        }
        let (charge, partitions) = loop {
            match charged(budget, wanted) {
                Some(charged) => break charged,
                None => evict(table, now)?,
            }
        };
        let id = loop {
            let drawn = i32::try_from(rng.next_u64() & 0x7fff_ffff).unwrap_or(0);
            if drawn != 0 && !table.contains_key(&drawn) {
                break drawn;
            }
        };
        let session = Session {
            epoch: 1,
            uses_ids: version >= 13,
            partitions,
            start: None,
            last_used: now,
            _charged: charge,
        };
        table.insert(id, session);
        Some(id)
    }

    /// Notes what is answered and drops what has not changed from an incremental answer.
    pub(crate) fn finish(
        &self,
        session: i32,
        incremental: bool,
        answers: &mut Vec<(FetchKey, PartitionData)>,
    ) {
        let mut table = self.lock();
        let Some(session) = table.get_mut(&session) else {
            return;
        };
        answers.retain(|(key, data)| {
            let Some(cached) = session.partitions.get_mut(key) else {
                return true;
            };
            let has_records = data
                .records
                .as_ref()
                .is_some_and(|records| !records.is_empty());
            if has_records {
                session.start = Some(key.detached());
            }
            cached.answer(data) || has_records || !incremental
        });
    }
}

/// Makes room: the session that has been idle longest goes, if that was long enough.
fn evict(table: &mut BTreeMap<i32, Session>, now: Instant) -> Option<()> {
    let (idle, oldest) = table
        .iter()
        .map(|(id, session)| (*id, session.last_used))
        .min_by_key(|(_, used)| *used)?;
    if now.since(oldest) < EVICT_AFTER {
        return None;
    }
    table.remove(&idle);
    Some(())
}

/// The partitions of a new session, charged; `None` without room for all.
fn charged(
    budget: &Budget,
    wanted: &[Wanted],
) -> Option<(Reservation, BTreeMap<FetchKey, Cached>)> {
    let own = budget.try_reserve(PARTITION_BYTES)?;
    let partitions = wanted.iter().map(|(key, request)| {
        let cached = Cached::new(budget, request.clone())?;
        Some((key.detached(), cached))
    });
    Some((own, partitions.collect::<Option<_>>()?))
}

impl Session {
    fn advance(
        &mut self,
        now: Instant,
        budget: &Budget,
        version: i16,
        request: FetchRequest,
    ) -> Result<Vec<Wanted>, ErrorCode> {
        if request.session_epoch != self.epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if self.uses_ids != (version >= 13) {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        for topic in &request.forgotten_topics_data {
            for partition in &topic.partitions {
                self.partitions.remove(&FetchKey {
                    topic: topic.topic.clone(),
                    topic_id: topic.topic_id,
                    partition: *partition,
                });
            }
        }
        for (key, request) in partitions(request) {
            match self.partitions.get_mut(&key) {
                Some(cached) => cached.request = request,
                None => {
                    // Kafka has no error for "no memory"; an unknown session makes the client
                    // begin anew.
                    let cached = Cached::new(budget, request);
                    let cached = cached.ok_or(ErrorCode::FetchSessionIdNotFound)?;
                    self.partitions.insert(key.detached(), cached);
                }
            }
        }
        self.epoch = if self.epoch == i32::MAX {
            1
        } else {
            self.epoch + 1
        };
        self.last_used = now;
        Ok(self.rotated())
    }

    /// All partitions, from the one after the last that was answered with records.
    fn rotated(&self) -> Vec<Wanted> {
        let copy = |(key, cached): (&FetchKey, &Cached)| (key.clone(), cached.request.clone());
        match &self.start {
            None => self.partitions.iter().map(copy).collect(),
            Some(start) => {
                let after = (Bound::Excluded(start), Bound::Unbounded);
                let upto = (Bound::Unbounded, Bound::Included(start));
                let rest = self.partitions.range::<FetchKey, _>(upto);
                self.partitions
                    .range::<FetchKey, _>(after)
                    .chain(rest)
                    .map(copy)
                    .collect()
            }
        }
    }
}

impl Cached {
    /// `None` without room for it.
    fn new(budget: &Budget, request: FetchPartition) -> Option<Self> {
        Some(Self {
            request,
            answered: None,
            _charged: budget.try_reserve(PARTITION_BYTES)?,
        })
    }

    /// Notes an answer; whether the client must be told. An error is always told, and what
    /// follows it too.
    fn answer(&mut self, data: &PartitionData) -> bool {
        let is_error = data.error_code != ErrorCode::None.code()
            || data.diverging_epoch.epoch >= 0
            || data.preferred_read_replica >= 0;
        let positions = (
            data.high_watermark,
            data.last_stable_offset,
            data.log_start_offset,
        );
        let told = self.answered.replace(positions);
        if is_error {
            self.answered = None;
        }
        is_error || told != Some(positions)
    }
}

impl FetchKey {
    /// A copy that does not keep the request's frame in memory.
    fn detached(&self) -> Self {
        Self {
            topic: self.topic.detached(),
            ..self.clone()
        }
    }
}

fn partitions(request: FetchRequest) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for topic in request.topics {
        for request in topic.partitions {
            let key = FetchKey {
                topic: topic.topic.clone(),
                topic_id: topic.topic_id,
                partition: request.partition,
            };
            wanted.push((key, request));
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use chronik_protocol::generated::fetch_request::{FetchTopic, ForgottenTopic};

    fn request(id: i32, epoch: i32, partitions: &[i32]) -> FetchRequest {
        FetchRequest {
            session_id: id,
            session_epoch: epoch,
            topics: vec![FetchTopic {
                topic: "t".into(),
                partitions: partitions
                    .iter()
                    .map(|partition| FetchPartition {
                        partition: *partition,
                        ..FetchPartition::default()
                    })
                    .collect(),
                ..FetchTopic::default()
            }],
            ..FetchRequest::default()
        }
    }

    struct Table {
        sessions: FetchSessions,
        rng: Rng,
        budget: Budget,
    }

    impl Table {
        fn new(slots: usize) -> Self {
            Self {
                sessions: FetchSessions::new(slots),
                rng: Rng::seeded(1),
                budget: Budget::new(1 << 20),
            }
        }

        fn begin(&self, seconds: u64, request: FetchRequest) -> Result<Begun, ErrorCode> {
            let now = Instant::from_nanos(0) + Duration::from_secs(seconds);
            self.sessions
                .begin(now, &self.rng, &self.budget, 12, request)
        }

        /// Answers everything with this high watermark; the partitions the client is told.
        fn finish(&self, begun: &Begun, high_watermark: i64) -> Vec<i32> {
            let mut answers: Vec<(FetchKey, PartitionData)> = begun
                .wanted
                .iter()
                .map(|(key, _)| {
                    let data = PartitionData {
                        partition_index: key.partition,
                        high_watermark,
                        ..PartitionData::default()
                    };
                    (key.clone(), data)
                })
                .collect();
            let session = begun.session.expect("a session");
            self.sessions
                .finish(session, begun.incremental, &mut answers);
            answers.iter().map(|(key, _)| key.partition).collect()
        }
    }

    #[test]
    fn an_incremental_fetch_is_answered_with_what_changed() {
        let table = Table::new(10);
        let full = table.begin(0, request(0, 0, &[0, 1])).unwrap();
        let id = full.session.unwrap();
        assert_eq!(table.finish(&full, 5), [0, 1]);
        let next = table.begin(1, request(id, 1, &[])).unwrap();
        assert_eq!(next.wanted.len(), 2);
        assert_eq!(table.finish(&next, 5), [] as [i32; 0]);
        let next = table.begin(2, request(id, 2, &[2])).unwrap();
        assert_eq!(table.finish(&next, 5), [2]);
        let next = table.begin(3, request(id, 3, &[])).unwrap();
        assert_eq!(table.finish(&next, 6), [0, 1, 2]);
    }

    #[test]
    fn wrong_ids_and_epochs_are_refused_and_forgotten_partitions_are_gone() {
        let table = Table::new(10);
        let id = table
            .begin(0, request(0, 0, &[0, 1]))
            .unwrap()
            .session
            .unwrap();
        let refused = |request| table.begin(1, request).err();
        assert_eq!(
            refused(request(id, 2, &[])),
            Some(ErrorCode::InvalidFetchSessionEpoch)
        );
        assert_eq!(
            refused(request(id ^ 1, 1, &[])),
            Some(ErrorCode::FetchSessionIdNotFound)
        );
        let mut forget = request(id, 1, &[]);
        forget.forgotten_topics_data = vec![ForgottenTopic {
            topic: "t".into(),
            partitions: vec![0],
            ..ForgottenTopic::default()
        }];
        assert_eq!(table.begin(2, forget).unwrap().wanted.len(), 1);
        let closed = table.begin(3, request(id, -1, &[7])).unwrap();
        assert_eq!((closed.session, closed.wanted.len()), (None, 1));
        assert_eq!(table.sessions.count(), 0);
    }

    #[test]
    fn a_session_is_charged_for_the_partitions_it_has_and_idle_ones_make_room() {
        let table = Table::new(10);
        let full = table.begin(0, request(0, 0, &[0, 1])).unwrap();
        let id = full.session.unwrap();
        let charged = table.budget.used();
        // A client that forgets what it has buffered, and takes it up again.
        for round in 0..1000 {
            let epoch = 2 * round + 1;
            let mut forget = request(id, epoch, &[]);
            forget.forgotten_topics_data = vec![ForgottenTopic {
                topic: "t".into(),
                partitions: vec![0],
                ..ForgottenTopic::default()
            }];
            table.begin(1, forget).unwrap();
            assert!(table.budget.used() < charged);
            table.begin(1, request(id, epoch + 1, &[0])).unwrap();
            assert_eq!(table.budget.used(), charged);
        }
        let all = table.budget.try_reserve(table.budget.total() - charged);
        let more = table.begin(1, request(id, 2001, &[7]));
        assert_eq!(more.err(), Some(ErrorCode::FetchSessionIdNotFound));
        assert_eq!(table.sessions.count(), 0, "nobody will name it again");
        let again = table.begin(1, request(0, 0, &[0, 1])).unwrap();
        assert!(again.session.is_some());
        let other = |seconds| {
            table
                .begin(seconds, request(0, 0, &[0, 1]))
                .unwrap()
                .session
        };
        assert_eq!(other(60), None, "there is no room");
        assert!(other(122).is_some(), "the idle one makes room");
        drop(all);
    }

    #[test]
    fn without_a_slot_the_client_gets_no_session_until_one_was_idle_long_enough() {
        let table = Table::new(1);
        assert!(
            table
                .begin(0, request(0, 0, &[0]))
                .unwrap()
                .session
                .is_some()
        );
        assert!(
            table
                .begin(60, request(0, 0, &[0]))
                .unwrap()
                .session
                .is_none()
        );
        assert!(
            table
                .begin(121, request(0, 0, &[0]))
                .unwrap()
                .session
                .is_some()
        );
        assert_eq!(table.sessions.count(), 1);
    }

    #[test]
    fn the_partition_after_the_last_one_with_records_comes_first() {
        let table = Table::new(1);
        let full = table.begin(0, request(0, 0, &[0, 1, 2])).unwrap();
        let id = full.session.unwrap();
        let mut answers = vec![(
            full.wanted[1].0.clone(),
            PartitionData {
                records: Some(bytes::Bytes::from_static(b"x")),
                ..PartitionData::default()
            },
        )];
        table.sessions.finish(id, false, &mut answers);
        let next = table.begin(1, request(id, 1, &[])).unwrap();
        let order: Vec<i32> = next.wanted.iter().map(|(key, _)| key.partition).collect();
        assert_eq!(order, [2, 0, 1]);
    }
}
