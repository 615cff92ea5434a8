//! A sole voter: leads, applies, restarts from log and snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use chronik_controller::{MetadataEntry, MetadataImage, MetadataRecord};
use chronik_io::fs::SimDisk;
use chronik_types::{LogIndex, ProducerId};

use super::RaftNode;
use crate::error::ProposeError;
use crate::options::RaftOptions;
use crate::testing::{dir, disk, env, no_exit};
use crate::transport::NoTransport;
use crate::types::{Address, Member};

async fn start(disk: &SimDisk) -> RaftNode {
    let me = Member::from(1);
    let mut options = RaftOptions::new(env(disk, no_exit()), dir(), me, Arc::new(NoTransport));
    options.keep_entries = 2;
    RaftNode::start(options).await.expect("starts")
}

/// A test that waits for what never comes fails after a minute of virtual time.
async fn in_time<T>(wait: impl Future<Output = T>) -> T {
    let minute = std::time::Duration::from_secs(60);
    tokio::time::timeout(minute, wait)
        .await
        .expect("it happens within a minute")
}

async fn term_as_leader(node: &RaftNode) -> u64 {
    let mut leadership = node.leadership();
    let led = in_time(leadership.wait_for(|now| now.is_local)).await;
    led.expect("the node runs").term
}

/// Writes a barrier and then `count` producer-id blocks.
async fn write(node: &RaftNode, count: i64) -> Arc<MetadataImage> {
    let term = term_as_leader(node).await;
    let mut applied = node
        .propose(term, MetadataEntry::barrier())
        .await
        .expect("applied");
    for _ in 0..count {
        let next = ProducerId::new(applied.image.next_producer_id().get() + 1000);
        let records = vec![MetadataRecord::ProducerIdsAllocated { next }];
        let entry = MetadataEntry::decided(applied.index, records);
        applied = node.propose(term, entry).await.expect("applied");
    }
    applied.image
}

fn alone() -> BTreeMap<Member, Address> {
    BTreeMap::from([(Member::from(1), Address::default())])
}

#[tokio::test(start_paused = true)]
async fn a_sole_voter_leads_at_once_and_applies_what_it_writes() {
    let disk = disk();
    let node = start(&disk).await;
    let before = tokio::time::Instant::now();
    assert!(node.initialize(alone()).await.expect("initialises"));
    assert!(
        !node
            .initialize(alone())
            .await
            .expect("leaves a log as it is")
    );
    let image = write(&node, 3).await;
    assert!(before.elapsed().as_millis() < 50, "{:?}", before.elapsed());
    assert_eq!(image.next_producer_id(), ProducerId::new(3000));
    assert_eq!(**node.image().borrow(), *image);
    assert_eq!(node.metrics().applied, image.applied());
    node.read_barrier().await.expect("it leads");
}

#[tokio::test(start_paused = true)]
async fn an_entry_decided_on_another_state_is_a_conflict_and_changes_nothing() {
    let disk = disk();
    let node = start(&disk).await;
    node.initialize(alone()).await.expect("initialises");
    let image = write(&node, 2).await;
    let term = term_as_leader(&node).await;
    let stale = LogIndex::new(image.last_decision().expect("decided").get() - 1);
    let records = vec![MetadataRecord::ProducerIdsAllocated {
        next: ProducerId::new(9),
    }];
    let entry = MetadataEntry::decided(stale, records);
    let error = node.propose(term, entry).await.expect_err("refused");
    assert_eq!(error, ProposeError::Conflict);
    assert_eq!(
        node.image().borrow().next_producer_id(),
        image.next_producer_id()
    );
}

#[tokio::test(start_paused = true)]
async fn a_proposal_of_an_earlier_term_is_refused() {
    let disk = disk();
    let node = start(&disk).await;
    node.initialize(alone()).await.expect("initialises");
    let term = term_as_leader(&node).await;
    let error = node.propose(term + 1, MetadataEntry::barrier()).await;
    assert!(
        matches!(error, Err(ProposeError::NotLeader { .. })),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_restart_from_the_log_gives_the_same_image() {
    let disk = disk();
    let node = start(&disk).await;
    node.initialize(alone()).await.expect("initialises");
    let image = write(&node, 5).await;
    drop(node);
    disk.crash_losing_unsynced();

    let node = start(&disk).await;
    let applied = image.applied().expect("applied");
    let again = in_time(node.wait_applied(applied))
        .await
        .expect("reaches it");
    assert_eq!(again.next_producer_id(), image.next_producer_id());
    assert_eq!(again.last_decision(), image.last_decision());
}

#[tokio::test(start_paused = true)]
async fn a_restart_from_a_snapshot_and_the_log_behind_it_gives_the_same_image() {
    let disk = disk();
    let node = start(&disk).await;
    node.initialize(alone()).await.expect("initialises");
    write(&node, 10).await;
    node.snapshot().await;
    while node.metrics().snapshot.is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let image = write(&node, 2).await;
    node.shutdown().await;
    drop(node);
    disk.crash_losing_unsynced();

    let node = start(&disk).await;
    let applied = image.applied().expect("applied");
    let again = in_time(node.wait_applied(applied))
        .await
        .expect("reaches it");
    assert_eq!(again.next_producer_id(), image.next_producer_id());
    assert!(node.metrics().snapshot.is_some());
    // What it writes now builds on both.
    let image = write(&node, 1).await;
    assert_eq!(image.next_producer_id(), ProducerId::new(13_000));
}

#[tokio::test(start_paused = true)]
async fn a_hung_sync_is_reported_as_the_step_persist() {
    let disk = disk();
    let node = start(&disk).await;
    node.initialize(alone()).await.expect("initialises");
    write(&node, 1).await;
    let term = term_as_leader(&node).await;
    disk.inject("*", chronik_io::fs::sim::Fault::HungSync);
    let error = node.propose(term, MetadataEntry::barrier()).await;
    assert_eq!(
        error.expect_err("stalls"),
        ProposeError::Stalled { step: "persist" }
    );
}
