//! One `chronik start` as a child process: ready by its log line, killed when dropped.
//!
//! Its address is reserved before it starts, so that it can come back to the same one: clients
//! that were connected find it again, and nobody else gets the port meanwhile.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::net::TcpSocket;

use crate::Failure;

/// How long a start or a stop may take on a busy machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// Lines of a node's log that a failure shows.
const TAIL_LINES: usize = 20;

/// A port of the system's choice on which nobody listens yet. While this is held no other process
/// is given the port, and no connection of our own can begin at it; a node may still listen there.
#[derive(Debug)]
pub struct Reserved {
    address: SocketAddr,
    _holder: TcpSocket,
}

impl Reserved {
    /// Chooses a port. Has to be called within a runtime.
    pub fn new() -> Result<Self, Failure> {
        let reserve = || {
            let holder = TcpSocket::new_v4()?;
            holder.set_reuseaddr(true)?;
            holder.bind((Ipv4Addr::LOCALHOST, 0).into())?;
            Ok((holder.local_addr()?, holder))
        };
        let (address, holder) = reserve().map_err(Failure::io("cannot reserve a port"))?;
        Ok(Self {
            address,
            _holder: holder,
        })
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    child: Child,
    /// Where it serves Kafka's clients.
    pub kafka: String,
    /// Where it serves health and metrics.
    pub http: String,
    lines: mpsc::Receiver<String>,
    tail: VecDeque<String>,
}

impl Node {
    /// Starts the binary and waits until it says that it is ready. `environment` has settings that
    /// are no flags; nothing else of our own environment reaches the node.
    pub fn start(
        binary: &Path,
        data_dir: &Path,
        at: &Reserved,
        environment: &[(&str, &str)],
    ) -> Result<Self, Failure> {
        let mut node = Self::spawn(binary, data_dir, at, environment)?;
        node.wait_ready()?;
        Ok(node)
    }

    /// Starts the binary and returns at once.
    pub fn spawn(
        binary: &Path,
        data_dir: &Path,
        at: &Reserved,
        environment: &[(&str, &str)],
    ) -> Result<Self, Failure> {
        let kafka = at.address();
        let mut child = Command::new(binary)
            .args(["start", "--http", "127.0.0.1:0", "--listen", &kafka])
            .arg("--data-dir")
            .arg(data_dir)
            .env_clear()
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(Failure::io(binary.display()))?;
        let stderr = child.stderr.take().expect("standard error is piped");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Ok(Self {
            child,
            kafka,
            http: String::new(),
            lines,
            tail: VecDeque::new(),
        })
    }

    /// Waits for the line that says so.
    pub fn wait_ready(&mut self) -> Result<(), Failure> {
        loop {
            let line = self.next_line("ready")?;
            if let Some(address) = field(&line, "http=") {
                self.http = address;
            }
            if line.contains("event=\"ready\"") {
                return Ok(());
            }
        }
    }

    fn next_line(&mut self, awaited: &str) -> Result<String, Failure> {
        let Ok(line) = self.lines.recv_timeout(DEADLINE) else {
            let seen: Vec<&str> = self.tail.iter().map(String::as_str).collect();
            let seen = seen.join("\n");
            return Err(Failure::new(format!("the node is not {awaited}:\n{seen}")));
        };
        if self.tail.len() == TAIL_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(line.clone());
        Ok(line)
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and gone when this returns.
    pub fn kill(mut self) -> Result<(), Failure> {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        killed
            .map(drop)
            .map_err(Failure::io("the node cannot be killed"))
    }

    /// SIGSTOP, and no thread of it runs any more when this returns.
    pub fn pause(&self) -> Result<(), Failure> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::STOP)
            .and_then(|()| waitpid(Some(pid), WaitOptions::UNTRACED))
            .map_err(|e| Failure::new(format!("the node cannot be paused: {e}")))?
            .filter(|(_, status)| status.stopped())
            .map(drop)
            .ok_or_else(|| Failure::new("the node died instead of pausing"))
    }

    /// SIGTERM, and gone when this returns; an error if it did not leave cleanly.
    pub fn terminate(mut self) -> Result<(), Failure> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM)
            .map_err(|e| Failure::new(format!("the node cannot be stopped: {e}")))?;
        // Its log ends with it.
        let deadline = Instant::now() + DEADLINE;
        let mut left = DEADLINE;
        while let Ok(line) = self.lines.recv_timeout(left) {
            self.tail.push_back(line);
            left = deadline.saturating_duration_since(Instant::now());
        }
        if left.is_zero() {
            return Err(Failure::new("the node does not stop"));
        }
        let status = self.child.wait().map_err(Failure::io("the node"))?;
        match status.success() {
            true => Ok(()),
            false => Err(Failure::new(format!("the node left with {status}"))),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The value after `key` in a log line, without quotes.
fn field(line: &str, key: &str) -> Option<String> {
    let start = line.find(key)? + key.len();
    let value = line[start..].split_whitespace().next()?;
    Some(value.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_a_line_is_found_with_and_without_quotes() {
        let line = "INFO listening event=\"listening\" http=127.0.0.1:4101";
        assert_eq!(field(line, "http=").as_deref(), Some("127.0.0.1:4101"));
        assert_eq!(field(line, "event=").as_deref(), Some("listening"));
        assert_eq!(field(line, "kafka="), None);
    }

    #[tokio::test]
    async fn a_reserved_port_can_be_listened_on_and_is_given_to_nobody_else() {
        let reserved = Reserved::new().unwrap();
        let first = tokio::net::TcpListener::bind(reserved.address()).await;
        drop(first.expect("the owner may listen"));
        let again = tokio::net::TcpListener::bind(reserved.address()).await;
        drop(again.expect("and again"));
        let refused = tokio::net::TcpStream::connect(reserved.address()).await;
        assert!(refused.is_err(), "nobody listens in between");
    }
}
