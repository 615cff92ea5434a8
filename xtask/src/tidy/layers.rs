//! Which crate may depend on which: the arrows of ARCHITECTURE.md, compared with the manifests.

use super::{Finding, SourceFile};

/// `a -> b` means that a may depend on b. Everything that is not here is an error.
const ALLOWED: &[(&str, &[&str])] = &[
    ("chronik-types", &[]),
    ("chronik-protocol", &["chronik-types"]),
    ("chronik-io", &["chronik-types"]),
    ("chronik-controller", &["chronik-types"]),
    ("chronik-replication", &["chronik-types"]),
    (
        "chronik-coordinator",
        &["chronik-types", "chronik-protocol"],
    ),
    (
        "chronik-log",
        &["chronik-types", "chronik-protocol", "chronik-io"],
    ),
    (
        "chronik-raft",
        &["chronik-types", "chronik-controller", "chronik-io"],
    ),
    (
        "chronik-client",
        &["chronik-types", "chronik-protocol", "chronik-io"],
    ),
    (
        "chronik-server",
        &[
            "chronik-types",
            "chronik-protocol",
            "chronik-io",
            "chronik-controller",
            "chronik-replication",
            "chronik-coordinator",
            "chronik-log",
            "chronik-raft",
            "chronik-client",
        ],
    ),
    (
        "chronik-verify",
        &[
            "chronik-types",
            "chronik-protocol",
            "chronik-io",
            "chronik-client",
        ],
    ),
    (
        "chronik",
        &[
            "chronik-types",
            "chronik-protocol",
            "chronik-io",
            "chronik-log",
            "chronik-client",
            "chronik-server",
            "chronik-verify",
        ],
    ),
    // Looks from outside: what it measures must not depend on what it links.
    (
        "chronik-accept",
        &[
            "chronik-types",
            "chronik-protocol",
            "chronik-client",
            "chronik-verify",
        ],
    ),
    // The simulator looks inside: its invariants read the state of every layer.
    (
        "chronik-sim",
        &[
            "chronik-types",
            "chronik-protocol",
            "chronik-io",
            "chronik-controller",
            "chronik-replication",
            "chronik-coordinator",
            "chronik-log",
            "chronik-raft",
            "chronik-client",
            "chronik-server",
            "chronik-verify",
        ],
    ),
];

/// Dependencies that live in one place: (package, the crates that may name it).
const CONFINED: &[(&str, &[&str])] = &[
    ("openraft", &["chronik-raft"]),
    ("turmoil", &["chronik-io", "chronik-sim"]),
    ("axum", &["chronik-server"]),
];

/// Crates without tokio, files, sockets, clock or entropy, by manifest.
const PURE: &[&str] = &[
    "chronik-types",
    "chronik-protocol",
    "chronik-controller",
    "chronik-replication",
    "chronik-coordinator",
];
const IMPURE: &[&str] = &[
    "tokio",
    "rustix",
    "rand",
    "getrandom",
    "turmoil",
    "openraft",
    "tempfile",
];

pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let manifests = files
        .iter()
        .filter(|f| f.path.starts_with("crates/") && f.path.ends_with("/Cargo.toml"));
    manifests.flat_map(check_manifest).collect()
}

fn check_manifest(manifest: &SourceFile) -> Vec<Finding> {
    let Some(name) = manifest.crate_name() else {
        return Vec::new();
    };
    let finding = |line, what| Finding {
        path: manifest.path.clone(),
        line,
        what,
    };
    let Some((_, allowed)) = ALLOWED.iter().find(|(crate_name, _)| *crate_name == name) else {
        return vec![finding(
            0,
            format!(
                "{name} is in no layer: add it to xtask/src/tidy/layers.rs and ARCHITECTURE.md"
            ),
        )];
    };
    let mut findings = Vec::new();
    let mut section = String::new();
    for (index, line) in manifest.text.lines().enumerate() {
        if let Some(header) = line.trim().strip_prefix('[') {
            section = header.trim_end_matches(']').to_owned();
            continue;
        }
        let dependency = line
            .split(['=', '.', ' '])
            .next()
            .unwrap_or_default()
            .trim();
        // Test dependencies may point anywhere cargo allows.
        if !section.ends_with("dependencies")
            || section.contains("dev-")
            || dependency.is_empty()
            || dependency.starts_with('#')
        {
            continue;
        }
        let line = index + 1;
        if dependency.starts_with("chronik") && !allowed.contains(&dependency) {
            findings.push(finding(
                line,
                format!("{name} must not depend on {dependency}"),
            ));
        }
        let confined = CONFINED.iter().find(|(package, _)| *package == dependency);
        if let Some((_, homes)) = confined.filter(|(_, homes)| !homes.contains(&name)) {
            findings.push(finding(
                line,
                format!("only {} may depend on {dependency}", homes.join(" and ")),
            ));
        }
        if PURE.contains(&name) && IMPURE.contains(&dependency) {
            findings.push(finding(
                line,
                format!("{name} is pure and must not depend on {dependency}"),
            ));
        }
    }
    findings
}
