//! Random histories of a few clients and two groups, against a naive model of what is promised.
//!
//! I9: what is committed is what was accepted, also by a shard that only replays the log; who is
//! not in the generation commits nothing. I10: all members of a generation are told the same
//! protocol and leader, an assignment has one owner, and comes from one SyncGroup of the leader.
//! And nobody waits for ever.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use chronik_coordinator::{
    AppendFailed, GroupShard, GroupState, GroupView, Heartbeat, JoinGroup, LeaveGroup, Leaver,
    OffsetCommit, Reply, Request, Settings, SyncGroup, Ticket,
};
use chronik_protocol::Str;
use chronik_types::ErrorCode;
use proptest::prelude::*;

use crate::bench::{Bench, commit, consumer, error, protocol, seconds};

const CLIENTS: usize = 6;
const GROUPS: [&str; 2] = ["g", "h"];

/// A generation of a group: (group, how often it was forgotten, generation).
type Generation = (usize, usize, i32);

#[derive(Clone, Debug)]
enum Op {
    Join {
        client: usize,
        list: usize,
    },
    Sync {
        client: usize,
        stale: bool,
    },
    Heartbeat {
        client: usize,
    },
    Leave {
        client: usize,
        by_instance: bool,
    },
    Commit {
        client: usize,
        generation: i32,
        partition: i32,
    },
    CommitFromOutside {
        group: usize,
        partition: i32,
    },
    Cancel {
        client: usize,
    },
    Crash {
        client: usize,
    },
    /// The clients of a group behave: they join, wait, sync and live.
    Settle {
        group: usize,
        list: usize,
    },
    Pass {
        seconds: u64,
    },
    Fail {
        fail: bool,
    },
    Restart,
    DeleteGroup {
        group: usize,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let client = 0..CLIENTS;
    prop_oneof![
        6 => (client.clone(), 0..3_usize).prop_map(|(client, list)| Op::Join { client, list }),
        6 => (client.clone(), prop::bool::weighted(0.1))
            .prop_map(|(client, stale)| Op::Sync { client, stale }),
        3 => client.clone().prop_map(|client| Op::Heartbeat { client }),
        1 => (client.clone(), any::<bool>())
            .prop_map(|(client, by_instance)| Op::Leave { client, by_instance }),
        4 => (client.clone(), -1..2, 0..3)
            .prop_map(|(client, generation, partition)| Op::Commit {
                client,
                generation,
                partition,
            }),
        1 => (0..GROUPS.len(), 0..3)
            .prop_map(|(group, partition)| Op::CommitFromOutside { group, partition }),
        1 => client.clone().prop_map(|client| Op::Cancel { client }),
        1 => client.prop_map(|client| Op::Crash { client }),
        4 => prop_oneof![4 => 0..8_u64, 1 => 8..100_u64].prop_map(|seconds| Op::Pass { seconds }),
        3 => (0..GROUPS.len(), 0..3_usize)
            .prop_map(|(group, list)| Op::Settle { group, list }),
        2 => prop::bool::weighted(0.3).prop_map(|fail| Op::Fail { fail }),
        1 => Just(Op::Restart),
        1 => (0..GROUPS.len()).prop_map(|group| Op::DeleteGroup { group }),
    ]
}

#[derive(Clone, Debug, Default)]
struct Client {
    member: Option<Str>,
    generation: i32,
    is_leader: bool,
    join: Option<Ticket>,
    sync: Option<Ticket>,
}

struct World {
    bench: Bench,
    /// Knows the log and nothing else.
    mirror: GroupShard,
    mirrored: usize,
    clients: Vec<Client>,
    /// Accepted commits: (group, partition).
    committed: BTreeMap<(usize, i32), i64>,
    /// What members were told: protocol and leader. Without those of static members that took
    /// over, who may be shown an old leader.
    told: BTreeMap<Generation, (Option<Str>, Str)>,
    /// The number of the leader's SyncGroup that members were given assignments of.
    assigned: BTreeMap<Generation, u64>,
    /// How often each group was forgotten, and each coordinator replaced.
    lives: [usize; GROUPS.len()],
    restarts: usize,
    next: i64,
}

/// The first clients are of the first group; of each group one is static.
fn group_of(client: usize) -> usize {
    usize::from(client >= 4)
}

fn instance_of(client: usize) -> Option<Str> {
    [0, 1, 4].contains(&client).then(|| match client {
        // Two processes quarrel about one instance.
        0 | 1 => "i".into(),
        _ => "j".into(),
    })
}

impl World {
    fn new() -> Self {
        let settings = Settings {
            group_size_max: 3,
            pending_members_max: 3,
            ..Settings::default()
        };
        Self {
            mirror: GroupShard::new(settings.clone()),
            bench: Bench::with(settings),
            mirrored: 0,
            clients: vec![Client::default(); CLIENTS],
            committed: BTreeMap::new(),
            told: BTreeMap::new(),
            assigned: BTreeMap::new(),
            lives: [0; GROUPS.len()],
            restarts: 0,
            next: 0,
        }
    }

    fn next(&mut self) -> i64 {
        self.next += 1;
        self.next
    }

    fn view(&self, group: usize) -> Option<GroupView> {
        self.bench.shard.group(GROUPS[group])
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Join { client, list } => self.join(client, list),
            Op::Sync { client, stale } => self.sync(client, stale),
            Op::Heartbeat { client } => self.heartbeat(client),
            Op::Leave {
                client,
                by_instance,
            } => self.leave(client, by_instance),
            Op::Commit {
                client,
                generation,
                partition,
            } => self.commit(client, generation, partition),
            Op::CommitFromOutside { group, partition } => {
                let empty = self
                    .view(group)
                    .is_none_or(|v| v.state == GroupState::Empty);
                self.commit_as(
                    group,
                    partition,
                    OffsetCommit {
                        ..commit("t", 0, 0)
                    },
                    empty,
                );
            }
            Op::Cancel { client } => {
                let client = &mut self.clients[client];
                for ticket in [client.join.take(), client.sync.take()]
                    .into_iter()
                    .flatten()
                {
                    self.bench.shard.cancel(ticket);
                }
            }
            Op::Settle { group, list } => self.settle(group, list),
            Op::Crash { client } => self.clients[client] = Client::default(),
            Op::Pass { seconds: time } => self.bench.pass(seconds(time)),
            Op::Fail { fail } => self.bench.fail = fail.then_some(AppendFailed::TimedOut),
            Op::Restart => {
                self.restarts += 1;
                self.bench.restart();
            }
            Op::DeleteGroup { group } => self.delete(group),
        }
        self.read_answers();
        self.check();
    }

    fn join(&mut self, client: usize, list: usize) {
        let lists: [&[&str]; 3] = [&["range"], &["range", "sticky"], &["sticky", "range"]];
        let join = JoinGroup {
            group: GROUPS[group_of(client)].into(),
            member: self.clients[client].member.clone(),
            instance: instance_of(client),
            protocols: lists[list].iter().map(|n| protocol(n, &["t"])).collect(),
            requires_known_member_id: instance_of(client).is_none(),
            ..consumer("c")
        };
        if self.clients[client].join.is_none() {
            let ticket = self.bench.send_join(join);
            self.clients[client].join = Some(ticket);
        }
    }

    fn settle(&mut self, group: usize, list: usize) {
        let clients = (0..CLIENTS).filter(|client| group_of(*client) == group);
        // Of the two that quarrel one stays away.
        let clients: Vec<_> = clients.filter(|client| *client != 1).collect();
        for _ in 0..2 {
            for client in &clients {
                self.join(*client, list);
                self.read_answers();
            }
        }
        self.bench.pass(seconds(6));
        self.read_answers();
        for client in &clients {
            self.sync(*client, false);
            self.read_answers();
        }
    }

    fn sync(&mut self, client: usize, stale: bool) {
        let group = group_of(client);
        let Client {
            member: Some(member),
            generation,
            is_leader,
            join: None,
            sync: None,
        } = self.clients[client].clone()
        else {
            return;
        };
        let number = self.next();
        // A coordinator that took over knows no generation but the last that was stored.
        let current = self.view(group).map(|v| v.generation);
        let stale = stale && current != Some(generation - 1);
        let members = self.view(group).map(|v| v.members).unwrap_or_default();
        let assignments = members.iter().filter(|_| is_leader).map(|m| {
            let text = format!("{number} {}", m.id);
            (m.id.clone(), Bytes::from(text))
        });
        let ticket = self.bench.ask(Request::SyncGroup(SyncGroup {
            group: GROUPS[group].into(),
            generation: generation - i32::from(stale),
            member,
            instance: instance_of(client),
            protocol_type: None,
            protocol: None,
            assignments: assignments.collect(),
        }));
        if stale {
            let told = error(self.bench.sync_reply(ticket).error_code);
            assert_ne!(told, ErrorCode::None);
        } else {
            self.clients[client].sync = Some(ticket);
        }
    }

    fn heartbeat(&mut self, client: usize) {
        let Some(member) = self.clients[client].member.clone() else {
            return;
        };
        let ticket = self.bench.ask(Request::Heartbeat(Heartbeat {
            group: GROUPS[group_of(client)].into(),
            generation: self.clients[client].generation,
            member,
            instance: instance_of(client),
        }));
        let Reply::Heartbeat(reply) = self.bench.reply(ticket) else {
            panic!("another reply");
        };
        if error(reply.error_code) == ErrorCode::UnknownMemberId {
            self.clients[client].member = None;
        }
    }

    fn leave(&mut self, client: usize, by_instance: bool) {
        let instance = instance_of(client);
        let by_instance = by_instance && instance.is_some();
        let member = self.clients[client].member.take();
        let ticket = self.bench.ask(Request::LeaveGroup(LeaveGroup {
            group: GROUPS[group_of(client)].into(),
            members: vec![Leaver {
                member: member.filter(|_| !by_instance),
                instance,
                reason: None,
            }],
        }));
        self.bench.reply(ticket);
    }

    /// A commit of a client that may be in the generation, or in an earlier or later one.
    fn commit(&mut self, client: usize, later: i32, partition: i32) {
        let group = group_of(client);
        let Some(member) = self.clients[client].member.clone() else {
            return;
        };
        let generation = self.clients[client].generation + later;
        let instance = instance_of(client);
        // The rule, naively: a member, of this generation, while there is one.
        let allowed = self.view(group).is_some_and(|view| {
            let known = view.members.iter().find(|m| m.id == member);
            let known = known.is_some_and(|m| m.instance == instance);
            let ours = view.generation == generation;
            known && ours && view.state != GroupState::CompletingRebalance
        });
        let from_outside = generation < 0
            && self
                .view(group)
                .is_none_or(|v| v.state == GroupState::Empty);
        let commit = OffsetCommit {
            generation: Some(generation).filter(|g| *g >= 0),
            member: Some(member),
            instance,
            ..commit("t", 0, 0)
        };
        self.commit_as(group, partition, commit, allowed || from_outside);
    }

    fn commit_as(&mut self, group: usize, partition: i32, commit: OffsetCommit, allowed: bool) {
        let offset = self.next();
        let mut commit = OffsetCommit {
            group: GROUPS[group].into(),
            ..commit
        };
        commit.topics = crate::bench::commit("t", partition, offset).topics;
        let told = self.bench.commit(commit.clone());
        let expected = allowed && self.bench.fail.is_none();
        assert_eq!(told == ErrorCode::None, expected, "{told}: {commit:?}");
        if expected {
            self.committed.insert((group, partition), offset);
        }
    }

    fn delete(&mut self, group: usize) {
        let ticket = self
            .bench
            .ask(Request::DeleteGroups(vec![GROUPS[group].into()]));
        let Reply::DeleteGroups(results) = self.bench.reply(ticket) else {
            panic!("another reply");
        };
        if results[0].error_code == 0 {
            self.committed.retain(|(of, _), _| *of != group);
        }
    }

    fn read_answers(&mut self) {
        for group in 0..GROUPS.len() {
            if self.view(group).is_none() {
                self.lives[group] += 1;
            }
        }
        for client in 0..CLIENTS {
            self.read_join(client);
            self.read_sync(client);
        }
    }

    fn read_join(&mut self, client: usize) {
        let ticket = self.clients[client].join;
        let Some(ticket) = ticket.filter(|t| self.bench.is_answered(*t)) else {
            return;
        };
        let reply = self.bench.join_reply(ticket);
        let state = &mut self.clients[client];
        state.join = None;
        match error(reply.error_code) {
            ErrorCode::None => {
                assert!(state.member.is_none() || state.member == Some(reply.member_id.clone()));
                let took_over = state.member.is_none() && instance_of(client).is_some();
                state.is_leader = reply.leader == reply.member_id && !reply.skip_assignment;
                state.member = Some(reply.member_id.clone());
                state.generation = reply.generation_id;
                if !reply.members.is_empty() {
                    let names = reply.members.iter().map(|m| &m.member_id);
                    assert!(names.collect::<BTreeSet<_>>().contains(&reply.member_id));
                }
                if !took_over {
                    self.check_told(client, (reply.protocol_name, reply.leader));
                }
            }
            ErrorCode::MemberIdRequired => state.member = Some(reply.member_id),
            ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId => state.member = None,
            ErrorCode::GroupMaxSizeReached => state.member = None,
            ErrorCode::InconsistentGroupProtocol
            | ErrorCode::RebalanceInProgress
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NotCoordinator => {}
            other => panic!("{other}"),
        }
    }

    /// All who are told of a generation by one coordinator are told the same.
    fn check_told(&mut self, client: usize, told: (Option<Str>, Str)) {
        let group = group_of(client);
        let life = self.lives[group] * 10_000 + self.restarts;
        let generation = self.clients[client].generation;
        // A static leader has another id after a takeover.
        if group_of(client) == group && instance_of(client).is_none() {
            let key = (group, life, generation);
            let first = self.told.entry(key).or_insert_with(|| told.clone());
            assert_eq!(first.0, told.0, "the protocol of {key:?}");
        }
    }

    fn read_sync(&mut self, client: usize) {
        let ticket = self.clients[client].sync;
        let Some(ticket) = ticket.filter(|t| self.bench.is_answered(*t)) else {
            return;
        };
        let reply = self.bench.sync_reply(ticket);
        let group = group_of(client);
        self.clients[client].sync = None;
        if reply.error_code != 0 || reply.assignment.is_empty() {
            return;
        }
        let number = number_of(&reply.assignment);
        let key = (group, self.lives[group], self.clients[client].generation);
        let first = *self.assigned.entry(key).or_insert(number);
        assert_eq!(first, number, "the assignment of {key:?}");
    }

    fn check(&mut self) {
        for record in &self.bench.log[self.mirrored..] {
            let replayed = self.mirror.replay(Some(&record.key), record.value.as_ref());
            replayed.unwrap();
        }
        self.mirrored = self.bench.log.len();
        for group in 0..GROUPS.len() {
            self.check_offsets(group);
            self.check_owners(group);
        }
    }

    fn check_offsets(&self, group: usize) {
        let accepted = self.committed.range((group, i32::MIN)..=(group, i32::MAX));
        let accepted: Vec<_> = accepted.map(|((_, p), offset)| (*p, *offset)).collect();
        for shard in [&self.bench.shard, &self.mirror] {
            let view = shard.group(GROUPS[group]);
            let offsets = view.map(|v| v.offsets).unwrap_or_default();
            let offsets = offsets.iter().map(|(_, p, c)| (p.get(), c.offset.get()));
            assert_eq!(offsets.collect::<Vec<_>>(), accepted);
        }
    }

    /// A stable group is what the log says, and its assignment is of one SyncGroup.
    fn check_owners(&self, group: usize) {
        let Some(view) = self.view(group) else {
            return;
        };
        if view.state != GroupState::Stable {
            return;
        }
        let stored = self.mirror.group(GROUPS[group]).expect("it is stored");
        assert_eq!(stored.generation, view.generation);
        assert_eq!(stored.protocol, view.protocol);
        assert_eq!(stored.leader, view.leader);
        assert_eq!(stored.members, view.members);
        let assignments = view.members.iter().map(|m| &m.assignment);
        let assignments: Vec<_> = assignments.filter(|a| !a.is_empty()).collect();
        let owners: BTreeSet<_> = assignments.iter().collect();
        assert_eq!(
            owners.len(),
            assignments.len(),
            "an assignment has one owner"
        );
        let numbers: BTreeSet<_> = assignments.iter().map(|a| number_of(a)).collect();
        assert!(
            numbers.len() <= 1,
            "assignments of several leaders: {numbers:?}"
        );
        let key = (group, self.lives[group], view.generation);
        if let (Some(told), Some(held)) = (self.assigned.get(&key), numbers.first()) {
            assert_eq!(told, held, "the assignment of {key:?}");
        }
    }

    /// Everybody falls silent: whoever waits is answered, and nothing is held any more.
    fn end(mut self) {
        self.bench.fail = None;
        self.bench.pass(seconds(7_200));
        self.read_answers();
        for (number, client) in self.clients.iter().enumerate() {
            assert_eq!((client.join, client.sync), (None, None), "client {number}");
        }
        let facts = self.bench.shard.facts();
        assert_eq!((facts.members, facts.held_bytes), (0, 0));
        self.check();
    }
}

fn number_of(assignment: &Bytes) -> u64 {
    let text = std::str::from_utf8(assignment).unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_histories_keep_what_is_promised(ops in prop::collection::vec(op(), 1..120)) {
        let mut world = World::new();
        for op in &ops {
            world.apply(op);
        }
        world.end();
    }
}

/// `CHRONIK_COORDINATOR_CASES` asks for more.
fn cases() -> u32 {
    let asked = std::env::var("CHRONIK_COORDINATOR_CASES").ok();
    asked.map_or(400, |cases| cases.parse().unwrap())
}
