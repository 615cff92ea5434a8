//! Hands the commit to `chronik --version`.

use std::path::Path;
use std::process::Command;

fn main() {
    let commit = git(&["--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=BUILD_COMMIT={commit}");
    println!("cargo::rerun-if-changed=build.rs");
    // Git says where these are: a worktree has its own elsewhere. A file that is not there must
    // not be named, or this runs in every build. HEAD's log tells every move of this checkout
    // alone; without one, any branch's move counts.
    let path = |name| git(&["--git-path", name]).filter(|path| Path::new(path).exists());
    let moves = path("logs/HEAD").or_else(|| path("refs"));
    for file in path("HEAD").into_iter().chain(moves) {
        println!("cargo::rerun-if-changed={file}");
    }
}

/// What `git rev-parse` says, if this is a checkout and git is there.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("rev-parse")
        .args(arguments)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned())
}
