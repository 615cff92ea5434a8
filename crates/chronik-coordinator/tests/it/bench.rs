//! A shard with a log of its own and a clock that the test moves.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use chronik_coordinator::{
    After, Answer, AppendFailed, Client, CommitPartition, CommitTopic, Decision, Effects,
    FetchTopic, GroupShard, GroupView, Heartbeat, JoinGroup, LeaveGroup, Leaver, Now, OffsetCommit,
    OffsetFetch, Protocol, Record, Reply, Request, Settings, SyncGroup, Ticket,
};
use chronik_protocol::Str;
use chronik_protocol::generated::{
    JoinGroupResponse, LeaveGroupResponse, OffsetCommitResponse, SyncGroupResponse,
};
use chronik_types::{ErrorCode, Instant, Offset, PartitionId, Timestamp, Uuid};

/// The wall clock's start, so that it differs from the monotonic one.
const WALL_START: i64 = 1_700_000_000_000;

pub(crate) struct Bench {
    pub(crate) shard: GroupShard,
    settings: Settings,
    now_ms: u64,
    pub(crate) log: Vec<Record>,
    /// Bytes of the largest batch that was appended.
    pub(crate) largest_batch: usize,
    /// What the next appends end with, until it is taken away.
    pub(crate) fail: Option<AppendFailed>,
    tickets: u64,
    answers: BTreeMap<Ticket, Answer>,
    uuids: u32,
    quiet: bool,
}

pub(crate) fn error(code: i16) -> ErrorCode {
    ErrorCode::from_code(code).unwrap()
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A dynamic consumer in group `g` whose client knows KIP-394.
pub(crate) fn consumer(client: &str) -> JoinGroup {
    JoinGroup {
        group: "g".into(),
        member: None,
        instance: None,
        client: Client {
            id: client.into(),
            host: "/127.0.0.1".into(),
        },
        session_timeout: seconds(10),
        rebalance_timeout: seconds(60),
        protocol_type: "consumer".into(),
        protocols: vec![protocol("range", &["orders"])],
        reason: None,
        requires_known_member_id: true,
        skip_assignment_allowed: true,
        new_member: Uuid::ZERO,
    }
}

pub(crate) fn static_consumer(instance: &str) -> JoinGroup {
    JoinGroup {
        instance: Some(instance.into()),
        requires_known_member_id: false,
        ..consumer(instance)
    }
}

/// An assignor with a consumer's subscription.
pub(crate) fn protocol(name: &str, topics: &[&str]) -> Protocol {
    let mut metadata = vec![0, 0];
    metadata.extend(u32::try_from(topics.len()).unwrap().to_be_bytes());
    for topic in topics {
        metadata.extend(u16::try_from(topic.len()).unwrap().to_be_bytes());
        metadata.extend(topic.as_bytes());
    }
    metadata.extend((-1_i32).to_be_bytes());
    Protocol {
        name: name.into(),
        metadata: metadata.into(),
    }
}

pub(crate) fn commit(topic: &str, partition: i32, offset: i64) -> OffsetCommit {
    OffsetCommit {
        group: "g".into(),
        generation: None,
        member: None,
        instance: None,
        retention: None,
        tells_group_not_found: true,
        topics: vec![CommitTopic {
            name: topic.into(),
            topic_id: None,
            partitions: vec![CommitPartition {
                partition: PartitionId::new(partition),
                offset: Offset::new(offset),
                leader_epoch: None,
                metadata: Str::EMPTY,
            }],
        }],
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        Self {
            shard: GroupShard::new(settings.clone()),
            settings,
            now_ms: 1_000,
            log: Vec::new(),
            largest_batch: 0,
            fail: None,
            tickets: 0,
            answers: BTreeMap::new(),
            uuids: 0,
            quiet: false,
        }
    }

    pub(crate) fn now(&self) -> Now {
        Now {
            instant: Instant::from_nanos(self.now_ms * 1_000_000),
            wall: Timestamp::from_millis(WALL_START + i64::try_from(self.now_ms).unwrap()),
        }
    }

    /// Asks; the answer may come later.
    pub(crate) fn ask(&mut self, request: Request) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let decision = self.shard.handle(self.now(), request, ticket);
        self.finish(decision);
        ticket
    }

    fn finish(&mut self, decision: Decision) {
        let records = decision.records.clone();
        let outcome = match self.fail {
            Some(failed) if !records.is_empty() => Err(failed),
            _ => Ok(()),
        };
        let mut effects = Effects::default();
        self.shard
            .finish(self.now(), decision, outcome, &mut effects);
        if outcome.is_ok() {
            let sizes = records
                .iter()
                .map(|r| r.key.len() + r.value.as_ref().map_or(0, Bytes::len));
            self.largest_batch = self.largest_batch.max(sizes.sum());
            self.log.extend(records);
        }
        self.take(effects);
        if !self.quiet {
            self.shard.check_invariants();
        }
    }

    fn take(&mut self, effects: Effects) {
        for answer in effects.answers {
            let ticket = answer.ticket;
            let earlier = self.answers.insert(ticket, answer);
            assert!(earlier.is_none(), "{ticket:?} is answered twice");
        }
    }

    /// Lets time pass, doing what is due when it is.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now_ms + u64::try_from(time.as_millis()).unwrap();
        loop {
            while let Some(decision) = self.shard.due(self.now()) {
                self.finish(decision);
            }
            self.shard.check_invariants();
            let next = self.shard.next_deadline();
            let next = next.map(|at| at.as_nanos().div_ceil(1_000_000));
            match next {
                Some(at) if at <= end => self.now_ms = at.max(self.now_ms + 1),
                _ => break,
            }
        }
        self.now_ms = self.now_ms.max(end);
    }

    /// The coordinator is another, which has only the log. Who waited is told.
    pub(crate) fn restart(&mut self) {
        let shard = std::mem::replace(&mut self.shard, GroupShard::new(self.settings.clone()));
        self.take(shard.unload());
        for record in &self.log {
            let replayed = self.shard.replay(Some(&record.key), record.value.as_ref());
            replayed.unwrap();
        }
        self.shard.loaded(self.now());
        self.shard.check_invariants();
    }

    pub(crate) fn restart_with(&mut self, settings: Settings) {
        self.settings = settings;
        self.restart();
    }

    pub(crate) fn is_answered(&self, ticket: Ticket) -> bool {
        self.answers.contains_key(&ticket)
    }

    pub(crate) fn reply(&mut self, ticket: Ticket) -> Reply {
        let reply = self.answers.remove(&ticket);
        let answer = reply.unwrap_or_else(|| panic!("{ticket:?} has no answer"));
        answer.reply
    }

    /// From when on an answer that is there may be sent.
    pub(crate) fn after(&self, ticket: Ticket) -> After {
        self.answers[&ticket].after
    }

    pub(crate) fn group(&self) -> GroupView {
        self.shard.group("g").expect("the group exists")
    }

    pub(crate) fn state(&self) -> &'static str {
        self.shard.group("g").map_or("Dead", |g| g.state.as_str())
    }

    /// The events of the group, without their times.
    pub(crate) fn transcript(&self) -> String {
        let events = self.shard.events("g");
        let lines = events.map(|e| format!("{}: {}\n", e.generation, e.what));
        lines.collect()
    }

    // Members.

    /// Sends a JoinGroup, with another random id each time.
    pub(crate) fn send_join(&mut self, mut join: JoinGroup) -> Ticket {
        self.uuids += 1;
        let mut bytes = [self.uuids.to_be_bytes()[3]; 16];
        bytes[12..].copy_from_slice(&self.uuids.to_be_bytes());
        join.new_member = Uuid::from_bytes(bytes);
        self.ask(Request::JoinGroup(join))
    }

    /// Joins without asking for an id first, and without looking at every invariant.
    pub(crate) fn join_quietly(&mut self, join: JoinGroup) -> Ticket {
        self.quiet = true;
        let ticket = self.send_join(JoinGroup {
            requires_known_member_id: false,
            ..join
        });
        self.quiet = false;
        ticket
    }

    pub(crate) fn join_reply(&mut self, ticket: Ticket) -> JoinGroupResponse {
        match self.reply(ticket) {
            Reply::JoinGroup(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    /// Asks for an id as a client does that knows KIP-394.
    pub(crate) fn get_id(&mut self, join: JoinGroup) -> Str {
        let ticket = self.send_join(join);
        let reply = self.join_reply(ticket);
        assert_eq!(error(reply.error_code), ErrorCode::MemberIdRequired);
        reply.member_id
    }

    /// Gets an id and sends the JoinGroup with it.
    pub(crate) fn join_with_id(&mut self, join: JoinGroup) -> (Str, Ticket) {
        let id = self.get_id(join.clone());
        let member = Some(id.clone());
        let ticket = self.send_join(JoinGroup { member, ..join });
        (id, ticket)
    }

    pub(crate) fn send_sync(
        &mut self,
        member: &Str,
        generation: i32,
        assignments: &[(&Str, &'static str)],
    ) -> Ticket {
        let assignments = assignments.iter();
        self.ask(Request::SyncGroup(SyncGroup {
            group: "g".into(),
            generation,
            member: member.clone(),
            instance: None,
            protocol_type: Some("consumer".into()),
            protocol: Some("range".into()),
            assignments: assignments
                .map(|(id, text)| ((*id).clone(), Bytes::from_static(text.as_bytes())))
                .collect(),
        }))
    }

    pub(crate) fn sync_reply(&mut self, ticket: Ticket) -> SyncGroupResponse {
        match self.reply(ticket) {
            Reply::SyncGroup(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn heartbeat(&mut self, member: &Str, generation: i32) -> ErrorCode {
        self.heartbeat_of(member, None, generation)
    }

    pub(crate) fn heartbeat_of(
        &mut self,
        member: &Str,
        instance: Option<&str>,
        generation: i32,
    ) -> ErrorCode {
        let ticket = self.ask(Request::Heartbeat(Heartbeat {
            group: "g".into(),
            generation,
            member: member.clone(),
            instance: instance.map(Str::from),
        }));
        match self.reply(ticket) {
            Reply::Heartbeat(reply) => error(reply.error_code),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn leave(&mut self, members: &[(Option<&Str>, Option<&str>)]) -> LeaveGroupResponse {
        let members = members.iter().map(|(member, instance)| Leaver {
            member: member.cloned(),
            instance: instance.map(Str::from),
            reason: Some("closing".into()),
        });
        let ticket = self.ask(Request::LeaveGroup(LeaveGroup {
            group: "g".into(),
            members: members.collect(),
        }));
        match self.reply(ticket) {
            Reply::LeaveGroup(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    /// Commits, and gives the error of the first partition.
    pub(crate) fn commit(&mut self, commit: OffsetCommit) -> ErrorCode {
        error(self.commit_reply(commit).topics[0].partitions[0].error_code)
    }

    pub(crate) fn commit_reply(&mut self, commit: OffsetCommit) -> OffsetCommitResponse {
        let ticket = self.ask(Request::OffsetCommit(commit));
        match self.reply(ticket) {
            Reply::OffsetCommit(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    /// A committed offset as OffsetFetch says it.
    pub(crate) fn fetch(&mut self, topic: &str, partition: i32) -> i64 {
        let ticket = self.ask(Request::OffsetFetch(OffsetFetch {
            group: "g".into(),
            topics: Some(vec![FetchTopic {
                name: topic.into(),
                topic_id: None,
                partitions: vec![PartitionId::new(partition)],
            }]),
            require_stable: true,
        }));
        match self.reply(ticket) {
            Reply::OffsetFetch(reply) => reply.topics[0].partitions[0].committed_offset,
            other => panic!("{other:?}"),
        }
    }

    /// Members `one`, `two`, ... in a stable group; the first given is the leader. Gives their
    /// ids and the generation.
    pub(crate) fn stable(&mut self, joins: Vec<JoinGroup>) -> (Vec<Str>, i32) {
        let mut waiting = Vec::new();
        for join in joins {
            if join.requires_known_member_id {
                waiting.push(self.join_with_id(join).1);
            } else {
                waiting.push(self.send_join(join));
            }
        }
        // The initial delay, and its extension.
        self.pass(seconds(6));
        let replies: Vec<_> = waiting.into_iter().map(|t| self.join_reply(t)).collect();
        let generation = replies[0].generation_id;
        let ids: Vec<Str> = replies.iter().map(|r| r.member_id.clone()).collect();
        let leader = replies[0].leader.clone();
        let assignments: Vec<_> = ids.iter().map(|id| (id, "part")).collect();
        let mut tickets = Vec::new();
        for id in &ids {
            let assignments = if *id == leader { &*assignments } else { &[] };
            tickets.push(self.send_sync(id, generation, assignments));
        }
        for ticket in tickets {
            let reply = self.sync_reply(ticket);
            assert_eq!(error(reply.error_code), ErrorCode::None);
            assert_eq!(reply.assignment, "part");
        }
        assert_eq!(self.state(), "Stable");
        (ids, generation)
    }
}
