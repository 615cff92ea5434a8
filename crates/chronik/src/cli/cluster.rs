//! What the commands that talk to a cluster share: `--bootstrap`, connecting, and errors in words
//! that say what to do.
//!
//! Absent: TLS and passwords; and any retry beyond the client's own.

use std::future::Future;

use chronik_client::{Client, ClientError};
use chronik_io::ExitCode;
use chronik_types::ErrorCode;
use clap::{Arg, ArgMatches};

use super::{Failure, Outcome};

/// The option that says where the cluster is.
pub(super) fn bootstrap() -> Arg {
    Arg::new("bootstrap")
        .long("bootstrap")
        .alias("bootstrap-server")
        .value_name("HOST:PORT,...")
        .env("CHRONIK_BOOTSTRAP")
        .default_value("127.0.0.1:9092")
        .value_delimiter(',')
        .help("Nodes to reach the cluster through; one is enough")
}

/// Runs a command that talks to a cluster.
pub(super) fn run<F>(command: F) -> Outcome
where
    F: Future<Output = Outcome>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(ExitCode::Failure, format!("cannot start threads: {e}")))?;
    let outcome = runtime.block_on(command);
    // A thread may still wait for standard input.
    runtime.shutdown_background();
    outcome
}

/// Connects to the cluster of `--bootstrap`.
pub(super) async fn connect(args: &ArgMatches) -> Result<Client, Failure> {
    let addresses: Vec<String> = args
        .get_many::<String>("bootstrap")
        .expect("clap has a default")
        .map(|addr| addr.trim().to_owned())
        .collect();
    Client::connect(&addresses).await.map_err(explain)
}

/// An error as one line that says what to do.
pub(super) fn explain(error: ClientError) -> Failure {
    Failure::new(ExitCode::Failure, words(&error))
}

/// As [`explain`], the words alone.
pub(super) fn words(error: &ClientError) -> String {
    match error.root() {
        ClientError::Connect { addr, kind, .. }
            if *kind == std::io::ErrorKind::ConnectionRefused =>
        {
            format!(
                "nothing listens on {addr}: start a node with `chronik start`, or pass --bootstrap HOST:PORT"
            )
        }
        ClientError::Connect { addr, message, .. } => format!(
            "cannot reach {addr}: {message}; pass --bootstrap HOST:PORT of a node that can be reached from here"
        ),
        ClientError::UnknownTopic(topic) => missing(topic),
        ClientError::Refused { subject, code, .. }
            if *code == ErrorCode::UnknownTopicOrPartition && !subject.is_empty() =>
        {
            missing(subject)
        }
        ClientError::Refused { subject, code, .. } if *code == ErrorCode::TopicAlreadyExists => {
            format!("topic {subject} exists already; with --if-not-exists that is fine")
        }
        // The server's own words say what is wrong with what was asked for.
        ClientError::Refused {
            code,
            message: Some(message),
            ..
        } if !code.is_retriable() => format!("{message} ({code})"),
        ClientError::Refused { code, .. } if *code == ErrorCode::MessageTooLarge => format!(
            "a batch is larger than the topic allows ({code}): raise its max.message.bytes with `chronik topic alter`"
        ),
        ClientError::OffsetOutOfRange {
            topic,
            partition,
            offset,
        } => format!(
            "{topic}-{partition} does not hold offset {offset}: `chronik topic describe {topic}` shows what it holds"
        ),
        ClientError::Closed { addr, .. } if matches!(error, ClientError::Closed { .. }) => {
            format!("{error}; is {addr} a Kafka listener?")
        }
        _ => error.to_string(),
    }
}

fn missing(topic: &str) -> String {
    format!("topic {topic} does not exist: create it with `chronik topic create {topic}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_connection_says_how_to_start_a_node() {
        let error = ClientError::Connect {
            addr: "h:1".into(),
            kind: std::io::ErrorKind::ConnectionRefused,
            message: "refused".into(),
        };
        let expected = "nothing listens on h:1: start a node with `chronik start`, or pass --bootstrap HOST:PORT";
        assert_eq!(words(&error), expected);
        let after_a_while = ClientError::GaveUp {
            after: std::time::Duration::from_secs(30),
            last: Box::new(error),
        };
        assert_eq!(words(&after_a_while), expected);
    }

    #[test]
    fn a_missing_topic_says_how_to_create_it() {
        let error = ClientError::UnknownTopic("orders".into());
        assert!(words(&error).contains("`chronik topic create orders`"));
    }
}
