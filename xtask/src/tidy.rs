//! `cargo xtask tidy`: the house rules that a machine can check.
//!
//! Reads the tree once into memory; every rule is a pure function from files to findings, so that
//! each can be tested on a few lines of text. Rules about code look at it without its comments and
//! strings: prose may name what code must not use.

mod code;
mod layers;
mod rules;
#[cfg(test)]
mod tests;

use crate::process::root;
use std::fmt;
use std::path::Path;

/// A file of the repository: its path from the root with forward slashes, and its text.
pub(crate) struct SourceFile {
    path: String,
    text: String,
}

/// One broken rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    /// Counted from 1; 0 when the finding is about the whole file.
    line: usize,
    what: String,
}

/// What tidy has to say.
pub(crate) struct Report {
    findings: Vec<Finding>,
    /// Long files, which only their writers can judge.
    remarks: Vec<Finding>,
    files: usize,
}

/// Folders that hold nothing of ours; in a second worktree `.git` is a file.
const SKIPPED: &[&str] = &[
    "target",
    ".git",
    "node_modules",
    "__pycache__",
    "chronik-data",
];

/// Checks the checkout.
pub(crate) fn check() -> Report {
    let mut files = Vec::new();
    read_tree(root(), "", &mut files);
    check_files(&files)
}

fn check_files(files: &[SourceFile]) -> Report {
    let mut findings = rules::check(files);
    findings.extend(layers::check(files));
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    Report {
        findings,
        remarks: rules::long_files(files),
        files: files.len(),
    }
}

fn read_tree(folder: &Path, below: &str, files: &mut Vec<SourceFile>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() {
            name.clone()
        } else {
            format!("{below}/{name}")
        };
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if SKIPPED.contains(&name.as_str()) {
            continue;
        }
        if kind.is_dir() {
            read_tree(&entry.path(), &path, files);
        } else if kind.is_file()
            // Test vectors and the like are no text; nothing here is about them.
            && let Ok(text) = std::fs::read_to_string(entry.path())
        {
            files.push(SourceFile { path, text });
        }
    }
}

impl SourceFile {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn is_generated(&self) -> bool {
        self.path.contains("/generated/")
    }

    /// The crate below `crates/` that the file belongs to.
    fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// Tests that stand in files of their own.
    fn is_test(&self) -> bool {
        let folder = ["/tests/", "/benches/", "/examples/"];
        folder.iter().any(|f| self.path.contains(f))
            || self.path.ends_with("tests.rs")
            || self.path.ends_with("_test.rs")
    }
}

impl Report {
    pub(crate) fn verdict(&self) -> Result<(), String> {
        match self.findings.len() {
            0 => Ok(()),
            n => Err(format!("tidy: {n} findings in {} files", self.files)),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for remark in &self.remarks {
            writeln!(f, "note: {}: {}", remark.path, remark.what)?;
        }
        for finding in &self.findings {
            match finding.line {
                0 => writeln!(f, "{}: {}", finding.path, finding.what)?,
                line => writeln!(f, "{}:{line}: {}", finding.path, finding.what)?,
            }
        }
        writeln!(
            f,
            "tidy: {} files, {} findings",
            self.files,
            self.findings.len()
        )
    }
}
