//! Three voters of the metadata log under network faults, from one seed.
//!
//! Real `RaftNode`s with the server's controller task, on simulated disks, over simulated sockets.
//! Checked: I4 (all images become equal) and I15 (a decision that was cut off by a partition does
//! not come back). The event log carries virtual time only, so the same seed gives the same log.
//! Absent: brokers, partitions and clients.

#[cfg(test)]
mod sole_voter;
mod transport;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chronik_controller::{
    Controller, ControllerRequest, ControllerResponse, ControllerSettings, CreatableTopic,
    CreateCluster, CreateTopics, DirectoryState, Listener, RegisterBroker, UpdateBrokerStatus,
    WantedStatus,
};
use chronik_io::fs::SimDisk;
use chronik_io::{Clock, Env, Exit, Rng};
use chronik_raft::{Address, Leadership, Member, RaftNode, RaftOptions};
use chronik_types::{
    ClusterId, DirectoryId, Durability, Incarnation, LogIndex, NodeId, Timestamp, Uuid,
};
use tokio::sync::oneshot;

use self::transport::TcpTransport;
use crate::controller_client::ControllerError;
use crate::controller_runtime::{self, ControllerQueue, Submission};

const VOTERS: [i32; 3] = [1, 2, 3];
const PORT: u16 = 9192;

/// What a host shows to the driver.
#[derive(Clone)]
struct Handle {
    raft: RaftNode,
    controller: ControllerQueue,
}

type Handles = Arc<Mutex<BTreeMap<i32, Handle>>>;
type Answer = Result<(LogIndex, ControllerResponse), ControllerError>;

/// Runs the scenario: elect, create a topic, isolate the leader, create another topic on the
/// others, heal, and see all three agree. Returns the event log.
#[must_use]
pub fn isolate_the_leader(seed: u64) -> String {
    let mut run = Run::new(seed);
    let first = run.wait_for_leader(&VOTERS);
    run.set_up(first);
    run.create(first, "before");

    let others: Vec<_> = VOTERS.into_iter().filter(|id| *id != first).collect();
    for other in &others {
        run.sim.partition(host(first), host(*other));
    }
    run.log(&format!("node {first} is isolated"));
    // Accepted by nobody: its outcome is unknown to the caller, and it must not come back.
    let lost = run.submit(first, create_topics("lost"));
    let second = run.wait_for_leader(&others);
    run.create(second, "during");
    assert!(!run.has_topic(first, "during"), "the network is cut");

    for other in &others {
        run.sim.repair(host(first), host(*other));
    }
    run.log("the network is whole again");
    run.create(second, "after");
    run.wait(|run| run.images_are_equal() && run.has_topic(first, "after"));
    let answer = run.answer_of(lost);
    assert!(
        matches!(answer, Err(ControllerError::NotController { .. })),
        "{answer:?}"
    );
    for id in VOTERS {
        assert!(run.has_topic(id, "before") && run.has_topic(id, "during"));
        assert!(!run.has_topic(id, "lost"), "a cut-off decision came back");
    }
    run.log("all images are equal");
    run.events
}

fn host(id: i32) -> String {
    format!("node-{id}")
}

fn member(id: i32) -> Member {
    let byte = u8::try_from(id).unwrap_or(u8::MAX);
    Member {
        node_id: NodeId::new(id),
        directory_id: DirectoryId::new(Uuid::from_bytes([byte; 16])),
    }
}

fn cluster_id() -> ClusterId {
    ClusterId::new(Uuid::from_bytes([7; 16]))
}

fn create_topics(name: &str) -> ControllerRequest {
    ControllerRequest::CreateTopics(CreateTopics {
        topics: vec![CreatableTopic {
            name: name.to_owned(),
            partitions: 3,
            replication_factor: -1,
            ..CreatableTopic::default()
        }],
        validate_only: false,
    })
}

struct Run<'a> {
    sim: turmoil::Sim<'a>,
    handles: Handles,
    seen: BTreeMap<i32, (Leadership, Option<LogIndex>)>,
    events: String,
}

impl Run<'_> {
    fn new(seed: u64) -> Self {
        let mut sim = turmoil::Builder::new()
            .simulation_duration(Duration::from_secs(120))
            .tick_duration(Duration::from_millis(1))
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(Duration::from_millis(5))
            .rng_seed(seed)
            .build();
        let handles = Handles::default();
        for id in VOTERS {
            let handles = handles.clone();
            let disk = SimDisk::seeded(seed ^ u64::from(id.unsigned_abs()));
            sim.host(host(id), move || {
                voter(id, seed, disk.clone(), handles.clone())
            });
        }
        Self {
            sim,
            handles,
            seen: BTreeMap::new(),
            events: String::new(),
        }
    }

    fn log(&mut self, event: &str) {
        let at = self.sim.elapsed().as_millis();
        writeln!(self.events, "{at:>6} ms  {event}").expect("a string takes everything");
    }

    fn handle(&self, id: i32) -> Option<Handle> {
        let handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        handles.get(&id).cloned()
    }

    /// One tick of virtual time; what the voters' state became goes into the log.
    fn step(&mut self) {
        self.sim.step().expect("no host fails");
        for id in VOTERS {
            let Some(handle) = self.handle(id) else {
                continue;
            };
            let now = *handle.raft.leadership().borrow();
            let applied = handle.raft.image().borrow().applied();
            let before = self.seen.insert(id, (now, applied)).unwrap_or_default();
            if before.0 != now && now.is_local {
                self.log(&format!("node {id} leads in term {}", now.term));
            }
            if before.1 != applied
                && let Some(applied) = applied
            {
                self.log(&format!("node {id} has applied {applied}"));
            }
        }
    }

    fn wait(&mut self, mut until: impl FnMut(&Self) -> bool) {
        for _ in 0..60_000 {
            if until(self) {
                return;
            }
            self.step();
        }
        panic!("nothing happens within a minute:\n{}", self.events);
    }

    fn wait_for_leader(&mut self, among: &[i32]) -> i32 {
        let mut leader = None;
        self.wait(|run| {
            let leads = |id: &&i32| {
                run.handle(**id)
                    .is_some_and(|h| h.raft.leadership().borrow().is_local)
            };
            leader = among.iter().find(leads).copied();
            leader.is_some()
        });
        leader.expect("waited for it")
    }

    fn submit(&self, id: i32, request: ControllerRequest) -> oneshot::Receiver<Answer> {
        let (reply, answer) = oneshot::channel();
        let handle = self.handle(id).expect("the host runs");
        let submission = Submission { request, reply };
        assert!(
            handle.controller.try_send(submission).is_ok(),
            "the queue has room"
        );
        answer
    }

    fn answer_of(&mut self, mut answer: oneshot::Receiver<Answer>) -> Answer {
        let mut result = None;
        self.wait(|_| {
            result = answer.try_recv().ok();
            result.is_some()
        });
        result.expect("waited for it")
    }

    fn ask(&mut self, id: i32, request: ControllerRequest) -> ControllerResponse {
        let answer = self.submit(id, request);
        let (index, response) = self.answer_of(answer).expect("the leader answers");
        self.log(&format!("answered at {index}"));
        response
    }

    fn create(&mut self, id: i32, name: &str) {
        let response = self.ask(id, create_topics(name));
        let ControllerResponse::CreateTopics(results) = response else {
            panic!("another answer: {response:?}")
        };
        assert!(results[0].1.is_ok(), "{results:?}");
        self.log(&format!("topic {name} is created by node {id}"));
    }

    /// The cluster and three brokers.
    fn set_up(&mut self, leader: i32) {
        self.ask(
            leader,
            ControllerRequest::CreateCluster(CreateCluster {
                cluster_id: cluster_id(),
                default_durability: Durability::QuorumFsync,
                features: vec![],
            }),
        );
        for id in VOTERS {
            let registered = self.ask(leader, register(id));
            let ControllerResponse::RegisterBroker(Ok(incarnation)) = registered else {
                panic!("another answer: {registered:?}")
            };
            self.ask(leader, unfence(id, incarnation));
        }
    }

    fn has_topic(&self, id: i32, name: &str) -> bool {
        self.handle(id)
            .is_some_and(|h| h.raft.image().borrow().topic(name).is_some())
    }

    fn images_are_equal(&self) -> bool {
        let image = |id: i32| self.handle(id).map(|h| h.raft.image().borrow().clone());
        let first = image(VOTERS[0]);
        first.is_some() && VOTERS.into_iter().all(|id| image(id) == first)
    }
}

fn register(id: i32) -> ControllerRequest {
    ControllerRequest::RegisterBroker(RegisterBroker {
        node: NodeId::new(id),
        cluster_id: cluster_id(),
        incarnation_id: member(id).directory_id.get(),
        directory_id: member(id).directory_id,
        directory_state: DirectoryState::Clean,
        damaged: vec![],
        listeners: vec![Listener {
            name: "PLAINTEXT".to_owned(),
            host: host(id),
            port: 9092,
            security_protocol: 0,
        }],
        rack: None,
        features: vec![],
    })
}

fn unfence(id: i32, incarnation: Incarnation) -> ControllerRequest {
    ControllerRequest::UpdateBrokerStatus(UpdateBrokerStatus {
        node: NodeId::new(id),
        incarnation,
        status: WantedStatus::Unfenced,
    })
}

/// One host: a node, its controller and its listener.
async fn voter(id: i32, seed: u64, disk: SimDisk, handles: Handles) -> turmoil::Result {
    let env = Env {
        disk: disk.incarnation(),
        clock: Clock::simulated(Timestamp::from_millis(1_700_000_000_000)),
        rng: Rng::seeded(
            seed.wrapping_mul(31)
                .wrapping_add(u64::from(id.unsigned_abs())),
        ),
        exit: Exit::with(|code, reason| panic!("a voter ended itself: {code:?}: {reason}")),
    };
    let transport = Arc::new(TcpTransport::default());
    let mut options = RaftOptions::new(env.clone(), "/raft".into(), member(id), transport);
    options.cluster_id = Some(cluster_id());
    let raft = RaftNode::start(options).await?;
    let controller = Controller::new(ControllerSettings {
        voters: VOTERS.map(NodeId::new).to_vec(),
        ..ControllerSettings::default()
    });
    let controller = controller_runtime::start(&env, &raft, controller);
    let handle = Handle {
        raft: raft.clone(),
        controller,
    };
    handles
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(id, handle);
    if id == VOTERS[0] {
        let members = VOTERS
            .into_iter()
            .map(|id| (member(id), Address(format!("{}:{PORT}", host(id)))))
            .collect();
        raft.initialize(members).await?;
    }
    transport::serve(raft, PORT).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s04_a_topic_is_created_while_the_old_leader_is_isolated_and_all_images_become_equal() {
        for seed in 1..=5 {
            let events = isolate_the_leader(seed);
            assert!(events.contains("all images are equal"), "{events}");
        }
    }

    #[test]
    fn a_seed_run_twice_gives_the_same_event_log() {
        for seed in [1, 42] {
            let first = isolate_the_leader(seed);
            let again = isolate_the_leader(seed);
            assert_eq!(first, again, "seed {seed}");
        }
        assert_ne!(isolate_the_leader(1), isolate_the_leader(42));
    }
}
