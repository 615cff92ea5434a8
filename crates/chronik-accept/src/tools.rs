//! Programs of others: whether they are there, and running them to their end.

use std::process::{Command, Stdio};

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::Failure;

/// Whether a program can be started; `probe` makes it end at once.
pub(crate) fn is_there(program: &str, probe: &str) -> bool {
    Command::new(program)
        .arg(probe)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

/// Whether this process may mount file systems, as far as its user tells.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Lets this process have as many files open as the system allows it.
pub(crate) fn raise_open_files() -> Result<(), Failure> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)
        .map_err(|e| Failure::new(format!("the limit of open files cannot be raised: {e}")))
}

/// Runs a command to its end; its complaint is the failure.
pub(crate) fn run(command: &mut Command) -> Result<String, Failure> {
    let shown = format!("{command:?}");
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(Failure::io(&shown))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(Failure::new(format!(
            "{shown}: {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        ))),
    }
}
