//! `chronik completions SHELL`.

use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;

use super::Outcome;

pub(super) fn command() -> Command {
    Command::new("completions")
        .about("Print a completion script for a shell")
        .arg(
            Arg::new("shell")
                .required(true)
                .value_parser(value_parser!(Shell))
                .help("bash, zsh, fish, elvish or powershell"),
        )
}

pub(super) fn run(args: &ArgMatches) -> Outcome {
    let shell = *args
        .get_one::<Shell>("shell")
        .expect("clap requires the shell");
    clap_complete::generate(
        shell,
        &mut super::command(),
        "chronik",
        &mut std::io::stdout(),
    );
    Ok(())
}
