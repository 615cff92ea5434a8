//! The rules about single files. Each names what to use instead.

use super::code::{code_only, product_code};
use super::{Finding, SourceFile};

/// Lines in a file: above the first it is listed, above the second it fails.
const LINES_LISTED: usize = 800;
const LINES_MAX: usize = 1000;

/// The crates that are linked into the simulation, where everything has to repeat.
const SIMULATED: &[&str] = &[
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
    "chronik-sim",
];

/// Code that product crates must not contain: (text, crates that may, what to use instead).
/// The command line of `chronik`, acceptance runs and tests are exempt from the ones about the
/// outside world.
const BANNED_CODE: &[(&str, &[&str], &str)] = &[
    (
        "openraft",
        &["chronik-raft"],
        "chronik-raft is the only door to openraft",
    ),
    (
        "turmoil",
        &["chronik-io", "chronik-sim"],
        "use the seam of chronik-io",
    ),
];
const BANNED_OUTSIDE: &[(&str, &str)] = &[
    ("std::fs", "use chronik_io's file system"),
    ("tokio::fs", "use chronik_io's file system"),
    ("tokio::net", "use chronik_io's sockets"),
    ("std::net::Tcp", "use chronik_io's sockets"),
    (
        "SystemTime::now",
        "take the time as a parameter, or use chronik_io's clock",
    ),
    (
        "Instant::now",
        "take the time as a parameter, or use chronik_io's clock",
    ),
    ("spawn_blocking", "use chronik_io's disk pool"),
    ("thread::spawn", "use chronik_io's tasks"),
    ("thread::sleep", "use chronik_io's clock"),
];
const ENVIRONMENT: &[&str] = &["env::var", "env::vars", "env::set_var", "env::remove_var"];

/// Words that a finished text does not contain, with their neighbours checked.
const BANNED_WORDS: &[&str] = &["FIXME", "XXX", "TODO", "CRITICAL"];

/// Places outside the repository. Split, so that this file does not name them.
const OUTSIDE: &[&str] = &[concat!("/wo", "rk/"), concat!("../sha", "red")];

pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = pages_name_real_tests(files);
    for file in files {
        let mut check = Check {
            file,
            findings: &mut findings,
        };
        check.names_nothing_outside();
        if file.is_rust() {
            check.opens_with_its_doc();
            check.is_not_too_long();
        }
        if file.path.ends_with(".md") {
            check.has_one_title();
        }
        if file.path.starts_with("crates/") {
            check.has_no_banned_words();
            if file.is_rust() {
                check.keeps_to_its_layer();
                check.leaves_the_world_to_the_seam();
                check.has_no_random_order();
                check.reads_no_environment();
            }
        }
        if file.path.starts_with(".ci/") || file.path.starts_with("tests/cluster/") {
            check.builds_no_workspace();
        }
    }
    findings
}

/// The pages that say which test shows a promise.
const TEST_PAGES: &[&str] = &["docs/invariants.md", "docs/scenarios.md"];

/// Every test that a page of promises names exists: a Rust function, or a client test.
fn pages_name_real_tests(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let clients = || {
        files
            .iter()
            .filter(|f| f.path.starts_with("tests/clients/suites/"))
    };
    for page in files
        .iter()
        .filter(|f| TEST_PAGES.contains(&f.path.as_str()))
    {
        for (index, line) in page.text.lines().enumerate() {
            for name in line.split('`').skip(1).step_by(2) {
                let exists = if is_client_test(name) {
                    // A test with one run per codec and the like is registered without its last part.
                    let family = name.rsplit_once('.').map_or(name, |(family, _)| family);
                    let registered =
                        |f: &SourceFile, name| f.text.contains(&format!("@test(\"{name}\""));
                    clients().any(|f| registered(f, name) || registered(f, family))
                } else if is_test_name(name) {
                    let function = format!("fn {name}(");
                    files
                        .iter()
                        .any(|f| f.is_rust() && f.text.contains(&function))
                } else {
                    true
                };
                if !exists {
                    findings.push(Finding {
                        path: page.path.clone(),
                        line: index + 1,
                        what: format!("no test is called {name}"),
                    });
                }
            }
        }
    }
    findings
}

/// A sentence in snake case.
fn is_test_name(name: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.chars().all(word) && name.matches('_').count() >= 3
}

fn is_client_test(name: &str) -> bool {
    let suites = ["confluent.", "java.", "kafka_python.", "kcat."];
    suites.iter().any(|suite| name.starts_with(suite))
}

/// Files that are long enough to ask whether they are two.
pub(super) fn long_files(files: &[SourceFile]) -> Vec<Finding> {
    let lines = |file: &SourceFile| file.text.lines().count();
    let long = |file: &&SourceFile| {
        file.is_rust()
            && !file.is_generated()
            && (LINES_LISTED + 1..=LINES_MAX).contains(&lines(file))
    };
    let remark = |file: &SourceFile| Finding {
        path: file.path.clone(),
        line: 0,
        what: format!("{} lines; above {LINES_MAX} it fails", lines(file)),
    };
    files.iter().filter(long).map(remark).collect()
}

struct Check<'a> {
    file: &'a SourceFile,
    findings: &'a mut Vec<Finding>,
}

impl Check<'_> {
    fn find(&mut self, line: usize, what: impl Into<String>) {
        self.findings.push(Finding {
            path: self.file.path.clone(),
            line,
            what: what.into(),
        });
    }

    /// A finding for every line of `text` that the test accepts.
    fn find_lines(&mut self, text: &str, test: impl Fn(&str) -> bool, what: &str) {
        for (index, line) in text.lines().enumerate() {
            if test(line) {
                self.find(index + 1, what);
            }
        }
    }

    fn names_nothing_outside(&mut self) {
        for place in OUTSIDE {
            let named = |line: &str| {
                line.match_indices(place).any(|(at, _)| {
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-/}*".contains(c))
                })
            };
            self.find_lines(
                &self.file.text,
                named,
                "names a place outside the repository",
            );
        }
    }

    fn opens_with_its_doc(&mut self) {
        if !self.file.text.starts_with("//!") {
            self.find(
                1,
                "opens without `//!`: say what it is, what it keeps, what is absent",
            );
        }
    }

    fn is_not_too_long(&mut self) {
        let lines = self.file.text.lines().count();
        if lines > LINES_MAX && !self.file.is_generated() {
            self.find(
                0,
                format!("{lines} lines, at most {LINES_MAX}: give a part a room of its own"),
            );
        }
    }

    fn has_one_title(&mut self) {
        let mut fenced = false;
        let mut titles = 0;
        for line in self.file.text.lines() {
            fenced ^= line.trim_start().starts_with("```");
            titles += usize::from(!fenced && line.starts_with("# "));
        }
        if titles != 1 {
            self.find(0, format!("{titles} titles (`# `), a page has one"));
        }
    }

    fn has_no_banned_words(&mut self) {
        for word in BANNED_WORDS {
            let what = format!("{word}: do it now, or say why it is right as it is");
            self.find_lines(&self.file.text, |line| has_word(line, word), &what);
        }
        let phase = |line: &str| {
            line.match_indices("Phase ").any(|(at, found)| {
                line[at + found.len()..].starts_with(|c: char| c.is_ascii_digit())
            })
        };
        self.find_lines(
            &self.file.text,
            phase,
            "code tells what is, not when it was made",
        );
        self.find_lines(&self.file.text, |line| line.contains(is_emoji), "no emoji");
    }

    fn keeps_to_its_layer(&mut self) {
        let name = self.file.crate_name().unwrap_or_default().to_owned();
        let code = code_only(&self.file.text);
        for (text, homes, instead) in BANNED_CODE {
            if !homes.contains(&name.as_str()) {
                self.find_lines(&code, |line| has_word(line, text), instead);
            }
        }
    }

    fn leaves_the_world_to_the_seam(&mut self) {
        // The acceptance runs are about real processes, files and times.
        let exempt = ["chronik-io", "chronik", "chronik-accept"]
            .contains(&self.file.crate_name().unwrap_or_default())
            || self.file.path.starts_with("crates/chronik-sim/src/bin/")
            || self.file.path == "crates/chronik-sim/src/main.rs"
            || self.file.is_test();
        if exempt {
            return;
        }
        let code = product_code(&self.file.text);
        for (text, instead) in BANNED_OUTSIDE {
            let what = format!("{text} outside the seam: {instead}");
            self.find_lines(&code, |line| starts_word(line, text), &what);
        }
    }

    fn has_no_random_order(&mut self) {
        let simulated = SIMULATED.contains(&self.file.crate_name().unwrap_or_default());
        if !simulated || self.file.is_test() {
            return;
        }
        let code = product_code(&self.file.text);
        let imports_std = code.contains("std::collections");
        let random = |line: &str| {
            let map = has_word(line, "HashMap") || has_word(line, "HashSet");
            let default =
                line.contains("collections::") || (imports_std && line.contains("::new()"));
            (map && default) || has_word(line, "RandomState")
        };
        self.find_lines(&code, random, "a map with the default hasher has another order in every run: use BTreeMap, or a map with a fixed hasher");
    }

    fn reads_no_environment(&mut self) {
        if self.file.crate_name() == Some("chronik") || self.file.is_test() {
            return;
        }
        let code = product_code(&self.file.text);
        for text in ENVIRONMENT {
            // `env::vars` begins with `env::var`: one finding a line is enough.
            let read = |line: &str| has_word(line, text) || line.contains("env::var_os");
            self.find_lines(
                &code,
                read,
                "only the configuration of `chronik` reads the environment",
            );
        }
        self.findings.dedup();
    }

    fn builds_no_workspace(&mut self) {
        let flag = |line: &str| line.contains("cargo") && line.contains("--workspace");
        self.find_lines(
            &self.file.text,
            flag,
            "--workspace would build the product with the simulator's feature",
        );
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether the text stands in the line and does not go on a word.
fn starts_word(line: &str, text: &str) -> bool {
    line.match_indices(text)
        .any(|(at, _)| !line[..at].ends_with(is_word))
}

/// Whether the text stands in the line as a word of its own.
fn has_word(line: &str, text: &str) -> bool {
    line.match_indices(text).any(|(at, _)| {
        !line[..at].ends_with(is_word) && !line[at + text.len()..].starts_with(is_word)
    })
}

fn is_emoji(c: char) -> bool {
    matches!(u32::from(c), 0x1F000..=0x1FAFF | 0x2600..=0x27BF | 0x2B50..=0x2B55 | 0xFE0F)
}
