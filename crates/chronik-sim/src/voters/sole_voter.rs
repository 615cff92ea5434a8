//! A lone node's way through its life: register, create a topic, restart from the log, restart from
//! a snapshot; the image is the same each time (S4, S5).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chronik_controller::{
    Controller, ControllerRequest, ControllerResponse, ControllerSettings, CreateCluster,
    MetadataImage,
};
use chronik_io::fs::SimDisk;
use chronik_io::{Clock, Env, Exit, Rng};
use chronik_raft::{Address, NoTransport, RaftNode, RaftOptions};
use chronik_types::{Durability, LogIndex, Timestamp};

use super::{cluster_id, create_topics, member, register, unfence};
use crate::controller_client::ControllerClient;
use crate::controller_runtime;

/// A test that waits for what never comes fails after a minute of virtual time.
async fn in_time<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), wait)
        .await
        .expect("it happens within a minute")
}

struct Life {
    raft: RaftNode,
    controller: ControllerClient,
}

impl Life {
    async fn start(disk: &SimDisk) -> Self {
        let env = Env {
            disk: disk.incarnation(),
            clock: Clock::simulated(Timestamp::from_millis(0)),
            rng: Rng::seeded(3),
            exit: Exit::with(|code, reason| panic!("the node ended itself: {code:?}: {reason}")),
        };
        let mut options = RaftOptions::new(
            env.clone(),
            "/data/raft".into(),
            member(1),
            Arc::new(NoTransport),
        );
        options.keep_entries = 0;
        let raft = RaftNode::start(options).await.expect("starts");
        let alone = BTreeMap::from([(member(1), Address::default())]);
        raft.initialize(alone)
            .await
            .expect("initialises or leaves it");
        let controller = Controller::new(ControllerSettings::default());
        let queue = controller_runtime::start(&env, &raft, controller);
        let mut leadership = raft.leadership();
        in_time(leadership.wait_for(|now| now.is_local))
            .await
            .expect("a sole voter leads");
        Self {
            raft,
            controller: ControllerClient::new(queue),
        }
    }

    async fn submit(&self, request: ControllerRequest) -> (LogIndex, ControllerResponse) {
        self.controller.submit(request).await.expect("it leads")
    }

    async fn register_and_unfence(&self) {
        let (index, response) = self.submit(register(1)).await;
        let ControllerResponse::RegisterBroker(Ok(incarnation)) = response else {
            panic!("another answer: {response:?}")
        };
        assert!(incarnation.get() <= index.get());
        self.submit(unfence(1, incarnation)).await;
    }

    fn image(&self) -> Arc<MetadataImage> {
        self.raft.image().borrow().clone()
    }
}

/// Everything but how long the log is.
fn contents(image: &MetadataImage) -> String {
    let brokers: Vec<_> = image.brokers().collect();
    let topics: Vec<_> = image.topics().collect();
    format!("{:?} {brokers:#?} {topics:#?}", image.cluster_id())
}

#[tokio::test(start_paused = true)]
async fn s04_a_lone_node_keeps_its_image_through_restarts_from_log_and_from_snapshot() {
    let disk = SimDisk::new();
    let life = Life::start(&disk).await;
    life.submit(ControllerRequest::CreateCluster(CreateCluster {
        cluster_id: cluster_id(),
        default_durability: Durability::QuorumFsync,
        features: vec![],
    }))
    .await;
    life.register_and_unfence().await;
    let (index, response) = life.submit(create_topics("orders")).await;
    let ControllerResponse::CreateTopics(results) = response else {
        panic!("another answer: {response:?}")
    };
    assert!(results[0].1.is_ok(), "{results:?}");
    // Read your writes: the answer comes after the image has it.
    assert!(life.image().applied() >= Some(index));
    let image = life.image();
    let topic = image.topic("orders").expect("created");
    assert!(
        topic
            .partitions()
            .all(|(_, p)| p.leader.is_some() && p.isr.len() == 1)
    );
    let written = contents(&image);
    disk.crash_losing_unsynced();

    let life = Life::start(&disk).await;
    in_time(life.raft.wait_applied(index))
        .await
        .expect("reaches it");
    assert_eq!(contents(&life.image()), written);
    life.raft.snapshot().await;
    while life.raft.metrics().snapshot.is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    disk.crash_losing_unsynced();

    let life = Life::start(&disk).await;
    in_time(life.raft.wait_applied(index))
        .await
        .expect("reaches it");
    assert!(life.raft.metrics().snapshot.is_some());
    assert_eq!(contents(&life.image()), written);
    // And it goes on from there.
    let (later, _) = life.submit(create_topics("more")).await;
    assert!(later > index);
    assert_eq!(life.image().topic_count(), 2);
}
