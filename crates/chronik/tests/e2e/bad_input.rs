//! What no client should send or do: each is answered as Kafka 4.3.1 answers it, or refused with
//! a line that says why, within bounded memory, and the node goes on serving others.

mod batches;
mod frames;
mod half_open;
mod mutated;
mod unread;

use crate::node::Node;

/// The budget of these tests' nodes, in bytes: small, so that what is not charged shows.
const BUDGET: usize = 64 << 20;
/// What a node takes besides its budget, in MiB. The release build's bound is 32; this build is
/// not optimised and takes 39 before the first client comes.
const REST_MIB: usize = 48;

/// A node with a small budget, and settings of a test's own as lines of its file.
fn start(dir: &tempfile::TempDir, settings: &str) -> Node {
    start_with_budget(dir, BUDGET, settings)
}

fn start_with_budget(dir: &tempfile::TempDir, budget: usize, settings: &str) -> Node {
    let file = dir.path().join("chronik.toml");
    let text = format!("\"chronik.memory.budget.bytes\" = {budget}\n{settings}\n");
    std::fs::write(&file, text).unwrap();
    let data = dir.path().join("data");
    Node::start_with(&data, &["--config", file.to_str().unwrap()])
}

/// Memory never went above what the node takes itself and its budget.
fn assert_bounded(node: &Node, budget: usize) {
    let kib = node.vm_hwm_kib();
    let max = (REST_MIB << 10) + (budget >> 10);
    println!("VmHWM {kib} KiB of {max}");
    assert!(kib < max, "VmHWM is {kib} KiB, the bound {max}");
}
