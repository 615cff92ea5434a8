//! DescribeGroups, ListGroups, DeleteGroups, and what follows from the deletion of topics.

use std::collections::BTreeSet;

use chronik_protocol::Str;
use chronik_protocol::generated::delete_groups_response::DeletableGroupResult;
use chronik_protocol::generated::describe_groups_response::DescribedGroup;
use chronik_types::{ErrorCode, TopicId};

use super::{Expunge, GroupShard};
use crate::decision::{AppendFailed, Step};
use crate::group::{GROUP_TYPE, Group, GroupState, TOMBSTONES_MAX};
use crate::reply::{After, Reply, Ticket};
use crate::request::ListGroups;
use crate::{Now, encoding, offsets};

impl GroupShard {
    /// Topics are deleted: their offsets go, by the topic's id, or if they do not tell one by when
    /// they were committed. The tombstones come from [`GroupShard::due`].
    pub fn topics_deleted(&mut self, now: Now, topics: &[(Str, TopicId)]) {
        for group in self.groups.values() {
            let found = topics
                .iter()
                .filter(|(topic, _)| group.offsets.has_topic(topic));
            self.expunge.extend(found.map(|(topic, id)| Expunge {
                group: group.id.clone(),
                topic: topic.clone(),
                topic_id: *id,
                deleted_at: Some(now.wall),
            }));
        }
    }

    /// Offsets of topics that are not `known` go, if they tell the topic's id: those of a topic
    /// whose deletion the coordinator did not live to carry out. To be called once the log has
    /// been read, with metadata that is at least as new as the last commit in it: a topic that it
    /// does not know yet would lose its offsets.
    pub fn unknown_topics(&mut self, known: impl Fn(TopicId) -> bool) {
        for group in self.groups.values() {
            for topic in group.offsets.topics() {
                let ids = group.offsets.of(topic).filter_map(|(_, c)| c.topic_id);
                let ids: BTreeSet<TopicId> = ids.collect();
                let unknown = ids.into_iter().filter(|id| !known(*id));
                self.expunge.extend(unknown.map(|topic_id| Expunge {
                    group: group.id.clone(),
                    topic: topic.into(),
                    topic_id,
                    deleted_at: None,
                }));
            }
        }
    }

    /// Gathers tombstones of deleted topics, if it is time.
    pub(super) fn expunge_some(&mut self, now: Now) -> Option<Step> {
        if self.expunge_at > now.instant {
            return None;
        }
        while let Some(job) = self.expunge.front() {
            if let Some(group) = self.groups.get(&job.group) {
                let old = group.offsets.of(&job.topic);
                let old = old.filter(|(_, c)| job.is_of_it(c));
                for (partition, _) in old.take(TOMBSTONES_MAX) {
                    let key = offsets::key(&job.group, &job.topic, partition);
                    let tombstone = encoding::offset_tombstone(&key);
                    if !self.shared.record_if_it_fits(tombstone) {
                        break;
                    }
                }
            }
            // The job ends when it finds nothing: what could not be appended is found again.
            if !self.shared.records.is_empty() {
                return Some(Step::Expunge);
            }
            self.expunge.pop_front();
        }
        None
    }

    pub(super) fn describe(&mut self, ids: &[Str], ticket: Ticket) -> Step {
        // Each id once: a group that is named a million times would be copied as often.
        let mut seen = BTreeSet::new();
        let ids = ids.iter().filter(|id| seen.insert(*id));
        let groups = ids.map(|id| match self.groups.get(id) {
            Some(group) => group.describe(),
            None => DescribedGroup {
                group_id: id.clone(),
                error_code: ErrorCode::GroupIdNotFound.code(),
                error_message: Some(format!("Group {id} not found.").into()),
                group_state: "Dead".into(),
                ..DescribedGroup::default()
            },
        });
        let reply = Reply::DescribeGroups(groups.collect());
        self.shared.answer(ticket, reply, After::AfterAppended);
        Step::Nothing
    }

    pub(super) fn list(&mut self, filter: &ListGroups, ticket: Ticket) -> Step {
        let lets = |names: &[Str], name: &str| {
            names.is_empty() || names.iter().any(|n| n.eq_ignore_ascii_case(name))
        };
        // The filters are gone through once, not for each group.
        let states = GroupState::ALL.into_iter();
        let states: BTreeSet<_> = match lets(&filter.types, GROUP_TYPE) {
            true => states
                .filter(|s| lets(&filter.states, s.as_str()))
                .collect(),
            false => BTreeSet::new(),
        };
        let groups = self.groups.values();
        let groups = groups.filter(|group| states.contains(&group.state));
        let reply = Reply::ListGroups(groups.map(Group::list).collect());
        self.shared.answer(ticket, reply, After::AfterAppended);
        Step::Nothing
    }

    pub(super) fn delete_groups(&mut self, ids: Vec<Str>, ticket: Ticket) -> Step {
        // Each id once, as Kafka answers it.
        let mut seen = BTreeSet::new();
        let ids = ids.into_iter().filter(|id| seen.insert(id.clone()));
        let results = ids.map(|id| DeletableGroupResult {
            error_code: self.delete_group(&id).code(),
            group_id: id,
        });
        let results = results.collect();
        Step::DeleteGroups { ticket, results }
    }

    /// Gathers the tombstones of a group without members.
    fn delete_group(&mut self, id: &Str) -> ErrorCode {
        let Some(group) = self.groups.get(id) else {
            return ErrorCode::GroupIdNotFound;
        };
        if group.state != GroupState::Empty {
            return ErrorCode::NonEmptyGroup;
        }
        for (topic, partition, _) in group.offsets.iter() {
            if self.shared.unwritable {
                break;
            }
            let key = offsets::key(id, topic, partition);
            self.shared.record(encoding::offset_tombstone(&key));
        }
        self.shared.record(group.tombstone());
        ErrorCode::None
    }

    pub(super) fn finish_delete_groups(
        &mut self,
        ticket: Ticket,
        mut results: Vec<DeletableGroupResult>,
        appended: Result<(), AppendFailed>,
    ) {
        if let Err(failed) = appended {
            for result in results.iter_mut().filter(|r| r.error_code == 0) {
                result.error_code = failed.group_error().code();
            }
        }
        let reply = Reply::DeleteGroups(results);
        self.shared.answer(ticket, reply, After::AfterAppended);
    }
}
