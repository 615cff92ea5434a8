//! Child processes: logged, bounded by a deadline, and gone when the task runner is gone.
//!
//! Absent: no shell. Standard input is always closed, so that nothing waits for a person.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The repository's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the repository's folder")
}

/// Everything that tasks write goes below this folder.
pub(crate) fn target() -> PathBuf {
    root().join("target")
}

/// Where cargo puts a binary of a profile; the one called dev has the folder `debug`.
pub(crate) fn built(profile: &str, name: &str) -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(target, PathBuf::from);
    root().join(folder).join(profile).join(name)
}

/// The machine that gates a change: a missing tool is a failure there, not a skipped suite.
pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}

/// A command in the repository's folder that the kernel kills when the task runner dies.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    static SETPRIV: OnceLock<bool> = OnceLock::new();
    let usable = *SETPRIV.get_or_init(|| {
        let mut probe = Command::new("setpriv");
        probe.args(["--pdeathsig", "KILL", "true"]);
        succeeds(&mut probe)
    });
    let mut command = if usable {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// The cargo that runs us.
pub(crate) fn cargo<const N: usize>(args: [&str; N]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = command(cargo);
    command.args(args);
    command
}

/// Whether a short command exits with 0; its output is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Whether the program is on the search path.
pub(crate) fn installed(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}

/// Opens a log for more lines, and its folder.
pub(crate) fn open_log(log: &Path) -> Result<File, String> {
    if let Some(folder) = log.parent() {
        create_dir(folder)?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .map_err(|e| format!("cannot open {}: {e}", log.display()))
}

pub(crate) fn create_dir(folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|e| format!("cannot create {}: {e}", folder.display()))
}

/// Runs a command to its end with both outputs in the log.
pub(crate) fn run_logged(
    command: &mut Command,
    log: &Path,
    deadline: Duration,
) -> Result<(), String> {
    let shown = show(command);
    let out = open_log(log)?;
    let err = out
        .try_clone()
        .map_err(|e| format!("cannot share {}: {e}", log.display()))?;
    let mut child = command
        .stdout(out)
        .stderr(err)
        .spawn()
        .map_err(|e| format!("cannot start {shown}: {e}"))?;
    match wait(&mut child, deadline) {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(format!("{shown}: {status}")),
        None => Err(format!("{shown}: not done after {} s", deadline.as_secs())),
    }
}

/// Runs a command to its end with its outputs shown, however long it takes.
pub(crate) fn run_shown_to_end(command: &mut Command) -> Result<(), String> {
    let shown = show(command);
    let status = command.status();
    match status.map_err(|e| format!("cannot start {shown}: {e}"))? {
        status if status.success() => Ok(()),
        status => Err(format!("{shown}: {status}")),
    }
}

/// Waits for a child; past the deadline it is killed with all its descendants.
pub(crate) fn wait(child: &mut Child, deadline: Duration) -> Option<ExitStatus> {
    let end = Instant::now() + deadline;
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() >= end {
            kill_tree(child.id());
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Asks a child to stop, and kills it when it does not within the deadline.
pub(crate) fn stop(child: &mut Child, deadline: Duration) -> Option<ExitStatus> {
    signal("TERM", child.id());
    wait(child, deadline)
}

/// Sends a signal to one process.
pub(crate) fn signal(name: &str, pid: u32) {
    let mut kill = Command::new("kill");
    kill.args([format!("-{name}"), pid.to_string()]);
    let _ = succeeds(&mut kill);
}

/// Kills a process and what it started, by what the kernel says are its descendants.
fn kill_tree(pid: u32) {
    let mut doomed = vec![pid];
    let mut next = 0;
    let parents = parents();
    while next < doomed.len() {
        let parent = doomed[next];
        doomed.extend(
            parents
                .iter()
                .filter(|(_, p)| *p == parent)
                .map(|(c, _)| *c),
        );
        next += 1;
    }
    for pid in doomed {
        signal("KILL", pid);
    }
}

/// (process, parent) of every process.
fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pid_of = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    entries
        .flatten()
        .filter_map(pid_of)
        .filter_map(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The command's name may hold spaces and brackets; the parent is the second field after it.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?;
            Some((pid, parent.parse().ok()?))
        })
        .collect()
}

/// The command as a person would type it, without the wrapper.
fn show(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|a| a.to_string_lossy().into_owned()));
    if words[0] == "setpriv" {
        words.drain(..3);
    }
    if let Some(name) = Path::new(&words[0]).file_name() {
        words[0] = name.to_string_lossy().into_owned();
    }
    words.join(" ")
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path, lines: usize) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_past_its_deadline_is_killed_with_its_children() {
        let folder = target().join("verify");
        create_dir(&folder).expect("target is writable");
        let log = folder.join(format!("deadline-{}.log", std::process::id()));
        let mut command = command("sh");
        command.args(["-c", "sleep 61.5 & sleep 61.5"]);
        let late = run_logged(&mut command, &log, Duration::from_millis(300));
        assert_eq!(
            late,
            Err("sh -c sleep 61.5 & sleep 61.5: not done after 0 s".to_owned())
        );
        let left = parents().into_iter().any(|(pid, _)| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line == b"sleep\x0061.5\0"
        });
        assert!(!left, "no child outlives its deadline");
        std::fs::remove_file(log).expect("the log was written");
    }
}
