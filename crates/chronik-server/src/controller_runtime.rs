//! The controller's task: on the leader of the metadata log, one decision batch at a time.
//!
//! ```text
//! leadership in a term ─► barrier applied ─► [ take all queued ─► decide on scratch ─► propose
//!        ▲                                      ─► applied ─► answer ] … ─► lost: NOT_CONTROLLER
//!        └───────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Keeps I15: it starts deciding when the image has applied a barrier that it wrote itself in this
//! term, each batch names the decision it was computed on, and after any rejection the task starts
//! anew with a new barrier. Answers without records wait for the batch too, or for a read barrier:
//! they may rest on a record that is not committed yet.
//! Absent: what is decided (`chronik-controller`), and waiting for this node's own image.

use std::collections::VecDeque;
use std::time::Duration;

use chronik_controller::{
    Controller, ControllerRequest, ControllerResponse, DecisionBatch, MetadataEntry, MetadataImage,
    Random,
};
use chronik_io::{Env, Rng, task};
use chronik_raft::{Leadership, RaftNode};
use chronik_types::{LogIndex, NodeId};
use tokio::sync::{mpsc, oneshot, watch};

use crate::controller_client::ControllerError;

/// Requests that may wait for the controller's task.
const QUEUE: usize = 1024;

/// How long after a refused barrier the next one is tried, if this node still leads then.
const BARRIER_RETRY: Duration = Duration::from_millis(20);

/// A request with where its answer goes.
pub(crate) struct Submission {
    pub(crate) request: ControllerRequest,
    pub(crate) reply: oneshot::Sender<Result<(LogIndex, ControllerResponse), ControllerError>>,
}

/// The way to the controller's task.
pub(crate) type ControllerQueue = mpsc::Sender<Submission>;

/// Starts the task; it runs for ever and decides while this node leads.
pub(crate) fn start(env: &Env, raft: &RaftNode, controller: Controller) -> ControllerQueue {
    let (queue, submissions) = mpsc::channel(QUEUE);
    let runtime = Runtime {
        raft: raft.clone(),
        leadership: raft.leadership(),
        controller,
        random: Entropy(env.rng.clone()),
        submissions,
    };
    task::spawn_owner(&env.exit, "controller", runtime.run());
    queue
}

struct Runtime {
    raft: RaftNode,
    leadership: watch::Receiver<Leadership>,
    controller: Controller,
    random: Entropy,
    submissions: mpsc::Receiver<Submission>,
}

struct Entropy(Rng);

impl Random for Entropy {
    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
}

/// The task's work in one term is over.
struct TermEnded;

impl Runtime {
    async fn run(mut self) {
        while let Some(term) = self.leadership_won().await {
            // Whatever ends a term, the next begins with a barrier of its own.
            let TermEnded = self.lead(term).await;
        }
    }

    /// Waits until this node leads. What is submitted meanwhile waits too, for as long as its
    /// submitter does, until it is known that another node leads. `None` when the node ends.
    async fn leadership_won(&mut self) -> Option<u64> {
        loop {
            let leadership = *self.leadership.borrow_and_update();
            if leadership.is_local {
                return Some(leadership.term);
            }
            tokio::select! {
                changed = self.leadership.changed() => changed.ok()?,
                submission = self.submissions.recv(), if leadership.leader.is_some() => {
                    let leader = leadership.leader.map(|member| member.node_id);
                    refuse(submission?, leader);
                }
            }
        }
    }

    async fn lead(&mut self, term: u64) -> TermEnded {
        let Ok(barrier) = self.raft.propose(term, MetadataEntry::barrier()).await else {
            // Leadership may have gone without our having heard of it; or it is being handed over.
            tokio::time::sleep(BARRIER_RETRY).await;
            return TermEnded;
        };
        tracing::info!(event = "controller_active", term, index = %barrier.index, "this node is the active controller");
        let mut image = barrier.image;
        let mut queued = VecDeque::new();
        loop {
            if queued.is_empty() {
                match self.next_submission(term).await {
                    Ok(submission) => queued.push_back(submission),
                    Err(ended) => return ended,
                }
            }
            while queued.len() < QUEUE
                && let Ok(submission) = self.submissions.try_recv()
            {
                queued.push_back(submission);
            }
            queued.make_contiguous().sort_by_key(|s| s.request.order());
            match self.decide(term, &image, &mut queued).await {
                Ok(newer) => image = newer,
                Err(ended) => {
                    queued
                        .into_iter()
                        .for_each(|submission| refuse(submission, None));
                    return ended;
                }
            }
        }
    }

    async fn next_submission(&mut self, term: u64) -> Result<Submission, TermEnded> {
        loop {
            tokio::select! {
                changed = self.leadership.changed() => {
                    let leadership = *self.leadership.borrow();
                    if changed.is_err() || !leadership.is_local || leadership.term != term {
                        return Err(TermEnded);
                    }
                }
                submission = self.submissions.recv() => return submission.ok_or(TermEnded),
            }
        }
    }

    /// Decides as much of the queue as one entry holds, and answers it. The image afterwards.
    async fn decide(
        &mut self,
        term: u64,
        image: &std::sync::Arc<MetadataImage>,
        queued: &mut VecDeque<Submission>,
    ) -> Result<std::sync::Arc<MetadataImage>, TermEnded> {
        let mut batch = DecisionBatch::new(&self.controller, image);
        let mut decided = Vec::new();
        while let Some(submission) = queued.pop_front() {
            match batch.decide(&submission.request, &mut self.random) {
                Ok(response) => decided.push((submission.reply, response)),
                Err(full) if full.never_fits => {
                    let _ = submission.reply.send(Err(ControllerError::TooLarge));
                }
                Err(_) => {
                    queued.push_front(submission);
                    break;
                }
            }
        }
        if batch.is_empty() {
            let Ok(()) = self.raft.read_barrier().await else {
                lost(decided);
                return Err(TermEnded);
            };
            let index = image.applied().unwrap_or_default();
            for (reply, response) in decided {
                let _ = reply.send(Ok((index, response)));
            }
            return Ok(std::sync::Arc::clone(image));
        }
        let assumed = batch.assumed();
        match self.raft.propose(term, batch.into_entry()).await {
            Ok(applied) => {
                tracing::trace!(target: "chronik::metadata", index = %applied.index, requests = decided.len(), "answered");
                for (reply, response) in decided {
                    let response = response.settle(assumed, applied.index);
                    // A caller that gave up has its timeout already.
                    let _ = reply.send(Ok((applied.index, response)));
                }
                Ok(applied.image)
            }
            Err(error) => {
                tracing::warn!(event = "decision_rejected", term, %error, "the outcome of a metadata change is unknown");
                lost(decided);
                Err(TermEnded)
            }
        }
    }
}

type Reply = oneshot::Sender<Result<(LogIndex, ControllerResponse), ControllerError>>;

fn lost(decided: Vec<(Reply, ControllerResponse)>) {
    for (reply, _) in decided {
        let _ = reply.send(Err(ControllerError::NotController { leader: None }));
    }
}

fn refuse(submission: Submission, leader: Option<NodeId>) {
    let _ = submission
        .reply
        .send(Err(ControllerError::NotController { leader }));
}
