//! `chronik start`: runs a node until it is told to stop.

use std::path::Path;
use std::sync::Arc;

use chronik_io::fs::RealDisk;
use chronik_io::{Clock, Env, Exit, ExitCode, Rng};
use chronik_server::settings::{NodeConfig, SETTINGS, Source};
use chronik_server::{LogLevels, Node, StartError};
use clap::{Arg, ArgAction, ArgMatches, Command};
use tokio::signal::unix::{SignalKind, signal};

use super::config::{from_environment, from_file, resolve};
use super::{Failure, Outcome};
use crate::{logging, os};

pub(super) fn command() -> Command {
    let mut command = Command::new("start")
        .about("Run a node")
        .after_help(
            "Settings are taken from flags, then CHRONIK_* variables, then the file, then defaults. \
             `chronik config reference` lists all of them.",
        )
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .env("CHRONIK_CONFIG")
                .help("TOML file with settings under Kafka's names"),
        );
    for setting in SETTINGS {
        let Some(flag) = setting.flag else { continue };
        let default = match setting.default {
            "" => String::new(),
            default => format!(" [default: {default}]"),
        };
        command = command.arg(
            Arg::new(setting.name)
                .long(flag)
                .value_name(setting.value_name)
                .action(ArgAction::Append)
                .help(format!(
                    "{}{default} [{}, {}]",
                    setting.doc,
                    setting.name,
                    setting.variable()
                )),
        );
    }
    command
}

fn read_config(args: &ArgMatches) -> Result<NodeConfig, Failure> {
    let mut given = match args.get_one::<String>("config") {
        Some(path) => from_file(Path::new(path))?,
        None => Vec::new(),
    };
    given.extend(from_environment()?);
    for setting in SETTINGS.iter().filter(|setting| setting.flag.is_some()) {
        if let Some(values) = args.get_many::<String>(setting.name) {
            let repeatable = matches!(setting.name, "listeners" | "advertised.listeners");
            let values: Vec<&str> = values.map(String::as_str).collect();
            let value = if repeatable {
                values.join(",")
            } else {
                values.last().copied().unwrap_or_default().to_owned()
            };
            given.push((setting.name.to_owned(), value, Source::Flag));
        }
    }
    resolve(given)
}

pub(super) fn run(args: &ArgMatches) -> Outcome {
    let config = read_config(args)?;
    let levels = logging::init(
        config.text("chronik.log.level"),
        config.text("chronik.log.format"),
    )
    .map_err(|message| Failure::new(ExitCode::Usage, message))?;
    os::raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // How many polls a busy worker makes before it looks for new input and for what other
        // threads woke. The default of 61 lets one busy producer keep consumers waiting.
        .event_interval(4)
        .global_queue_interval(4)
        .build()
        .map_err(|e| Failure::new(ExitCode::Failure, format!("cannot start threads: {e}")))?;
    let outcome = runtime.block_on(serve(config, Arc::new(levels)));
    // Whatever still runs holds nothing that must be written: shutdown has done that.
    runtime.shutdown_background();
    outcome
}

async fn serve(config: NodeConfig, levels: Arc<dyn LogLevels>) -> Outcome {
    let env = Env {
        disk: Arc::new(RealDisk::new()),
        clock: Clock::real(),
        rng: Rng::from_entropy(),
        exit: Exit::process(),
    };
    let mut terminate = signals(SignalKind::terminate())?;
    let mut interrupt = signals(SignalKind::interrupt())?;
    let node = Node::start_with_log(env, config, levels).await;
    let node = node.map_err(|error| {
        let code = match error {
            StartError::DataDir(_) | StartError::Log(_) | StartError::Metadata(_) => {
                ExitCode::DataDirectory
            }
            StartError::Bind(_) => ExitCode::Address,
        };
        Failure::new(code, error.to_string())
    })?;
    let watchdog = os::Watchdog::from_environment();
    tokio::select! {
        () = node.until_ready() => os::notify("READY=1"),
        _ = terminate.recv() => return stop(node, terminate, interrupt).await,
        _ = interrupt.recv() => return stop(node, terminate, interrupt).await,
    }
    tokio::select! {
        () = watchdog.run() => unreachable!("the watchdog runs for ever"),
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    stop(node, terminate, interrupt).await
}

fn signals(kind: SignalKind) -> Result<tokio::signal::unix::Signal, Failure> {
    signal(kind)
        .map_err(|e| Failure::new(ExitCode::Failure, format!("cannot listen for signals: {e}")))
}

/// Stops cleanly; a second signal ends at once, which is safe: nothing acknowledged depends on it.
async fn stop(
    node: Node,
    mut terminate: tokio::signal::unix::Signal,
    mut interrupt: tokio::signal::unix::Signal,
) -> Outcome {
    os::notify("STOPPING=1");
    tracing::info!("stopping; a second signal ends at once");
    tokio::select! {
        () = node.shutdown() => {
            tracing::info!("stopped");
            Ok(())
        }
        _ = terminate.recv() => Err(Failure::new(ExitCode::Failure, "ended before everything was checkpointed")),
        _ = interrupt.recv() => Err(Failure::new(ExitCode::Failure, "ended before everything was checkpointed")),
    }
}
