//! The simulation of a node: that it repeats itself, that it is clean, and that it can fail.

use chronik_sim::node_scenario::{Variant, run};

fn assert_clean(seeds: impl Iterator<Item = u64>) {
    let mut compacted = false;
    for seed in seeds {
        let report = run(seed, Variant::Honest);
        compacted |= report.offsets_compacted;
        assert!(
            report.violations.is_empty(),
            "{}\n{:#?}\nreplay: cargo xtask sim --seed {seed} --log",
            report.summary(),
            report.violations
        );
    }
    assert!(compacted, "no seed compacts the committed offsets");
}

#[test]
fn a_seed_run_twice_gives_the_same_log_and_another_one_another() {
    let first = run(1, Variant::Honest);
    let again = run(1, Variant::Honest);
    let lines = first.log.text().lines().zip(again.log.text().lines());
    for (first, again) in lines {
        assert_eq!(first, again);
    }
    assert_eq!(first.log.hash(), again.log.hash());
    assert_ne!(first.log.hash(), run(2, Variant::Honest).log.hash());
}

// Two tests, so that two cores share them.
#[test]
fn a_node_keeps_its_promises_through_crashes_and_failing_disks_seeds_1_to_10() {
    assert_clean(1..=10);
}

#[test]
fn a_node_keeps_its_promises_through_crashes_and_failing_disks_seeds_11_to_20() {
    assert_clean(11..=20);
}

#[test]
fn a_journal_whose_syncs_are_lies_is_found_out() {
    let found: Vec<String> = (1..=5)
        .flat_map(|seed| run(seed, Variant::LyingJournal).violations)
        .collect();
    let names = |kinds: [&str; 2]| {
        let is_one = |v: &String| kinds.iter().any(|kind| v.starts_with(kind));
        found.iter().any(is_one)
    };
    assert!(
        names(["lost write", "unseen write"]),
        "five seeds of a lying disk and nothing is lost"
    );
    assert!(
        names(["committed offset went back", "generation went back"]),
        "five seeds of a lying disk and no group has lost anything"
    );
}
