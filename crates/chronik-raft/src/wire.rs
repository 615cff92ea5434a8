//! Our own encoding of openraft's values, for disk and network (openraft promises no format).
//!
//! ```text
//! member:     node id i32, directory id 16 bytes
//! vote:       term u64, member, committed u8
//! log id:     term u64, index u64
//! membership: configs (lists of members), nodes (member, address)
//! entry:      version u8, log id, kind u8 (0 blank, 1 metadata, 2 membership), sized body
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chronik_controller::MetadataEntry;
use chronik_controller::codec::{DecodeError, Reader, Writer};
use chronik_types::DirectoryId;
use openraft::vote::{RaftLeaderIdExt as _, RaftVote as _};
use openraft::{EntryPayload, Membership};

use crate::types::{Address, Entry, LogId, Member, SnapshotMeta, StoredMembership, Vote};

const ENTRY_VERSION: u8 = 0;

pub(crate) fn write_member(w: &mut Writer, member: &Member) {
    w.node(member.node_id);
    w.uuid(member.directory_id.get());
}

pub(crate) fn read_member(r: &mut Reader<'_>) -> Result<Member, DecodeError> {
    Ok(Member {
        node_id: r.node()?,
        directory_id: DirectoryId::new(r.uuid()?),
    })
}

pub(crate) fn write_vote(w: &mut Writer, vote: &Vote) {
    w.u64(vote.leader_id.term);
    write_member(w, &vote.leader_id.voted_for);
    w.bool(vote.committed);
}

pub(crate) fn read_vote(r: &mut Reader<'_>) -> Result<Vote, DecodeError> {
    let term = r.u64()?;
    let member = read_member(r)?;
    let committed = r.bool()?;
    let leader_id = openraft::vote::RaftLeaderId::new(term, member);
    Ok(Vote::from_leader_id(leader_id, committed))
}

pub(crate) fn write_log_id(w: &mut Writer, id: &LogId) {
    w.u64(term_of(id));
    w.u64(id.index);
}

pub(crate) fn read_log_id(r: &mut Reader<'_>) -> Result<LogId, DecodeError> {
    let term = r.u64()?;
    Ok(log_id(term, r.u64()?))
}

/// The term of the leader that wrote an entry.
pub(crate) fn term_of(id: &LogId) -> u64 {
    *id.leader_id
}

pub(crate) fn log_id(term: u64, index: u64) -> LogId {
    type LeaderId = openraft::type_config::alias::LeaderIdOf<crate::types::TypeConfig>;
    // A committed leader id is its term alone; the member is not part of it.
    let any = Member {
        node_id: chronik_types::NodeId::new(0),
        directory_id: DirectoryId::new(chronik_types::Uuid::ZERO),
    };
    LogId {
        leader_id: LeaderId::new_committed(term, any),
        index,
    }
}

pub(crate) fn write_optional_log_id(w: &mut Writer, id: Option<&LogId>) {
    w.option(id, write_log_id);
}

pub(crate) fn read_optional_log_id(r: &mut Reader<'_>) -> Result<Option<LogId>, DecodeError> {
    r.option(read_log_id)
}

fn write_membership(w: &mut Writer, membership: &Membership<Member, Address>) {
    w.list(membership.get_joint_config().iter(), |w, config| {
        w.list(config.iter(), write_member);
    });
    let nodes: Vec<_> = membership.nodes().collect();
    w.list(nodes.into_iter(), |w, (member, address)| {
        write_member(w, member);
        w.str(&address.0);
    });
}

fn read_membership(r: &mut Reader<'_>) -> Result<Membership<Member, Address>, DecodeError> {
    let configs: Vec<BTreeSet<Member>> =
        r.list(|r| Ok(r.list(read_member)?.into_iter().collect()))?;
    let nodes: BTreeMap<Member, Address> = r
        .list(|r| Ok((read_member(r)?, Address(r.str()?))))?
        .into_iter()
        .collect();
    if configs.is_empty() && nodes.is_empty() {
        return Ok(Membership::default());
    }
    Membership::new(configs, nodes).map_err(|_| DecodeError::Invalid {
        what: "a membership",
    })
}

/// An entry as bytes.
pub(crate) fn write_entry(w: &mut Writer, entry: &Entry) {
    w.u8(ENTRY_VERSION);
    write_log_id(w, &entry.log_id);
    match &entry.payload {
        EntryPayload::Blank => {
            w.u8(0);
            w.sized(|_| {});
        }
        EntryPayload::Normal(metadata) => {
            w.u8(1);
            let bytes = metadata
                .encode()
                .expect("a proposal larger than an entry is refused before it gets here");
            w.sized(|w| w.bytes.extend_from_slice(&bytes));
        }
        EntryPayload::Membership(membership) => {
            w.u8(2);
            w.sized(|w| write_membership(w, membership));
        }
    }
}

pub(crate) fn read_entry(r: &mut Reader<'_>) -> Result<Entry, DecodeError> {
    let version = r.u8()?;
    if version > ENTRY_VERSION {
        return Err(DecodeError::UnsupportedVersion {
            what: "an entry of the metadata log",
            version,
            newest: ENTRY_VERSION,
        });
    }
    let log_id = read_log_id(r)?;
    let kind = r.u8()?;
    let len = r.u32()? as usize;
    let bytes = r.take(len)?;
    let payload = match kind {
        0 => EntryPayload::Blank,
        1 => EntryPayload::Normal(Arc::new(MetadataEntry::decode(bytes)?)),
        2 => {
            let mut body = Reader::new(bytes);
            let membership = read_membership(&mut body)?;
            body.end()?;
            EntryPayload::Membership(membership)
        }
        _ => {
            return Err(DecodeError::Invalid {
                what: "the kind of an entry",
            });
        }
    };
    Ok(Entry { log_id, payload })
}

pub(crate) fn write_snapshot_meta(w: &mut Writer, meta: &SnapshotMeta) {
    write_optional_log_id(w, meta.last_log_id.as_ref());
    write_optional_log_id(w, meta.last_membership.log_id().as_ref());
    write_membership(w, meta.last_membership.membership());
}

pub(crate) fn read_snapshot_meta(r: &mut Reader<'_>) -> Result<SnapshotMeta, DecodeError> {
    let last_log_id = read_optional_log_id(r)?;
    let membership_log_id = read_optional_log_id(r)?;
    let membership = read_membership(r)?;
    Ok(SnapshotMeta {
        last_log_id,
        last_membership: StoredMembership::new(membership_log_id, membership),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: u64) -> Member {
        Member::from(id)
    }

    #[test]
    fn entries_of_every_kind_read_back() {
        let membership = Membership::new(
            vec![
                BTreeSet::from([member(1), member(2)]),
                BTreeSet::from([member(2), member(3)]),
            ],
            (1..=4)
                .map(|id| (member(id), Address(format!("h{id}:9192"))))
                .collect::<BTreeMap<_, _>>(),
        )
        .expect("valid");
        for payload in [
            EntryPayload::Blank,
            EntryPayload::Normal(Arc::new(MetadataEntry::barrier())),
            EntryPayload::Membership(membership),
        ] {
            let entry = Entry {
                log_id: log_id(3, 7),
                payload,
            };
            let mut w = Writer::default();
            write_entry(&mut w, &entry);
            let mut r = Reader::new(&w.bytes);
            assert_eq!(read_entry(&mut r), Ok(entry));
            assert!(r.is_empty());
        }
    }

    #[test]
    fn votes_read_back() {
        let vote = Vote::from_leader_id(openraft::vote::RaftLeaderId::new(9, member(2)), true);
        let mut w = Writer::default();
        write_vote(&mut w, &vote);
        assert_eq!(read_vote(&mut Reader::new(&w.bytes)), Ok(vote));
    }

    #[test]
    fn a_newer_entry_is_refused_by_name() {
        let error = read_entry(&mut Reader::new(&[9, 0, 0])).expect_err("refused");
        assert!(error.to_string().contains("an entry of the metadata log"));
    }
}
