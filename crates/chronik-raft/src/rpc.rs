//! Raft's messages as bytes.
//!
//! ```text
//! message: version u8, cluster id 16 bytes (zero while unknown), from member, to member,
//!          CRC-32C of the body u32, body
//! answer:  version u8, body
//! ```
//! Every message names cluster, sender and receiver, each with its directory: what is meant for
//! another life of this node, or for another cluster, is refused.

use bytes::Bytes;
use chronik_controller::codec::{DecodeError, Reader, Writer};
use chronik_types::{ClusterId, Uuid};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderError,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};

use crate::error::RpcError;
use crate::log::crc32c;
use crate::types::{Member, SnapshotMeta, TypeConfig, Vote};
use crate::wire;

const VERSION: u8 = 0;

/// Which message it is; the transport carries it beside the bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RpcKind {
    /// Entries, or a heartbeat.
    Append,
    /// A candidate asks for a vote.
    Vote,
    /// A follower asks whether it would get one.
    PreVote,
    /// A whole snapshot.
    Snapshot,
    /// A leader asks another to take over.
    TransferLeader,
}

impl RpcKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Append,
        Self::Vote,
        Self::PreVote,
        Self::Snapshot,
        Self::TransferLeader,
    ];

    /// Its number on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Append => 0,
            Self::Vote => 1,
            Self::PreVote => 2,
            Self::Snapshot => 3,
            Self::TransferLeader => 4,
        }
    }

    /// The kind of a number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// Who a message is from, to and for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    pub(crate) cluster_id: Option<ClusterId>,
    pub(crate) from: Member,
    pub(crate) to: Member,
}

impl Envelope {
    pub(crate) fn seal(&self, body: &[u8]) -> Bytes {
        let mut w = Writer::default();
        w.u8(VERSION);
        w.uuid(self.cluster_id.map_or(Uuid::ZERO, ClusterId::get));
        wire::write_member(&mut w, &self.from);
        wire::write_member(&mut w, &self.to);
        w.u32(crc32c(body));
        w.bytes.extend_from_slice(body);
        w.bytes.into()
    }

    /// Opens a message that came to `me`.
    pub(crate) fn open<'a>(
        message: &'a [u8],
        me: &Member,
        cluster_id: Option<ClusterId>,
    ) -> Result<(Member, &'a [u8]), RpcError> {
        let mut r = Reader::new(message);
        let mut read = || -> Result<_, DecodeError> {
            let version = r.u8()?;
            if version > VERSION {
                return Err(DecodeError::UnsupportedVersion {
                    what: "a Raft message",
                    version,
                    newest: VERSION,
                });
            }
            let cluster = r.uuid()?;
            let from = wire::read_member(&mut r)?;
            let to = wire::read_member(&mut r)?;
            Ok((cluster, from, to, r.u32()?))
        };
        let (cluster, from, to, crc) = read().map_err(RpcError::Malformed)?;
        let body = r.rest();
        if to != *me {
            return Err(RpcError::Misdirected(format!(
                "it is for {to}, this is {me}"
            )));
        }
        if let Some(ours) = cluster_id
            && !cluster.is_zero()
            && ours.get() != cluster
        {
            return Err(RpcError::Misdirected(format!(
                "it is for cluster {cluster}, this is {ours}"
            )));
        }
        if crc32c(body) != crc {
            return Err(RpcError::Malformed(DecodeError::Invalid {
                what: "the checksum of a Raft message",
            }));
        }
        Ok((from, body))
    }
}

pub(crate) type AppendRequest = AppendEntriesRequest<TypeConfig>;
pub(crate) type AppendResponse = AppendEntriesResponse<TypeConfig>;

pub(crate) fn encode_append(request: &AppendRequest) -> Vec<u8> {
    let mut w = Writer::default();
    wire::write_vote(&mut w, &request.vote);
    wire::write_optional_log_id(&mut w, request.prev_log_id.as_ref());
    wire::write_optional_log_id(&mut w, request.leader_commit.as_ref());
    w.list(request.entries.iter(), wire::write_entry);
    w.bytes
}

pub(crate) fn decode_append(body: &[u8]) -> Result<AppendRequest, DecodeError> {
    let mut r = Reader::new(body);
    let request = AppendEntriesRequest {
        vote: wire::read_vote(&mut r)?,
        prev_log_id: wire::read_optional_log_id(&mut r)?,
        leader_commit: wire::read_optional_log_id(&mut r)?,
        entries: r.list(wire::read_entry)?,
    };
    r.end()?;
    Ok(request)
}

pub(crate) fn encode_append_response(response: &AppendResponse) -> Bytes {
    let mut w = Writer::default();
    w.u8(VERSION);
    match response {
        AppendEntriesResponse::Success => w.u8(0),
        AppendEntriesResponse::PartialSuccess(upto) => {
            w.u8(1);
            wire::write_optional_log_id(&mut w, upto.as_ref());
        }
        AppendEntriesResponse::Conflict => w.u8(2),
        AppendEntriesResponse::HigherVote(vote) => {
            w.u8(3);
            wire::write_vote(&mut w, vote);
        }
    }
    w.bytes.into()
}

pub(crate) fn decode_append_response(body: &[u8]) -> Result<AppendResponse, DecodeError> {
    let mut r = answer(body)?;
    let response = match r.u8()? {
        0 => AppendEntriesResponse::Success,
        1 => AppendEntriesResponse::PartialSuccess(wire::read_optional_log_id(&mut r)?),
        2 => AppendEntriesResponse::Conflict,
        3 => AppendEntriesResponse::HigherVote(wire::read_vote(&mut r)?),
        _ => return Err(DecodeError::Invalid { what: "an answer" }),
    };
    r.end()?;
    Ok(response)
}

pub(crate) fn encode_vote(request: &VoteRequest<TypeConfig>) -> Vec<u8> {
    let mut w = Writer::default();
    wire::write_vote(&mut w, &request.vote);
    wire::write_optional_log_id(&mut w, request.last_log_id.as_ref());
    w.bool(request.leadership_transfer);
    w.bytes
}

pub(crate) fn decode_vote(body: &[u8]) -> Result<VoteRequest<TypeConfig>, DecodeError> {
    let mut r = Reader::new(body);
    let mut request = VoteRequest::new(
        wire::read_vote(&mut r)?,
        wire::read_optional_log_id(&mut r)?,
    );
    request.leadership_transfer = r.bool()?;
    r.end()?;
    Ok(request)
}

pub(crate) fn encode_vote_response(response: &VoteResponse<TypeConfig>) -> Bytes {
    let mut w = Writer::default();
    w.u8(VERSION);
    wire::write_vote(&mut w, &response.vote);
    w.bool(response.vote_granted);
    wire::write_optional_log_id(&mut w, response.last_log_id.as_ref());
    w.bytes.into()
}

pub(crate) fn decode_vote_response(body: &[u8]) -> Result<VoteResponse<TypeConfig>, DecodeError> {
    let mut r = answer(body)?;
    let vote = wire::read_vote(&mut r)?;
    let granted = r.bool()?;
    let last = wire::read_optional_log_id(&mut r)?;
    r.end()?;
    Ok(VoteResponse::new(vote, last, granted))
}

pub(crate) fn encode_snapshot(vote: &Vote, meta: &SnapshotMeta, image: &[u8]) -> Vec<u8> {
    let mut w = Writer::default();
    wire::write_vote(&mut w, vote);
    wire::write_snapshot_meta(&mut w, meta);
    w.bytes.extend_from_slice(image);
    w.bytes
}

pub(crate) fn decode_snapshot(body: &[u8]) -> Result<(Vote, SnapshotMeta, Bytes), DecodeError> {
    let mut r = Reader::new(body);
    let vote = wire::read_vote(&mut r)?;
    let meta = wire::read_snapshot_meta(&mut r)?;
    Ok((vote, meta, Bytes::copy_from_slice(r.rest())))
}

pub(crate) fn encode_snapshot_response(response: &SnapshotResponse<TypeConfig>) -> Bytes {
    let mut w = Writer::default();
    w.u8(VERSION);
    wire::write_vote(&mut w, &response.vote);
    w.bytes.into()
}

pub(crate) fn decode_snapshot_response(
    body: &[u8],
) -> Result<SnapshotResponse<TypeConfig>, DecodeError> {
    let mut r = answer(body)?;
    let vote = wire::read_vote(&mut r)?;
    r.end()?;
    Ok(SnapshotResponse::new(vote))
}

pub(crate) fn encode_transfer(request: &TransferLeaderRequest<TypeConfig>) -> Vec<u8> {
    let mut w = Writer::default();
    wire::write_vote(&mut w, request.from_leader());
    wire::write_member(&mut w, request.to_node_id());
    wire::write_optional_log_id(&mut w, request.last_log_id());
    w.bytes
}

pub(crate) fn decode_transfer(
    body: &[u8],
) -> Result<TransferLeaderRequest<TypeConfig>, DecodeError> {
    let mut r = Reader::new(body);
    let vote = wire::read_vote(&mut r)?;
    let to = wire::read_member(&mut r)?;
    let last = wire::read_optional_log_id(&mut r)?;
    r.end()?;
    Ok(TransferLeaderRequest::new(vote, to, last))
}

pub(crate) fn encode_transfer_response(response: &TransferLeaderResponse<TypeConfig>) -> Bytes {
    let mut w = Writer::default();
    w.u8(VERSION);
    match response {
        Ok(()) => w.u8(0),
        Err(TransferLeaderError::VoteChanged { expected, actual }) => {
            w.u8(1);
            wire::write_vote(&mut w, expected);
            wire::write_vote(&mut w, actual);
        }
        Err(TransferLeaderError::LogNotFlushed { expected, actual }) => {
            w.u8(2);
            wire::write_optional_log_id(&mut w, expected.as_ref());
            wire::write_optional_log_id(&mut w, actual.as_ref());
        }
    }
    w.bytes.into()
}

pub(crate) fn decode_transfer_response(
    body: &[u8],
) -> Result<TransferLeaderResponse<TypeConfig>, DecodeError> {
    let mut r = answer(body)?;
    let response = match r.u8()? {
        0 => Ok(()),
        1 => Err(TransferLeaderError::VoteChanged {
            expected: wire::read_vote(&mut r)?,
            actual: wire::read_vote(&mut r)?,
        }),
        2 => Err(TransferLeaderError::LogNotFlushed {
            expected: wire::read_optional_log_id(&mut r)?,
            actual: wire::read_optional_log_id(&mut r)?,
        }),
        _ => return Err(DecodeError::Invalid { what: "an answer" }),
    };
    r.end()?;
    Ok(response)
}

fn answer(body: &[u8]) -> Result<Reader<'_>, DecodeError> {
    let mut r = Reader::new(body);
    let version = r.u8()?;
    if version > VERSION {
        return Err(DecodeError::UnsupportedVersion {
            what: "an answer to a Raft message",
            version,
            newest: VERSION,
        });
    }
    Ok(r)
}
