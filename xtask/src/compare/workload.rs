//! The workloads of a comparison, each one run of one system, and the runs as they end.
//!
//! A produce counts only when all its records have been read back, each once; that reading is the
//! catch-up workload. The price of a tail fetch is what a broker spends more on a load when a
//! consumer follows it, so each tail run makes the load twice.

use super::Plan;
use super::broker::{BROKER_CORE, Broker, on_client_core};
use super::cpu::{Sample, Used};
use super::machine::PageCache;
use crate::process::{command, create_dir, open_log, wait};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const SIZE: u64 = 1024;
const PARTITIONS: &str = "16";
const BATCH_BYTES: &str = "65536";
const TAIL_RATE_MB: &str = "10";
const GONE_MAX: Duration = Duration::from_secs(120);
const BARE_MAX: Duration = Duration::from_secs(600);

/// One run, as a line of the raw file.
pub(crate) struct Run {
    workload: &'static str,
    system: &'static str,
    /// 0 is discarded.
    pair: usize,
    figures: Vec<(&'static str, f64)>,
}

/// All runs so far; each is on disk when it is here.
pub(crate) struct Runs {
    runs: Vec<Run>,
    file: File,
    began: Instant,
    pub(super) path: PathBuf,
}

impl Runs {
    pub(super) fn new(path: &Path) -> Result<Self, String> {
        let _ = std::fs::remove_file(path);
        Ok(Self {
            runs: Vec::new(),
            file: open_log(path)?,
            began: Instant::now(),
            path: path.to_owned(),
        })
    }

    pub(super) fn add(&mut self, run: Run, raw: &Value) -> Result<(), String> {
        let figures: serde_json::Map<String, Value> = run
            .figures
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        let line = json!({
            "workload": run.workload, "system": run.system, "pair": run.pair,
            "figures": figures, "raw": raw,
        });
        writeln!(self.file, "{line}").map_err(|e| format!("{}: {e}", self.path.display()))?;
        let shown = |(name, value): &(&str, f64)| format!("{name} {value:.3}");
        let shown: Vec<String> = run.figures.iter().map(shown).collect();
        let (workload, system, pair) = (run.workload, run.system, run.pair);
        let seconds = self.began.elapsed().as_secs();
        let shown = shown.join("  ");
        println!("{seconds:5} s  {workload:8} {pair} {system:8} {shown}");
        self.runs.push(run);
        Ok(())
    }

    /// One figure of a system in a workload, pair by pair, without the discarded pair.
    pub(super) fn column(&self, workload: &str, system: &str, figure: &str) -> Vec<f64> {
        let counted = |run: &&Run| run.pair > 0 && run.workload == workload && run.system == system;
        let mut found: Vec<&Run> = self.runs.iter().filter(counted).collect();
        found.sort_by_key(|run| run.pair);
        found
            .into_iter()
            .flat_map(|run| &run.figures)
            .filter(|(name, _)| *name == figure)
            .map(|(_, value)| *value)
            .collect()
    }
}

/// What the runs are made with.
pub(super) struct Session<'a> {
    plan: &'a Plan,
    client: &'a Path,
    dir: &'a Path,
    page_cache: PageCache,
    pub(super) runs: Runs,
}

impl<'a> Session<'a> {
    pub(super) fn new(plan: &'a Plan, client: &'a Path, dir: &'a Path, runs: Runs) -> Self {
        Self {
            plan,
            client,
            dir,
            page_cache: PageCache::new(dir),
            runs,
        }
    }

    /// Writes and reads until a virtual machine has compiled what it will; nothing counts.
    pub(super) fn warm(&self, broker: &Broker) -> Result<(), String> {
        let records = self.plan.warmup_records;
        println!("warming {} with {records} records", broker.system.name());
        self.produce(broker, "warm-up", records)?;
        self.consume(broker, "warm-up", records)?;
        self.delete(broker, "warm-up", records * SIZE)
    }

    /// After a stop: sessions, connections and caches are as in any running broker again.
    pub(super) fn settle(&self, broker: &Broker) -> Result<(), String> {
        self.produce(broker, "settle", 50_000).map(drop)
    }

    pub(super) fn produce_and_catch_up(
        &mut self,
        broker: &Broker,
        pair: usize,
    ) -> Result<(), String> {
        let (topic, records) = (format!("produce-{pair}"), self.plan.records);
        self.fill()?;
        let (produced, produce) = measured(broker, || self.produce(broker, &topic, records))?;
        let (consumed, consume) = measured(broker, || self.consume(broker, &topic, records))?;
        self.delete(broker, &topic, records * SIZE)?;
        for (workload, used, said) in [
            ("produce", produced, produce),
            ("catch-up", consumed, consume),
        ] {
            let run = Run {
                workload,
                system: broker.system.name(),
                pair,
                figures: load_figures(&used, &said)?,
            };
            self.runs
                .add(run, &json!({"cpu": used.json(), "client": said}))?;
        }
        Ok(())
    }

    pub(super) fn latency(&mut self, broker: &Broker, pair: usize) -> Result<(), String> {
        self.fill()?;
        let (topic, seconds) = (format!("latency-{pair}"), self.plan.latency_seconds);
        let args = ["--rate-mb", "5", "--seconds", &seconds.to_string()];
        let journal = broker.journal()?;
        let (used, said) = measured(broker, || self.open_loop(broker, &topic, &args))?;
        let window = match (broker.journal()?, journal) {
            (Some(after), Some(before)) => Some(after.window_ms(&before)),
            _ => None,
        };
        self.delete(broker, &topic, number(&said, "bytes")? as u64)?;
        let mut figures = Vec::new();
        for name in ["p50_ms", "p99_ms", "p999_ms", "max_ms", "samples"] {
            figures.push((name, number(&said, name)?));
        }
        figures.push(("cpu_per_gb", used.cpu / gb(&said)?));
        figures.extend(window.map(|ms| ("window_ms", ms)));
        let run = Run {
            workload: "latency",
            system: broker.system.name(),
            pair,
            figures,
        };
        self.runs
            .add(run, &json!({"cpu": used.json(), "client": said}))
    }

    pub(super) fn tail(&mut self, broker: &Broker, pair: usize) -> Result<(), String> {
        let seconds = self.plan.tail_seconds.to_string();
        let mut run = |consume: &str| {
            self.fill()?;
            let topic = format!("tail-{pair}-{consume}");
            let (rate, linger) = (["--rate-mb", TAIL_RATE_MB], ["--linger-ms", "1"]);
            let args = [
                rate,
                linger,
                ["--seconds", &seconds],
                ["--consume", consume],
            ]
            .concat();
            let result = measured(broker, || self.open_loop(broker, &topic, &args))?;
            self.delete(broker, &topic, number(&result.1, "bytes")? as u64)?;
            Ok::<_, String>(result)
        };
        let (alone, load) = run("false")?;
        let (followed, said) = run("true")?;
        let gb = gb(&said)?;
        let run = Run {
            workload: "tail",
            system: broker.system.name(),
            pair,
            figures: vec![
                ("cpu_per_gb", (followed.cpu - alone.cpu) / gb),
                ("load_cpu_per_gb", alone.cpu / gb),
                ("fetch_bytes_mean", number(&said, "fetch_bytes_mean")?),
            ],
        };
        let raw = json!({
            "load": {"cpu": alone.json(), "client": load},
            "followed": {"cpu": followed.json(), "client": said},
        });
        self.runs.add(run, &raw)
    }

    /// The I/O of a produce without a broker, as much of it as in a produce run.
    pub(super) fn bare(&mut self, sync: &str, pair: usize) -> Result<(), String> {
        let dir = self.dir.join("bare");
        create_dir(&dir)?;
        self.fill()?;
        let mut receiver = Receiver::start(self.client, &dir, sync)?;
        let bytes = self.plan.records * SIZE;
        let mut sender = on_client_core(self.client);
        sender.args(["bare-send", "--to", &receiver.address, "--bytes"]);
        let sent = sender.arg(bytes.to_string()).status();
        if !sent.map_err(|e| e.to_string())?.success() {
            return Err("the bare sender failed".to_owned());
        }
        let said = receiver.report()?;
        std::fs::remove_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        let run = Run {
            workload: "bare",
            system: if sync == "window" { "window" } else { "fixed" },
            pair,
            figures: vec![
                ("cpu_per_gb", number(&said, "cpu_per_gb")?),
                ("mb_per_s", number(&said, "mb_per_s")?),
            ],
        };
        self.runs.add(run, &said)
    }

    fn fill(&mut self) -> Result<(), String> {
        if self.plan.fill {
            self.page_cache.fill()?;
        }
        Ok(())
    }

    fn produce(&self, broker: &Broker, topic: &str, records: u64) -> Result<Value, String> {
        let records = records.to_string();
        let shape = ["--partitions", PARTITIONS, "--batch-bytes", BATCH_BYTES];
        let args = [&["--records", &records][..], &shape].concat();
        self.say(broker, "produce", topic, &args)
    }

    fn consume(&self, broker: &Broker, topic: &str, records: u64) -> Result<Value, String> {
        let said = self.say(
            broker,
            "consume",
            topic,
            &["--records", &records.to_string()],
        )?;
        match number(&said, "records")? as u64 {
            read if read == records => Ok(said),
            read => Err(format!("{read} of {records} records were read back")),
        }
    }

    fn open_loop(&self, broker: &Broker, topic: &str, args: &[&str]) -> Result<Value, String> {
        self.say(broker, "latency", topic, args)
    }

    /// Runs the client on its core; the line of JSON that it prints.
    fn say(
        &self,
        broker: &Broker,
        what: &str,
        topic: &str,
        args: &[&str],
    ) -> Result<Value, String> {
        let mut client = on_client_core(self.client);
        client.args([what, "--bootstrap", &broker.bootstrap()]);
        client.args(["--topic", topic]).args(args);
        let output = client.output().map_err(|e| e.to_string())?;
        let name = broker.system.name();
        if output.status.success() {
            return serde_json::from_slice(&output.stdout)
                .map_err(|e| format!("{what} at {name}: {e}"));
        }
        let why = String::from_utf8_lossy(&output.stderr);
        Err(format!("{what} {topic} at {name}: {why}"))
    }

    /// Deletes a topic and waits until the disk has most of its bytes again, or says that it has not.
    fn delete(&self, broker: &Broker, topic: &str, bytes: u64) -> Result<(), String> {
        let data = self.dir.join(broker.system.name());
        let (before, began) = (disk_usage(&data), Instant::now());
        let mut client = on_client_core(self.client);
        client.args([
            "delete",
            "--bootstrap",
            &broker.bootstrap(),
            "--topic",
            topic,
        ]);
        let output = client.output().map_err(|e| e.to_string())?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        while disk_usage(&data) > before.saturating_sub(bytes / 10 * 9) {
            if began.elapsed() > GONE_MAX {
                let name = broker.system.name();
                println!("note: the files of {topic} are still there at {name}");
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

/// What the broker used while the work was done, and what the work said.
fn measured(
    broker: &Broker,
    work: impl FnOnce() -> Result<Value, String>,
) -> Result<(Used, Value), String> {
    let before = Sample::take(broker.pid())?;
    let said = work()?;
    Ok((Sample::take(broker.pid())?.since(&before), said))
}

fn load_figures(used: &Used, said: &Value) -> Result<Vec<(&'static str, f64)>, String> {
    let gb = gb(said)?;
    Ok(vec![
        ("cpu_per_gb", used.cpu / gb),
        ("user_per_gb", used.user / gb),
        ("kernel_per_gb", used.kernel / gb),
        ("mb_per_s", number(said, "mb_per_s")?),
        ("core_busy", used.cpu / number(said, "seconds")?),
    ])
}

fn number(said: &Value, name: &str) -> Result<f64, String> {
    said[name]
        .as_f64()
        .ok_or_else(|| format!("the client said no {name}: {said}"))
}

/// Payload, in units of 10^9 bytes.
fn gb(said: &Value) -> Result<f64, String> {
    Ok(number(said, "bytes")? / 1e9)
}

/// Bytes of disk blocks below a folder; what vanishes meanwhile is not there.
fn disk_usage(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => disk_usage(&entry.path()),
        Ok(metadata) => metadata.blocks() * 512,
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

/// The receiver of the bare program, on the brokers' core.
struct Receiver {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
    address: String,
}

impl Receiver {
    fn start(program: &Path, dir: &Path, sync: &str) -> Result<Self, String> {
        let mut receiver = command("taskset");
        receiver.args(["-c", BROKER_CORE]).arg(program);
        receiver.args(["bare-receive", "--sync", sync, "--dir"]);
        let mut child = receiver
            .arg(dir)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("cannot start the bare receiver: {e}"))?;
        let stdout = child.stdout.take().ok_or("its output is piped")?;
        let mut lines = BufReader::new(stdout);
        let mut line = String::new();
        lines.read_line(&mut line).map_err(|e| e.to_string())?;
        let address = line.trim().strip_prefix("listening ");
        let address = address.unwrap_or_default().to_owned();
        Ok(Self {
            child,
            lines,
            address,
        })
    }

    fn report(&mut self) -> Result<Value, String> {
        let mut text = String::new();
        let read = self.lines.read_to_string(&mut text);
        read.map_err(|e| e.to_string())?;
        wait(&mut self.child, BARE_MAX);
        serde_json::from_str(&text).map_err(|e| format!("the bare receiver said {text:?}: {e}"))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
