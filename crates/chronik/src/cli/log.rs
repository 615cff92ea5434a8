//! `chronik log dump|check PATH`: looks into the files of a stopped node, and changes nothing.

use std::path::Path;

use chronik_io::ExitCode;
use chronik_io::fs::RealDisk;
use chronik_log::inspect::{Inspection, inspect};
use clap::{Arg, ArgMatches, Command};

use super::output::Output;
use super::{Failure, Outcome};

pub(super) fn command() -> Command {
    let path = || {
        Arg::new("PATH")
            .required(true)
            .help("A file (.log, .index, .timeindex, .snapshot, .journal, leader-epoch-checkpoint) or a directory of them")
    };
    Command::new("log")
        .about("Look into the log files of a stopped node; nothing is changed")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("dump")
                .about("Print a line for every batch, entry and record")
                .arg(path()),
        )
        .subcommand(
            Command::new("check")
                .about("Check every checksum and order; name the first bad byte of each file")
                .after_help("Exit codes: 0 no damage; 3 damage.")
                .arg(path()),
        )
}

pub(super) fn run(args: &ArgMatches) -> Outcome {
    let (print, args) = match args.subcommand() {
        Some(("dump", args)) => (true, args),
        Some(("check", args)) => (false, args),
        _ => unreachable!("clap requires one of the subcommands"),
    };
    let path: &String = args.get_one("PATH").expect("clap requires the path");
    let mut out = Output::new();
    let inspection = look(Path::new(path), |line| match print {
        true => out.line(line),
        false => Ok(()),
    })?;
    if !print {
        for damage in &inspection.damage {
            out.line(&damage.to_string())?;
        }
        out.line(&format!("{} files checked", inspection.files))?;
    }
    out.flush()?;
    match inspection.damage.len() {
        0 => Ok(()),
        count => Err(Failure::new(
            ExitCode::DataDirectory,
            format!("{path}: {count} damaged files"),
        )),
    }
}

/// Reads everything under `path`, a line at a time.
fn look(path: &Path, mut line: impl FnMut(&str) -> Outcome) -> Result<Inspection, Failure> {
    let shown = path.display();
    if let Err(error) = std::fs::metadata(path) {
        return Err(Failure::new(
            ExitCode::Failure,
            format!("cannot read {shown}: {error}"),
        ));
    }
    let mut outcome = Ok(());
    let mut each = |text: &str| {
        if outcome.is_ok() {
            outcome = line(text);
        }
    };
    let inspection = inspect(&RealDisk::new(), path, &mut each)
        .map_err(|error| Failure::new(ExitCode::DataDirectory, error.to_string()))?;
    outcome?;
    if inspection.files == 0 {
        return Err(Failure::new(
            ExitCode::Failure,
            format!(
                "{shown} holds no log files: name a partition's directory, a journal or a file"
            ),
        ));
    }
    Ok(inspection)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent(path: &Path) -> Result<Inspection, Failure> {
        look(path, |_| Ok(()))
    }

    #[test]
    fn a_path_without_log_files_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let failure = silent(dir.path()).unwrap_err();
        assert!(failure.message.contains("holds no log files"));
        let failure = silent(&dir.path().join("missing")).unwrap_err();
        assert!(failure.message.contains("cannot read"));
    }

    #[test]
    fn damage_is_found_and_sound_files_pass() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("00000000000000000000.index"), [0; 8]).unwrap();
        assert_eq!(silent(dir.path()).unwrap().damage, []);
        std::fs::write(dir.path().join("00000000000000000000.log"), [7; 100]).unwrap();
        let inspection = silent(dir.path()).unwrap();
        assert_eq!((inspection.files, inspection.damage.len()), (2, 1));
    }
}
