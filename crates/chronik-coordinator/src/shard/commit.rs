//! OffsetCommit, OffsetFetch, OffsetDelete. Old clients commit to the group without a name.

use std::collections::BTreeSet;
use std::time::Duration;

use chronik_protocol::Str;
use chronik_protocol::generated::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use chronik_protocol::generated::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use chronik_protocol::generated::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use chronik_protocol::generated::{OffsetCommitResponse, OffsetDeleteResponse};
use chronik_types::{ErrorCode, LeaderEpoch, PartitionId, Timestamp, TopicId, Uuid};

use super::GroupShard;
use crate::decision::{AppendFailed, Step};
use crate::group::group_weight;
use crate::offsets::{self, Committed, GroupOffsets};
use crate::reply::{After, Reply, Ticket};
use crate::request::{
    CommitPartition, CommitTopic, FetchTopic, OffsetCommit, OffsetDelete, OffsetFetch,
};
use crate::{Now, encoding};

impl GroupShard {
    pub(super) fn commit(&mut self, now: Now, commit: OffsetCommit, ticket: Ticket) -> Step {
        let mut checked = self.check_commit(now, &commit);
        let expires_at = commit.retention.map(|kept| later(now.wall, kept));
        let topics = commit.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|part| {
                let result = checked
                    .and_then(|()| self.commit_one(now, &commit.group, topic, part, expires_at));
                if self.shared.unwritable {
                    // Nothing is encoded any more; those before are told when it has failed.
                    checked = Err(ErrorCode::InvalidCommitOffsetSize);
                }
                OffsetCommitResponsePartition {
                    partition_index: part.partition.get(),
                    error_code: result.err().unwrap_or(ErrorCode::None).code(),
                }
            });
            OffsetCommitResponseTopic {
                partitions: partitions.collect(),
                name: topic.name.clone(),
                topic_id: topic.topic_id.map_or(Uuid::ZERO, TopicId::get),
            }
        });
        let response = OffsetCommitResponse {
            topics: topics.collect(),
            ..OffsetCommitResponse::default()
        };
        if self.shared.records.is_empty() && !self.shared.unwritable {
            let reply = Reply::OffsetCommit(response);
            self.shared.answer(ticket, reply, After::Now);
            return Step::Nothing;
        }
        Step::Commit {
            group: commit.group,
            ticket,
            response,
        }
    }

    fn check_commit(&mut self, now: Now, commit: &OffsetCommit) -> Result<(), ErrorCode> {
        let settings = &self.shared.settings;
        let asked: usize = commit.topics.iter().map(|t| t.partitions.len()).sum();
        if self.offsets + asked > settings.offsets_max {
            // Those that are there already may be committed again.
            let group = self.groups.get(&commit.group);
            let new = |t: &CommitTopic| {
                let parts = t.partitions.iter();
                let known = |p| group.is_some_and(|group| group.offsets.has(&t.name, p));
                parts.filter(|p| !known(p.partition)).count()
            };
            let new: usize = commit.topics.iter().map(new).sum();
            if self.offsets + new > settings.offsets_max {
                return Err(ErrorCode::InvalidCommitOffsetSize);
            }
        }
        if !self.shared.charge.fits(self.growth(commit)) {
            return Err(ErrorCode::InvalidCommitOffsetSize);
        }
        let has_room = self.groups.len() < settings.groups_max;
        match self.groups.get_mut(&commit.group) {
            Some(group) => group.check_commit(&mut self.shared, now, commit),
            None if commit.generation.is_none() && has_room => Ok(()),
            None if commit.generation.is_none() => Err(ErrorCode::InvalidCommitOffsetSize),
            None if commit.tells_group_not_found => Err(ErrorCode::GroupIdNotFound),
            None => Err(ErrorCode::IllegalGeneration),
        }
    }

    /// How many bytes more are held once this is committed, at most.
    fn growth(&self, commit: &OffsetCommit) -> usize {
        let none = GroupOffsets::default();
        let group = self.groups.get(&commit.group);
        let offsets = group.map_or(&none, |group| &group.offsets);
        let topics = commit.topics.iter().map(|topic| {
            let parts = topic.partitions.iter();
            let each = parts.map(|p| offsets.growth(&topic.name, p.partition, p.metadata.len()));
            each.sum::<usize>()
        });
        group.map_or_else(|| group_weight(&commit.group), |_| 0) + topics.sum::<usize>()
    }

    /// Gathers the record of one offset.
    fn commit_one(
        &mut self,
        now: Now,
        group: &Str,
        topic: &CommitTopic,
        part: &CommitPartition,
        expires_at: Option<Timestamp>,
    ) -> Result<(), ErrorCode> {
        let max = self.shared.settings.offset_metadata_max;
        let metadata = &part.metadata;
        if metadata.len() > max && metadata.encode_utf16().count() > max {
            return Err(ErrorCode::OffsetMetadataTooLarge);
        }
        let committed = Committed {
            offset: part.offset,
            leader_epoch: part.leader_epoch,
            metadata: None,
            committed_at: now.wall,
            expires_at,
            topic_id: topic.topic_id,
        };
        let mut value = committed.to_value();
        value.metadata = metadata.clone();
        let key = offsets::key(group, &topic.name, part.partition);
        // A format's string is shorter than what the operator may allow.
        let record = encoding::offset(&key, &value);
        let record = record.map_err(|_| ErrorCode::OffsetMetadataTooLarge)?;
        self.shared.record(Ok(record));
        Ok(())
    }

    /// The offsets are committed, or are not.
    pub(super) fn finish_commit(
        &mut self,
        now: Now,
        group: &Str,
        ticket: Ticket,
        mut response: OffsetCommitResponse,
        appended: Result<(), AppendFailed>,
    ) {
        match appended {
            Ok(()) => {
                let settings = &self.shared.settings;
                let soon = settings.offsets_retention;
                if let Some(group) = self.groups.get_mut(group) {
                    group.look_at_retention(&mut self.shared, now, soon);
                }
            }
            Err(failed) => {
                let parts = response.topics.iter_mut().flat_map(|t| &mut t.partitions);
                for part in parts.filter(|part| part.error_code == 0) {
                    part.error_code = failed.commit_error().code();
                }
            }
        }
        let reply = Reply::OffsetCommit(response);
        self.shared.answer(ticket, reply, After::AfterAppended);
    }

    pub(super) fn fetch(&mut self, fetch: OffsetFetch, ticket: Ticket) -> Step {
        let bytes_max = self.shared.settings.answer_bytes_max;
        let group = self.groups.get(&fetch.group).map(|group| &group.offsets);
        let fetched = match (&fetch.topics, group) {
            (None, None) => Ok(Vec::new()),
            (None, Some(offsets)) => fetch_all(offsets, bytes_max),
            (Some(topics), offsets) => fetch_topics(offsets, topics, bytes_max),
        };
        let (topics, error) = match fetched {
            Ok(topics) => (topics, ErrorCode::None),
            Err(error) => (Vec::new(), error),
        };
        let reply = OffsetFetchResponseGroup {
            group_id: fetch.group,
            topics,
            error_code: error.code(),
        };
        let reply = Reply::OffsetFetch(reply);
        self.shared.answer(ticket, reply, After::AfterAppended);
        Step::Nothing
    }

    pub(super) fn delete_offsets(&mut self, delete: &OffsetDelete, ticket: Ticket) -> Step {
        let response = match self.offset_tombstones(delete) {
            Ok(topics) => OffsetDeleteResponse {
                topics,
                ..OffsetDeleteResponse::default()
            },
            Err(error) => OffsetDeleteResponse {
                error_code: error.code(),
                ..OffsetDeleteResponse::default()
            },
        };
        Step::DeleteOffsets { ticket, response }
    }

    fn offset_tombstones(
        &mut self,
        delete: &OffsetDelete,
    ) -> Result<Vec<OffsetDeleteResponseTopic>, ErrorCode> {
        if delete.group.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        let group = self.groups.get(&delete.group);
        let group = group.ok_or(ErrorCode::GroupIdNotFound)?;
        group.check_offset_delete()?;
        let mut topics = Vec::new();
        for topic in &delete.topics {
            let error = match group.is_subscribed_to(&topic.name) {
                true => ErrorCode::GroupSubscribedToTopic,
                false => ErrorCode::None,
            };
            let mut seen = BTreeSet::new();
            let asked = topic.partitions.iter().filter(|p| seen.insert(**p));
            for partition in asked {
                let known = group.offsets.has(&topic.name, *partition);
                if error == ErrorCode::None && known && !self.shared.unwritable {
                    let key = offsets::key(&delete.group, &topic.name, *partition);
                    self.shared.record(encoding::offset_tombstone(&key));
                }
            }
            let partitions = topic.partitions.iter();
            topics.push(OffsetDeleteResponseTopic {
                name: topic.name.clone(),
                partitions: partitions
                    .map(|partition| OffsetDeleteResponsePartition {
                        partition_index: partition.get(),
                        error_code: error.code(),
                    })
                    .collect(),
            });
        }
        Ok(topics)
    }

    pub(super) fn finish_delete_offsets(
        &mut self,
        ticket: Ticket,
        mut response: OffsetDeleteResponse,
        appended: Result<(), AppendFailed>,
    ) {
        if let Err(failed) = appended {
            response.topics.clear();
            response.error_code = failed.group_error().code();
        }
        let reply = Reply::OffsetDelete(response);
        self.shared.answer(ticket, reply, After::AfterAppended);
    }
}

/// The offsets that are asked for. A partition is answered once for each time its topic is named.
fn fetch_topics(
    offsets: Option<&GroupOffsets>,
    topics: &[FetchTopic],
    bytes_max: usize,
) -> Result<Vec<OffsetFetchResponseTopics>, ErrorCode> {
    let mut left = bytes_max;
    let each = topics.iter().map(|topic| {
        take(&mut left, size_of::<OffsetFetchResponseTopics>())?;
        let mut seen = BTreeSet::new();
        let asked = topic.partitions.iter().filter(|p| seen.insert(**p));
        let partitions = asked.map(|partition| {
            let committed = offsets.and_then(|offsets| offsets.get(&topic.name, *partition));
            let committed = committed.filter(|c| !c.is_of_another(topic.topic_id));
            fetched(*partition, committed.as_ref(), &mut left)
        });
        Ok(OffsetFetchResponseTopics {
            name: topic.name.clone(),
            topic_id: topic.topic_id.map_or(Uuid::ZERO, TopicId::get),
            partitions: partitions.collect::<Result<_, _>>()?,
        })
    });
    each.collect()
}

fn fetch_all(
    offsets: &GroupOffsets,
    bytes_max: usize,
) -> Result<Vec<OffsetFetchResponseTopics>, ErrorCode> {
    let mut left = bytes_max;
    let topics = offsets.topics().map(|topic| {
        take(
            &mut left,
            size_of::<OffsetFetchResponseTopics>() + topic.len(),
        )?;
        let partitions = offsets.of(topic);
        let partitions = partitions
            .map(|(partition, committed)| fetched(partition, Some(&committed), &mut left));
        Ok(OffsetFetchResponseTopics {
            name: topic.into(),
            partitions: partitions.collect::<Result<_, _>>()?,
            ..OffsetFetchResponseTopics::default()
        })
    });
    topics.collect()
}

/// Takes bytes of an answer from what is `left` of its bound. No code says that an answer is too
/// large; this one is not retried, so that the request does not come again at once.
fn take(left: &mut usize, bytes: usize) -> Result<(), ErrorCode> {
    let after = left.checked_sub(bytes);
    *left = after.ok_or(ErrorCode::UnknownServerError)?;
    Ok(())
}

/// An offset as OffsetFetch says it; -1 if there is none.
fn fetched(
    partition: PartitionId,
    committed: Option<&Committed>,
    left: &mut usize,
) -> Result<OffsetFetchResponsePartitions, ErrorCode> {
    let epoch = committed.and_then(|c| c.leader_epoch);
    let metadata = committed.and_then(|c| c.metadata.as_deref());
    let metadata = metadata.unwrap_or_default();
    take(
        left,
        size_of::<OffsetFetchResponsePartitions>() + metadata.len(),
    )?;
    Ok(OffsetFetchResponsePartitions {
        partition_index: partition.get(),
        committed_offset: committed.map_or(-1, |c| c.offset.get()),
        committed_leader_epoch: epoch.map_or(-1, LeaderEpoch::get),
        metadata: Some(metadata.into()),
        ..OffsetFetchResponsePartitions::default()
    })
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(time.as_millis().saturating_add(by))
}
