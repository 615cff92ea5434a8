//! Consumer groups, seen from outside: which there are, who is in them, how far they have read.
//!
//! Every call goes to the group's coordinator; one that has moved is looked up again. Absent:
//! being a member.

use std::collections::BTreeMap;

use chronik_protocol::generated as m;
use chronik_protocol::{ApiKey, Decoder, Limits, Message as _, Request, Str};
use chronik_types::{Offset, PartitionId};

use super::Client;
use super::admin::first;
use crate::{ClientError, Connection};

/// The last versions of OffsetCommit and OffsetFetch that say topics by name.
const BY_NAME_MAX: i16 = 9;

/// A group in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedGroup {
    /// Its name.
    pub group: String,
    /// Kafka's name of its state; empty of a server that does not say.
    pub state: String,
    /// What it is about: `consumer`, `connect`; empty of a group that only has offsets.
    pub protocol_type: String,
}

/// A group with its members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DescribedGroup {
    /// Its name.
    pub group: String,
    /// Kafka's name of its state; `Dead` of a group that does not exist.
    pub state: String,
    /// What it is about.
    pub protocol_type: String,
    /// The protocol its members agreed on, such as an assignor.
    pub protocol: String,
    /// The address of the node that coordinates it.
    pub coordinator: String,
    /// Its members.
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupMember {
    /// Its id.
    pub id: String,
    /// The instance of a static member.
    pub instance: Option<String>,
    /// What its client calls itself.
    pub client_id: String,
    /// Where its client is.
    pub host: String,
    /// What it owns; empty of groups that are not of consumers.
    pub assigned: BTreeMap<String, Vec<PartitionId>>,
}

/// Committed offsets by topic and partition.
pub type GroupOffsets = BTreeMap<(String, PartitionId), Offset>;

impl Client {
    /// All groups, from every node.
    pub async fn list_groups(&self) -> Result<Vec<ListedGroup>, ClientError> {
        let mut retry = self.retry();
        loop {
            match self.list_groups_once().await {
                Err(error) => retry.again(error).await?,
                done => return done,
            }
        }
    }

    async fn list_groups_once(&self) -> Result<Vec<ListedGroup>, ClientError> {
        self.refresh(Some(&[]), super::IfMissing::Fail).await?;
        let mut groups = Vec::new();
        for broker in self.cluster().brokers.values() {
            let connection = self.connection(&broker.addr).await?;
            let response = connection.ask(&m::ListGroupsRequest::default()).await?;
            ClientError::check(ApiKey::ListGroups, "", response.error_code, None)?;
            groups.extend(response.groups.into_iter().map(|group| ListedGroup {
                group: group.group_id.to_string(),
                state: group.group_state.to_string(),
                protocol_type: group.protocol_type.to_string(),
            }));
        }
        groups.sort_by(|a, b| a.group.cmp(&b.group));
        Ok(groups)
    }

    /// One group and its members; a group that does not exist is `Dead`.
    pub async fn describe_group(&self, group: &str) -> Result<DescribedGroup, ClientError> {
        let request = m::DescribeGroupsRequest {
            groups: vec![group.into()],
            ..Default::default()
        };
        let max = 5;
        let (coordinator, described) = self
            .coordinated(group, &request, max, |response| {
                let described = first(ApiKey::DescribeGroups, group, response.groups)?;
                let code = described.error_code;
                ClientError::check(ApiKey::DescribeGroups, group, code, None)?;
                Ok(described)
            })
            .await?;
        let is_consumers = described.protocol_type.as_str() == "consumer";
        let members = described.members.into_iter().map(|member| GroupMember {
            id: member.member_id.to_string(),
            instance: member.group_instance_id.map(|id| id.to_string()),
            client_id: member.client_id.to_string(),
            host: member.client_host.to_string(),
            assigned: if is_consumers {
                assignment(member.member_assignment)
            } else {
                BTreeMap::new()
            },
        });
        Ok(DescribedGroup {
            group: group.to_owned(),
            state: described.group_state.to_string(),
            protocol_type: described.protocol_type.to_string(),
            protocol: described.protocol_data.to_string(),
            coordinator,
            members: members.collect(),
        })
    }

    /// What a group has committed.
    pub async fn group_offsets(&self, group: &str) -> Result<GroupOffsets, ClientError> {
        let request = m::OffsetFetchRequest {
            groups: vec![m::offset_fetch_request::OffsetFetchRequestGroup {
                group_id: group.into(),
                member_epoch: -1,
                topics: None,
                ..Default::default()
            }],
            ..Default::default()
        };
        let api = ApiKey::OffsetFetch;
        let fetched = self.coordinated(group, &request, BY_NAME_MAX, |response| {
            let of_group = first(api, group, response.groups)?;
            ClientError::check(api, group, of_group.error_code, None)?;
            let mut offsets = GroupOffsets::new();
            for topic in of_group.topics {
                for part in topic.partitions {
                    let subject = format!("{}-{}", topic.name, part.partition_index);
                    ClientError::check(api, &subject, part.error_code, None)?;
                    if part.committed_offset >= 0 {
                        let at = PartitionId::new(part.partition_index);
                        let offset = Offset::new(part.committed_offset);
                        offsets.insert((topic.name.to_string(), at), offset);
                    }
                }
            }
            Ok(offsets)
        });
        Ok(fetched.await?.1)
    }

    /// Sets committed offsets of a group that has no members.
    pub async fn set_group_offsets(
        &self,
        group: &str,
        offsets: &GroupOffsets,
    ) -> Result<(), ClientError> {
        let mut topics: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for ((topic, partition), offset) in offsets {
            topics.entry(topic).or_default().push(
                m::offset_commit_request::OffsetCommitRequestPartition {
                    partition_index: partition.get(),
                    committed_offset: offset.get(),
                    committed_leader_epoch: -1,
                    committed_metadata: Some(Str::default()),
                },
            );
        }
        let topics = topics.into_iter().map(|(name, partitions)| {
            m::offset_commit_request::OffsetCommitRequestTopic {
                name: name.into(),
                partitions,
                ..Default::default()
            }
        });
        let request = m::OffsetCommitRequest {
            group_id: group.into(),
            generation_id_or_member_epoch: -1,
            topics: topics.collect(),
            ..Default::default()
        };
        self.coordinated(group, &request, BY_NAME_MAX, |response| {
            for topic in response.topics {
                for part in topic.partitions {
                    let subject = format!("{}-{}", topic.name, part.partition_index);
                    ClientError::check(ApiKey::OffsetCommit, &subject, part.error_code, None)?;
                }
            }
            Ok(())
        })
        .await
        .map(|_| ())
    }

    /// Deletes a group that has no members, with its offsets.
    pub async fn delete_group(&self, group: &str) -> Result<(), ClientError> {
        let request = m::DeleteGroupsRequest {
            groups_names: vec![group.into()],
        };
        self.coordinated(group, &request, i16::MAX, |response| {
            let result = first(ApiKey::DeleteGroups, group, response.results)?;
            ClientError::check(ApiKey::DeleteGroups, group, result.error_code, None)
        })
        .await
        .map(|_| ())
    }

    /// Asks the coordinator of a group, again and again while failures are retriable; the
    /// coordinator's address and what `check` made of the answer.
    async fn coordinated<R: Request + 'static, T>(
        &self,
        group: &str,
        request: &R,
        version_max: i16,
        check: impl Fn(R::Response) -> Result<T, ClientError>,
    ) -> Result<(String, T), ClientError> {
        let mut retry = self.retry();
        loop {
            let done = async {
                let connection = self.coordinator(group).await?;
                let version = connection.pick_at_most(R::KEY, version_max)?;
                let answer = check(connection.send(request, version).await?)?;
                Ok((connection.addr().to_owned(), answer))
            };
            match done.await {
                Err(error) => retry.again(error).await?,
                done => return done,
            }
        }
    }

    async fn coordinator(&self, group: &str) -> Result<Connection, ClientError> {
        let api = ApiKey::FindCoordinator;
        let request = m::FindCoordinatorRequest {
            coordinator_keys: vec![group.into()],
            ..Default::default()
        };
        let response = self.ask_any(&request).await?;
        let found = first(api, group, response.coordinators)?;
        let message = found.error_message.as_deref();
        ClientError::check(api, group, found.error_code, message)?;
        let host = if found.host.contains(':') {
            format!("[{}]", found.host)
        } else {
            found.host.to_string()
        };
        self.connection(&format!("{host}:{}", found.port)).await
    }
}

/// What a consumer's assignment says; empty where it says nothing that can be read.
fn assignment(bytes: bytes::Bytes) -> BTreeMap<String, Vec<PartitionId>> {
    let mut d = Decoder::new(bytes, Limits::default());
    let read = d.read::<i16>().and_then(|version| {
        let newest = *m::ConsumerProtocolAssignment::VERSIONS.end();
        m::ConsumerProtocolAssignment::decode(&mut d, version.clamp(0, newest))
    });
    let topics = read.map(|assignment| assignment.assigned_partitions);
    let topics = topics.unwrap_or_default().into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(PartitionId::new);
        (topic.topic.to_string(), partitions.collect())
    });
    topics.collect()
}
