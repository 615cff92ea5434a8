//! What a group's member says on the wire, request by request: no state and no decisions.
//!
//! Versions are fixed at the newest that names topics. Assignments are bytes, one a partition,
//! since only the members have to understand them.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use chronik_client::{ClientError, Connection, ConnectionOptions};
use chronik_protocol::generated as m;
use chronik_protocol::{Request, Str};
use chronik_types::ErrorCode;
use chronik_verify::history::Outcome;

use super::host::ADDRESS;
use super::workload::TOPIC;

/// How long a member may be silent.
pub(super) const SESSION: Duration = Duration::from_millis(800);
/// How long members may take to come to a new generation.
const REBALANCE: Duration = Duration::from_millis(1000);
const PROTOCOL_TYPE: &str = "consumer";
const PROTOCOL: &str = "rotating";

/// Why a request came to nothing.
#[derive(Debug)]
pub(super) enum Failed {
    /// The coordinator said so.
    Refused(ErrorCode),
    /// Nobody said anything.
    Lost(ClientError),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(code) => f.write_str(code.name()),
            Self::Lost(error) => error.fmt(f),
        }
    }
}

impl Failed {
    /// What became of a commit that failed so.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Refused(
                ErrorCode::IllegalGeneration
                | ErrorCode::UnknownMemberId
                | ErrorCode::RebalanceInProgress,
            ) => Outcome::Fail,
            Self::Refused(_) | Self::Lost(_) => Outcome::Unknown,
        }
    }
}

/// A member's place in a generation.
#[derive(Clone, Debug)]
pub(super) struct Joined {
    pub(super) generation: i32,
    /// All members, if this one assigns.
    pub(super) members: Option<Vec<Str>>,
}

/// One partition's offset to commit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    pub(super) partition: i32,
    pub(super) offset: i64,
}

/// A connection to the coordinator of a group.
#[derive(Debug)]
pub(super) struct GroupWire {
    connection: Connection,
    group: &'static str,
}

impl GroupWire {
    /// Connects, and finds the coordinator, which makes its topic if need be.
    pub(super) async fn connect(group: &'static str) -> Result<Self, Failed> {
        let options = ConnectionOptions {
            connect_timeout: Duration::from_millis(500),
            // A join may take as long as a rebalance.
            request_timeout: REBALANCE * 3 / 2,
            ..ConnectionOptions::default()
        };
        let connection = Connection::connect_with(ADDRESS, options).await;
        let connection = connection.map_err(Failed::Lost)?;
        let wire = Self { connection, group };
        let request = m::FindCoordinatorRequest {
            coordinator_keys: vec![group.into()],
            ..Default::default()
        };
        let found = wire.call(&request, 6).await?;
        let found = found.coordinators.first();
        refused(found.map_or(-1, |found| found.error_code))?;
        Ok(wire)
    }

    async fn call<R: Request + 'static>(
        &self,
        request: &R,
        version: i16,
    ) -> Result<R::Response, Failed> {
        let answer = self.connection.call(request, version).await;
        answer.map_err(Failed::Lost)
    }

    /// Joins; a member without an id is given one first, which is left in `member`.
    pub(super) async fn join(&self, member: &mut Str) -> Result<Joined, Failed> {
        let mut request = m::JoinGroupRequest {
            group_id: self.group.into(),
            session_timeout_ms: millis(SESSION),
            rebalance_timeout_ms: millis(REBALANCE),
            member_id: member.clone(),
            protocol_type: PROTOCOL_TYPE.into(),
            protocols: vec![m::join_group_request::JoinGroupRequestProtocol {
                name: PROTOCOL.into(),
                metadata: Bytes::new(),
            }],
            ..Default::default()
        };
        let mut joined = self.call(&request, 9).await?;
        if code(joined.error_code) == ErrorCode::MemberIdRequired {
            *member = joined.member_id;
            request.member_id = member.clone();
            joined = self.call(&request, 9).await?;
        }
        refused(joined.error_code)?;
        let leads = joined.leader == joined.member_id;
        let members = joined.members.into_iter().map(|member| member.member_id);
        Ok(Joined {
            generation: joined.generation_id,
            members: leads.then(|| members.collect()),
        })
    }

    /// Gives everyone's partitions if this member leads; its own partitions.
    pub(super) async fn sync(
        &self,
        member: &Str,
        joined: &Joined,
        assigned: impl Fn(&Str) -> Bytes,
    ) -> Result<Bytes, Failed> {
        let members = joined.members.iter().flatten();
        let assignments = members.map(|member| m::sync_group_request::SyncGroupRequestAssignment {
            member_id: member.clone(),
            assignment: assigned(member),
        });
        let request = m::SyncGroupRequest {
            group_id: self.group.into(),
            generation_id: joined.generation,
            member_id: member.clone(),
            protocol_type: Some(PROTOCOL_TYPE.into()),
            protocol_name: Some(PROTOCOL.into()),
            assignments: assignments.collect(),
            ..Default::default()
        };
        let synced = self.call(&request, 5).await?;
        refused(synced.error_code)?;
        Ok(synced.assignment)
    }

    pub(super) async fn heartbeat(&self, member: &Str, generation: i32) -> Result<(), Failed> {
        let request = m::HeartbeatRequest {
            group_id: self.group.into(),
            generation_id: generation,
            member_id: member.clone(),
            ..Default::default()
        };
        refused(self.call(&request, 4).await?.error_code)
    }

    pub(super) async fn leave(&self, member: &Str) -> Result<(), Failed> {
        let request = m::LeaveGroupRequest {
            group_id: self.group.into(),
            members: vec![m::leave_group_request::MemberIdentity {
                member_id: member.clone(),
                ..Default::default()
            }],
            ..Default::default()
        };
        refused(self.call(&request, 5).await?.error_code)
    }

    /// Commits all or, as far as one can know, nothing.
    pub(super) async fn commit(
        &self,
        member: &Str,
        generation: i32,
        positions: &[Position],
        metadata: &str,
    ) -> Result<(), Failed> {
        let partitions = positions.iter().map(|position| {
            m::offset_commit_request::OffsetCommitRequestPartition {
                partition_index: position.partition,
                committed_offset: position.offset,
                committed_leader_epoch: -1,
                committed_metadata: Some(metadata.into()),
            }
        });
        let request = m::OffsetCommitRequest {
            group_id: self.group.into(),
            generation_id_or_member_epoch: generation,
            member_id: member.clone(),
            topics: vec![m::offset_commit_request::OffsetCommitRequestTopic {
                name: TOPIC.into(),
                partitions: partitions.collect(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let response = self.call(&request, 9).await?;
        let mut parts = response.topics.iter().flat_map(|topic| &topic.partitions);
        parts.try_for_each(|part| refused(part.error_code))
    }

    /// The committed offsets, `None` where there is none.
    pub(super) async fn committed(
        &self,
        partitions: &[i32],
    ) -> Result<Vec<(i32, Option<u64>)>, Failed> {
        let request = m::OffsetFetchRequest {
            groups: vec![m::offset_fetch_request::OffsetFetchRequestGroup {
                group_id: self.group.into(),
                member_epoch: -1,
                topics: Some(vec![m::offset_fetch_request::OffsetFetchRequestTopics {
                    name: TOPIC.into(),
                    partition_indexes: partitions.to_vec(),
                    ..Default::default()
                }]),
                ..Default::default()
            }],
            ..Default::default()
        };
        let response = self.call(&request, 9).await?;
        let mut committed = Vec::new();
        for group in response.groups {
            refused(group.error_code)?;
            for part in group.topics.into_iter().flat_map(|topic| topic.partitions) {
                refused(part.error_code)?;
                let offset = u64::try_from(part.committed_offset).ok();
                committed.push((part.partition_index, offset));
            }
        }
        Ok(committed)
    }
}

fn code(code: i16) -> ErrorCode {
    ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError)
}

fn refused(error: i16) -> Result<(), Failed> {
    match code(error) {
        ErrorCode::None => Ok(()),
        code => Err(Failed::Refused(code)),
    }
}

fn millis(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}
