//! Each rule on the smallest file that breaks it, and on one beside it that does not.

use super::{SourceFile, check_files};

/// What tidy says about one file.
fn tidy(path: &str, text: &str) -> Vec<String> {
    let file = SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let report = check_files(&[file]);
    let line = |finding: &super::Finding| format!("{}: {}", finding.line, finding.what);
    report.findings.iter().map(line).collect()
}

fn says(path: &str, text: &str, part: &str) {
    let said = tidy(path, text);
    assert!(
        said.iter().any(|line| line.contains(part)),
        "{path} {text:?} must say {part:?}: {said:?}"
    );
}

fn silent(path: &str, text: &str) {
    assert_eq!(tidy(path, text), Vec::<String>::new(), "{path} {text:?}");
}

const LOG: &str = "crates/chronik-log/src/a.rs";

#[test]
fn a_rust_file_opens_with_its_doc() {
    says(LOG, "use a::b;\n", "opens without");
    silent(LOG, "//! A.\n");
    silent("tests/a.py", "import a\n");
}

#[test]
fn unfinished_words_fail_in_crates() {
    for word in ["FIXME", "XXX", "TODO", "CRITICAL", "Phase 2", "\u{1F680}"] {
        assert_eq!(
            tidy(LOG, &format!("//! A.\n// {word} later\n")).len(),
            1,
            "{word}"
        );
    }
    silent(LOG, "//! TODOS and a Phase of the moon -> \u{2192}\n");
    silent("xtask/src/a.rs", "//! TODO is a word.\n");
}

#[test]
fn openraft_and_turmoil_stay_behind_their_doors() {
    says(LOG, "//! A.\nuse openraft::Raft;\n", "only door");
    silent(
        "crates/chronik-raft/src/a.rs",
        "//! A.\nuse openraft::Raft;\n",
    );
    silent(
        LOG,
        "//! Not openraft.\n// openraft does this differently\n",
    );
    says(
        "crates/chronik-server/src/a.rs",
        "//! A.\nfn f() { turmoil::x() }\n",
        "seam",
    );
    silent("crates/chronik-io/src/a.rs", "//! A.\nuse turmoil::net;\n");
}

#[test]
fn the_outside_world_belongs_to_the_seam() {
    for call in [
        "std::fs::read(p)",
        "tokio::net::x()",
        "Instant::now()",
        "std::time::SystemTime::now()",
    ] {
        let text = format!("//! A.\nfn f() {{ {call} }}\n");
        says(LOG, &text, "outside the seam");
        silent("crates/chronik-io/src/a.rs", &text);
        silent("crates/chronik/src/cli/a.rs", &text);
        silent("crates/chronik-log/tests/it/a.rs", &text);
        silent("crates/chronik-log/src/a/tests.rs", &text);
    }
    silent(
        LOG,
        "//! A.\n#[cfg(test)]\nmod tests {\n fn f() { std::fs::read(p) }\n}\n",
    );
    silent(
        LOG,
        "//! A.\nfn f() { chronik_std::fs::x(); \"std::fs\" }\n",
    );
}

#[test]
fn maps_with_random_order_fail_where_they_are_simulated() {
    let import = "//! A.\nuse std::collections::{BTreeMap, HashMap};\n";
    says(LOG, import, "default hasher");
    says(
        LOG,
        "//! A.\nfn f() -> std::collections::HashSet<u8> {}\n",
        "default hasher",
    );
    silent("crates/chronik/src/a.rs", import);
    silent(
        LOG,
        "//! A.\nuse std::collections::BTreeMap;\nuse hashbrown::HashMap;\n",
    );
    silent(
        LOG,
        "//! A.\n#[cfg(test)]\nmod tests { use std::collections::HashSet; }\n",
    );
}

#[test]
fn only_the_binary_reads_the_environment() {
    let text = "//! A.\nfn f() { std::env::var(\"HOME\") }\n";
    assert_eq!(tidy(LOG, text).len(), 1);
    silent("crates/chronik/src/config.rs", text);
    silent(
        LOG,
        "//! A.\nconst V: &str = env!(\"CARGO_PKG_VERSION\");\n",
    );
}

#[test]
fn long_files_are_listed_and_longer_ones_fail() {
    let lines = |n: usize| format!("//! A.\n{}", "a\n".repeat(n - 1));
    silent(LOG, &lines(1000));
    says(LOG, &lines(1001), "1001 lines");
    silent("crates/chronik-protocol/src/generated/a.rs", &lines(5000));
    let file = |n| SourceFile {
        path: LOG.to_owned(),
        text: lines(n),
    };
    assert_eq!(check_files(&[file(800)]).remarks.len(), 0);
    assert_eq!(check_files(&[file(801)]).remarks.len(), 1);
}

#[test]
fn a_page_has_one_title() {
    silent("docs/a.md", "# A\n\n## B\n\n```sh\n# no title\n```\n");
    says("docs/a.md", "# A\n# B\n", "2 titles");
    says("docs/a.md", "text\n", "0 titles");
}

#[test]
fn nothing_names_a_place_outside() {
    let place = concat!("/wo", "rk/somewhere");
    says(
        "docs/a.md",
        &format!("# A\nsee {place}\n"),
        "outside the repository",
    );
    silent(
        "docs/a.md",
        concat!("# A\nnetwo", "rk/x and target/clients/wo", "rk/x\n"),
    );
}

#[test]
fn crates_depend_only_along_the_arrows() {
    let manifest = |name: &str, dependency: &str| {
        tidy(
            &format!("crates/{name}/Cargo.toml"),
            &format!("[package]\nname = \"{name}\"\n\n[dependencies]\n{dependency}\n"),
        )
    };
    assert_eq!(
        manifest("chronik-log", "chronik-io.workspace = true"),
        Vec::<String>::new()
    );
    assert_eq!(
        manifest("chronik-log", "chronik-server.workspace = true").len(),
        1
    );
    assert_eq!(
        manifest("chronik-io", "chronik-log = { path = \"../chronik-log\" }").len(),
        1
    );
    assert_eq!(
        manifest("chronik-server", "openraft.workspace = true").len(),
        1
    );
    assert_eq!(
        manifest("chronik-controller", "tokio.workspace = true").len(),
        1
    );
    assert_eq!(
        manifest("chronik-novelty", "bytes = \"1\"").len(),
        1,
        "a crate without a layer"
    );
}

#[test]
fn test_dependencies_may_point_back() {
    let text = "[dev-dependencies]\nchronik-server.workspace = true\n";
    silent("crates/chronik-log/Cargo.toml", text);
}

#[test]
fn pages_of_promises_name_tests_that_exist() {
    let page = |text: &str| SourceFile {
        path: "docs/invariants.md".to_owned(),
        text: format!("# A\n{text}\n"),
    };
    let file = |path: &str, text: &str| SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let rust = || file(LOG, "//! A.\nfn what_is_written_is_read() {}\n");
    let client = || {
        file(
            "tests/clients/suites/a.py",
            "@test(\"kcat.roundtrip\", X)\n",
        )
    };
    let findings = |text: &str| check_files(&[page(text), rust(), client()]).findings.len();
    assert_eq!(findings("`what_is_written_is_read` and `node.rs`"), 0);
    assert_eq!(findings("`what_is_written_is_lost`"), 1);
    assert_eq!(findings("`kcat.roundtrip` and `kcat.roundtrip.gzip`"), 0);
    assert_eq!(findings("`kcat.nothing`"), 1);
}
