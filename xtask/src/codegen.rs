//! Makes `crates/chronik-protocol/src/generated/` from the schema table.
//!
//! Everything is written below `target/codegen` and formatted there first, so that checking
//! and writing compare the same text and a failed run leaves the tree as it was.

mod emit;
mod rust;
mod schema;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Writes the generated files, or with `check` only compares them.
pub(crate) fn run(check: bool) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let crate_root = root.join("crates/chronik-protocol");
    let table = crate_root.join("schema/messages.txt");
    let text = fs::read_to_string(&table).map_err(|e| format!("{}: {e}", table.display()))?;
    let messages = schema::parse(&text).map_err(|e| format!("{}: {e}", table.display()))?;

    let wanted = format(&root.join("target/codegen"), &emit::files(&messages)?)?;
    let source = crate_root.join("src");
    let present = read_tree(&source)?;
    if check {
        let stale: BTreeSet<&str> = wanted
            .keys()
            .chain(present.keys())
            .filter(|path| wanted.get(*path) != present.get(*path))
            .map(|path| path.to_str().unwrap_or("?"))
            .collect();
        return match stale.first() {
            None => Ok(()),
            Some(first) => Err(format!(
                "crates/chronik-protocol/src/{first} is not what schema/messages.txt makes \
                 ({} such files): run `cargo xtask codegen`",
                stale.len()
            )),
        };
    }
    for path in present.keys().filter(|path| !wanted.contains_key(*path)) {
        fs::remove_file(source.join(path)).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    for (path, text) in &wanted {
        // An unchanged file keeps its time stamp, so cargo does not build again for nothing.
        if present.get(path) != Some(text) {
            write(&source.join(path), text)?;
        }
    }
    Ok(())
}

/// Writes `files` below `scratch`, lets rustfmt loose on them and reads them back.
fn format(
    scratch: &Path,
    files: &BTreeMap<PathBuf, String>,
) -> Result<BTreeMap<PathBuf, String>, String> {
    if scratch.exists() {
        fs::remove_dir_all(scratch).map_err(|e| format!("{}: {e}", scratch.display()))?;
    }
    for (path, text) in files {
        write(&scratch.join(path), text)?;
    }
    let status = Command::new("rustfmt")
        .args(["--edition", "2024"])
        .arg(scratch.join(emit::ROOT))
        .status()
        .map_err(|e| format!("rustfmt: {e}"))?;
    if !status.success() {
        return Err(format!("rustfmt: {status}"));
    }
    read_tree(scratch)
}

/// `generated.rs` and `generated/*.rs` below `dir`, by their path from there.
fn read_tree(dir: &Path) -> Result<BTreeMap<PathBuf, String>, String> {
    let mut paths = vec![PathBuf::from(emit::ROOT)];
    if let Ok(entries) = fs::read_dir(dir.join(emit::DIR)) {
        for entry in entries {
            let entry = entry.map_err(|e| e.to_string())?;
            paths.push(Path::new(emit::DIR).join(entry.file_name()));
        }
    }
    let mut files = BTreeMap::new();
    for path in paths {
        if let Ok(text) = fs::read_to_string(dir.join(&path)) {
            files.insert(path, text);
        }
    }
    Ok(files)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(|e| format!("{}: {e}", parent.display()))?;
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}
