//! The `chronik` binary: `chronik start` runs a node, the other commands are its tools.

mod cli;
mod logging;
mod os;

fn main() -> std::process::ExitCode {
    cli::run(std::env::args_os().collect())
}
