//! One Chronik node as a child process, for the suites that need a running broker.
//!
//! Ready is an event: the node prints the addresses it chose and then that it is ready, and then
//! `/readyz` answers 200. The node stops when this is dropped, and dies with the task runner.

use crate::process::{self, open_log, wait};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const READY_MAX: Duration = Duration::from_secs(30);
const STOP_MAX: Duration = Duration::from_secs(20);

pub(crate) struct Node {
    child: Child,
    pub(crate) kafka: String,
    http: Option<String>,
}

/// Where a node listens, as far as its lines have told.
#[derive(Default)]
struct Announced {
    kafka: Option<String>,
    http: Option<String>,
}

impl Announced {
    /// Takes one line of the node's standard error; true once it says that the node is ready.
    fn hear(&mut self, line: &str) -> bool {
        let words = || line.split(|c: char| c.is_whitespace() || c == ',');
        if let Some(at) = words().position(|word| word == "listening") {
            for word in words().skip(at + 1) {
                let word = word.trim_matches('"');
                if let Some(address) = word.strip_prefix("kafka=") {
                    self.kafka = Some(address.to_owned());
                } else if let Some(address) = word.strip_prefix("http=") {
                    self.http = Some(address.to_owned());
                }
            }
        }
        let Some(kafka) = &self.kafka else {
            return false;
        };
        words().any(|word| word == "ready") && line.contains(kafka.as_str())
    }
}

impl Node {
    /// Starts a binary on an empty data directory and waits until it is ready; the command's words
    /// so far say which binary and how.
    pub(crate) fn start_by(mut binary: Command, data: &Path, log: &Path) -> Result<Self, String> {
        let mut child = binary
            .arg("start")
            .arg("--data-dir")
            .arg(data)
            .args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"])
            .stdout(open_log(log)?)
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("cannot start the node: {e}"))?;
        let lines = copy_lines(&mut child, log)?;
        let mut node = Self {
            child,
            kafka: String::new(),
            http: None,
        };
        let announced = node.wait_ready(&lines)?;
        node.kafka = announced
            .kafka
            .ok_or("a ready node names its Kafka address")?;
        node.http = announced.http;
        if node.http.is_some() {
            let answer = node.get("/readyz")?;
            let status = answer.lines().next().unwrap_or_default();
            if !status.contains(" 200") {
                return Err(format!(
                    "the node says that it is ready, /readyz says {status}"
                ));
            }
        }
        Ok(node)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A health page: status line, headers and body.
    pub(crate) fn get(&self, path: &str) -> Result<String, String> {
        let http = self.http.as_deref().ok_or("the node has no health pages")?;
        http_get(http, path).map_err(|e| format!("GET {http}{path}: {e}"))
    }

    fn wait_ready(&mut self, lines: &Receiver<String>) -> Result<Announced, String> {
        let end = Instant::now() + READY_MAX;
        let mut announced = Announced::default();
        loop {
            match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) if announced.hear(&line) => return Ok(announced),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!(
                        "the node is not ready after {} s",
                        READY_MAX.as_secs()
                    ));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = wait(&mut self.child, STOP_MAX);
                    let status = status.map_or_else(|| "running".to_owned(), |s| s.to_string());
                    return Err(format!(
                        "the node closed its log before it was ready: {status}"
                    ));
                }
            }
        }
    }

    /// Stops the node; an error when it had died before, or does not leave cleanly.
    pub(crate) fn stop(mut self) -> Result<(), String> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return Err(format!("the node died during the run: {status}"));
        }
        match process::stop(&mut self.child, STOP_MAX) {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("the node left with {status} after SIGTERM")),
            None => Err(format!(
                "the node had not left {} s after SIGTERM",
                STOP_MAX.as_secs()
            )),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Copies the child's standard error to the log, and hands every line on.
fn copy_lines(child: &mut Child, log: &Path) -> Result<Receiver<String>, String> {
    let stderr = child
        .stderr
        .take()
        .ok_or("the node's standard error is piped")?;
    let mut copy = open_log(log)?;
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stderr);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            let _ = copy.write_all(&line);
            // Nobody listens any more once the node is ready; the copy goes on.
            let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
            line.clear();
        }
    });
    Ok(receiver)
}

/// The whole answer to a GET.
fn http_get(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_ready_when_it_says_so_with_its_address() {
        let mut announced = Announced::default();
        assert!(!announced.hear("INFO ready to begin"));
        assert!(!announced.hear("INFO listening kafka=127.0.0.1:4100"));
        assert!(!announced.hear("listening http=127.0.0.1:4101"));
        assert!(!announced.hear("INFO getting ready"));
        assert!(!announced.hear("INFO already up kafka=127.0.0.1:4100"));
        assert!(announced.hear("INFO ready kafka=127.0.0.1:4100"));
        assert_eq!(announced.kafka.as_deref(), Some("127.0.0.1:4100"));
        assert_eq!(announced.http.as_deref(), Some("127.0.0.1:4101"));
    }

    #[test]
    fn the_nodes_own_lines_are_understood() {
        let mut announced = Announced::default();
        let at = "2026-11-21T16:04:05.678Z  INFO";
        assert!(!announced.hear(&format!(
            "{at} listening for Kafka clients event=\"listening\" kafka=127.0.0.1:4100 listener=PLAINTEXT"
        )));
        assert!(!announced.hear(&format!(
            "{at} listening for health checks event=\"listening\" http=127.0.0.1:4101"
        )));
        assert!(announced.hear(&format!(
            "{at} ready event=\"ready\" kafka=\"127.0.0.1:4100\""
        )));
        assert_eq!(announced.http.as_deref(), Some("127.0.0.1:4101"));
    }
}
