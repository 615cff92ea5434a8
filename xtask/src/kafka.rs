//! `cargo xtask kafka`: a real Kafka, the reference for what documents leave open.
//!
//! A client test runs against it first: a test that Kafka fails is wrong. Nodes are combined
//! brokers and controllers; node i listens on `port + 2 (i - 1)`, its controller on the port after.
//! `DIR/nI` holds a node's properties, data, log and pid.

use crate::process::{self, command, create_dir, open_log, signal, target};
use crate::setup;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const READY_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(60);

#[derive(clap::Subcommand)]
pub(crate) enum Kafka {
    /// Format DIR if it is new, start its nodes, return when clients see them
    Start {
        #[arg(long, default_value = "target/kafka")]
        dir: PathBuf,
        #[arg(long, default_value_t = 19092)]
        port: u16,
        #[arg(long, default_value_t = 1)]
        nodes: u16,
        /// A server property; may be given several times
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
        #[arg(long, default_value = "512m")]
        heap: String,
    },
    /// Stop the nodes of DIR
    Stop {
        #[arg(long, default_value = "target/kafka")]
        dir: PathBuf,
    },
    /// Run a class of Kafka's jars, e.g. org.apache.kafka.tools.TopicCommand --help
    Run {
        class: String,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

pub(crate) fn run(what: Kafka) -> Result<(), String> {
    match what {
        Kafka::Start {
            dir,
            port,
            nodes,
            set,
            heap,
        } => {
            let dir = absolute(&dir)?;
            let plan = Plan {
                dir,
                port,
                nodes,
                set,
                heap,
            };
            for (node, child) in plan.start(detached)? {
                println!(
                    "node {node} pid {} 127.0.0.1:{}",
                    child.id(),
                    plan.port_of(node)
                );
            }
            Ok(())
        }
        Kafka::Stop { dir } => stop(&absolute(&dir)?),
        Kafka::Run { class, args } => {
            let mut tool = java(Command::new)?;
            let status = tool.arg(class).args(args).status();
            match status {
                Ok(status) if status.success() => Ok(()),
                Ok(status) => Err(status.to_string()),
                Err(e) => Err(format!("cannot start java: {e}")),
            }
        }
    }
}

/// A command that outlives the task runner and its terminal's interrupt.
fn detached(program: &'static str) -> Command {
    let mut command = Command::new(program);
    command.process_group(0);
    command
}

fn absolute(dir: &Path) -> Result<PathBuf, String> {
    std::path::absolute(dir).map_err(|e| format!("{}: {e}", dir.display()))
}

/// A Kafka that runs for one suite and dies with it.
pub(crate) struct Running {
    plan: Plan,
    children: Vec<(u16, Child)>,
}

impl Running {
    /// One node for client suites: an empty directory, a small heap, further server properties.
    pub(crate) fn start_one(set: Vec<String>) -> Result<Self, String> {
        let dir = target().join(format!("clients/kafka-run-{}", std::process::id()));
        Self::start_by(command, dir, set, "512m")
    }

    /// One node on an empty directory, on ports that were free a moment ago; `new` makes its
    /// command, `set` are further server properties.
    pub(crate) fn start_by(
        new: fn(&'static str) -> Command,
        dir: PathBuf,
        set: Vec<String>,
        heap: &str,
    ) -> Result<Self, String> {
        let port = free_pair().ok_or("no two free ports side by side")?;
        let plan = Plan {
            dir,
            port,
            nodes: 1,
            set,
            heap: heap.to_owned(),
        };
        let children = plan.start(new)?;
        Ok(Self { plan, children })
    }

    /// The node's process.
    pub(crate) fn pid(&self) -> u32 {
        self.children[0].1.id()
    }

    pub(crate) fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.plan.port)
    }

    /// Where its partitions are.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.plan.data_dir(1)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for (_, child) in &mut self.children {
            process::stop(child, STOP_MAX);
        }
        let _ = std::fs::remove_dir_all(&self.plan.dir);
    }
}

/// A port that is free together with the one after it.
fn free_pair() -> Option<u16> {
    (0..100).find_map(|_| {
        let first = TcpListener::bind("127.0.0.1:0")
            .ok()?
            .local_addr()
            .ok()?
            .port();
        TcpListener::bind(("127.0.0.1", first.checked_add(1)?)).ok()?;
        Some(first)
    })
}

struct Plan {
    dir: PathBuf,
    port: u16,
    nodes: u16,
    set: Vec<String>,
    heap: String,
}

impl Plan {
    fn port_of(&self, node: u16) -> u16 {
        self.port + 2 * (node - 1)
    }

    fn node_dir(&self, node: u16) -> PathBuf {
        self.dir.join(format!("n{node}"))
    }

    fn data_dir(&self, node: u16) -> PathBuf {
        self.node_dir(node).join("data")
    }

    /// Formats what is new, starts every node, waits until a client sees them all.
    fn start(&self, new: fn(&'static str) -> Command) -> Result<Vec<(u16, Child)>, String> {
        if !self.node_dir(1).join("server.properties").exists() {
            self.format()?;
        }
        let mut children = Vec::new();
        for node in 1..=self.nodes {
            let log = self.node_dir(node).join("log");
            let out = open_log(&log)?;
            let mut broker = java(new)?;
            broker
                .args([format!("-Xmx{0}", self.heap), format!("-Xms{0}", self.heap)])
                .arg("kafka.Kafka")
                .arg(self.node_dir(node).join("server.properties"))
                .stdin(Stdio::null())
                .stdout(out.try_clone().map_err(|e| e.to_string())?)
                .stderr(out);
            let child = broker
                .spawn()
                .map_err(|e| format!("cannot start java: {e}"))?;
            let pid = self.node_dir(node).join("pid");
            std::fs::write(&pid, child.id().to_string())
                .map_err(|e| format!("cannot write {}: {e}", pid.display()))?;
            children.push((node, child));
        }
        for node in 1..=self.nodes {
            if let Err(reason) = wait_brokers(self.port_of(node), self.nodes) {
                let log = process::tail(&self.node_dir(node).join("log"), 40);
                for (_, child) in &mut children {
                    process::stop(child, STOP_MAX);
                }
                return Err(format!("{log}\n{reason}"));
            }
        }
        Ok(children)
    }

    fn format(&self) -> Result<(), String> {
        let cluster = kafka_id()?;
        let mut voters = Vec::new();
        let mut controllers = Vec::new();
        for node in 1..=self.nodes {
            let controller = format!("127.0.0.1:{}", self.port_of(node) + 1);
            voters.push(format!("{node}@{controller}:{}", kafka_id()?));
            controllers.push(controller);
        }
        for node in 1..=self.nodes {
            let dir = self.node_dir(node);
            create_dir(&dir)?;
            let file = dir.join("server.properties");
            std::fs::write(&file, self.properties(node, &controllers))
                .map_err(|e| format!("cannot write {}: {e}", file.display()))?;
            let mut format = java(command)?;
            format
                .args(["kafka.tools.StorageTool", "format", "-t", &cluster, "-c"])
                .arg(&file);
            match self.nodes {
                1 => format.arg("--standalone"),
                _ => format.args(["--initial-controllers", &voters.join(",")]),
            };
            let log = dir.join("log");
            process::run_logged(&mut format, &log, READY_MAX)
                .map_err(|reason| format!("{}\n{reason}", process::tail(&log, 40)))?;
        }
        Ok(())
    }

    fn properties(&self, node: u16, controllers: &[String]) -> String {
        let port = self.port_of(node);
        let listeners = format!(
            "PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{}",
            port + 1
        );
        let mut lines = vec![
            "process.roles=broker,controller".to_owned(),
            format!("node.id={node}"),
            format!("listeners={listeners}"),
            format!("advertised.listeners={listeners}"),
            format!(
                "controller.quorum.bootstrap.servers={}",
                controllers.join(",")
            ),
            "controller.listener.names=CONTROLLER".to_owned(),
            "inter.broker.listener.name=PLAINTEXT".to_owned(),
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT".to_owned(),
            format!("log.dirs={}", self.data_dir(node).display()),
        ];
        if self.nodes == 1 {
            for key in [
                "offsets.topic.replication.factor",
                "transaction.state.log.replication.factor",
                "transaction.state.log.min.isr",
                "share.coordinator.state.topic.replication.factor",
                "share.coordinator.state.topic.min.isr",
            ] {
                lines.push(format!("{key}=1"));
            }
        }
        lines.extend(self.set.iter().cloned());
        lines.join("\n") + "\n"
    }
}

/// The flags of the virtual machine that Kafka's own start script gives, but for the heap.
pub(crate) const JAVA_FLAGS: [&str; 3] = [
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:+ExplicitGCInvokesConcurrent",
];

/// Java on Kafka's class path.
fn java(new: fn(&'static str) -> Command) -> Result<Command, String> {
    let libs = setup::kafka_libs().ok_or("Kafka's jars are missing: `cargo xtask setup`")?;
    let mut java = new("java");
    java.args(JAVA_FLAGS)
        .args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp"])
        .arg(libs.join("*"));
    Ok(java)
}

/// Stops the nodes whose pid files lie in the folder, if the pid still is that node.
fn stop(dir: &Path) -> Result<(), String> {
    let entries = std::fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut stopping = Vec::new();
    for node in entries.flatten().map(|entry| entry.path()) {
        let pid = std::fs::read_to_string(node.join("pid")).unwrap_or_default();
        let Ok(pid) = pid.trim().parse::<u32>() else {
            continue;
        };
        if is_node(pid, &node) {
            signal("TERM", pid);
            stopping.push((pid, node));
        }
    }
    let end = Instant::now() + STOP_MAX;
    for (pid, node) in stopping {
        while is_node(pid, &node) {
            if Instant::now() > end {
                signal("KILL", pid);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

fn is_node(pid: u32, node: &Path) -> bool {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let properties = node.join("server.properties");
    String::from_utf8_lossy(&line).contains(&*properties.to_string_lossy())
}

/// 16 random bytes in Kafka's form: base64url without padding, never with a dash in front,
/// which a command line would take for an option.
fn kafka_id() -> Result<String, String> {
    let mut random = std::fs::File::open("/dev/urandom").map_err(|e| e.to_string())?;
    loop {
        let mut bytes = [0_u8; 16];
        random.read_exact(&mut bytes).map_err(|e| e.to_string())?;
        let id = base64_url(bytes);
        if !id.starts_with('-') {
            return Ok(id);
        }
    }
}

fn base64_url(bytes: [u8; 16]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // 128 bits are 21 digits of six bits and one of two, which stand at its upper end.
    let number = u128::from_be_bytes(bytes);
    let digit = |place: u32| match place {
        21 => (number & 0b11) << 4,
        _ => (number >> (122 - 6 * place)) & 0b11_1111,
    };
    (0..22)
        .map(|place| char::from(DIGITS[digit(place) as usize]))
        .collect()
}

/// Until a Metadata request names that many brokers.
fn wait_brokers(port: u16, brokers: u16) -> Result<(), String> {
    let end = Instant::now() + READY_MAX;
    while Instant::now() < end {
        if brokers_known(port).is_ok_and(|known| known >= u32::from(brokers)) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(format!(
        "no {brokers} brokers at port {port} after {} s",
        READY_MAX.as_secs()
    ))
}

/// How many brokers a Metadata v1 answer names.
fn brokers_known(port: u16) -> std::io::Result<u32> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    // Length, api key 3, version 1, correlation 1, no client id, no topics.
    stream.write_all(&[0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0])?;
    let mut answer = [0_u8; 12];
    stream.read_exact(&mut answer)?;
    Ok(u32::from_be_bytes([
        answer[8], answer[9], answer[10], answer[11],
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_base64url_without_padding() {
        assert_eq!(base64_url([0; 16]), "A".repeat(22));
        assert_eq!(base64_url([0xff; 16]), "_".repeat(21) + "w");
        let counted: [u8; 16] = std::array::from_fn(|i| i as u8);
        assert_eq!(base64_url(counted), "AAECAwQFBgcICQoLDA0ODw");
    }
}
