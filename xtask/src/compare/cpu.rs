//! What a process has cost: nanoseconds of its threads, and user and kernel time apart.
//!
//! `/proc/PID/task/*/schedstat` counts nanoseconds but forgets a thread that has ended;
//! `/proc/PID/stat` remembers ended threads in steps of 10 ms. The first is the figure; where a
//! thread ended between two samples, the second is taken instead and the figure says so.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Instant;

/// Clock ticks in a second, as the kernel shows them to programs on every Linux of today.
const TICKS: f64 = 100.0;

/// One reading of a process.
pub(super) struct Sample {
    at: Instant,
    /// Nanoseconds on a processor, by thread.
    threads: BTreeMap<u32, u64>,
    stat: Stat,
    machine_ticks: u64,
}

/// User and kernel time of a process, ended threads included, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    user: u64,
    kernel: u64,
}

/// The difference of two readings, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Used {
    pub(super) cpu: f64,
    pub(super) user: f64,
    pub(super) kernel: f64,
    pub(super) wall: f64,
    /// All processors together, whatever ran on them.
    pub(super) machine: f64,
    /// Whether `cpu` is from `stat`, because a thread had ended.
    pub(super) coarse: bool,
}

impl Sample {
    pub(super) fn take(pid: u32) -> Result<Self, String> {
        let threads = threads(pid).map_err(|e| format!("/proc/{pid}/task: {e}"))?;
        let stat = read(&format!("/proc/{pid}/stat"))?;
        let machine = read("/proc/stat")?;
        Ok(Self {
            at: Instant::now(),
            threads,
            stat: Stat::parse(&stat).ok_or("a process has user and kernel time")?,
            machine_ticks: busy_ticks(&machine).ok_or("the machine counts its time")?,
        })
    }

    pub(super) fn since(&self, before: &Self) -> Used {
        let ended = before.threads.keys();
        let coarse = ended
            .into_iter()
            .any(|thread| !self.threads.contains_key(thread));
        let ticks = |now: u64, then: u64| now.saturating_sub(then) as f64 / TICKS;
        let user = ticks(self.stat.user, before.stat.user);
        let kernel = ticks(self.stat.kernel, before.stat.kernel);
        let nanos = self.threads.iter().map(|(thread, nanos)| {
            nanos.saturating_sub(before.threads.get(thread).copied().unwrap_or(0))
        });
        Used {
            cpu: if coarse {
                user + kernel
            } else {
                nanos.sum::<u64>() as f64 / 1e9
            },
            user,
            kernel,
            wall: self.at.duration_since(before.at).as_secs_f64(),
            machine: ticks(self.machine_ticks, before.machine_ticks),
            coarse,
        }
    }
}

impl Used {
    pub(super) fn json(&self) -> Value {
        json!({
            "cpu_s": self.cpu, "user_s": self.user, "kernel_s": self.kernel,
            "wall_s": self.wall, "machine_cpu_s": self.machine, "from_stat": self.coarse,
        })
    }
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))
}

fn threads(pid: u32) -> std::io::Result<BTreeMap<u32, u64>> {
    let mut threads = BTreeMap::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let task = task?;
        let thread = task.file_name().to_string_lossy().parse();
        // A thread may end between the listing and the reading.
        let line = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        let nanos = line.split_whitespace().next().and_then(|n| n.parse().ok());
        if let (Ok(thread), Some(nanos)) = (thread, nanos) {
            threads.insert(thread, nanos);
        }
    }
    Ok(threads)
}

impl Stat {
    fn parse(line: &str) -> Option<Self> {
        // The command's name may hold spaces and brackets; fields are counted from its end.
        let mut fields = line.rsplit_once(')')?.1.split_whitespace().skip(11);
        Some(Self {
            user: fields.next()?.parse().ok()?,
            kernel: fields.next()?.parse().ok()?,
        })
    }
}

/// Ticks in which a processor did something: all but idle and waiting for the disk.
fn busy_ticks(stat: &str) -> Option<u64> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let fields: Vec<u64> = line
        .split_whitespace()
        .map_while(|n| n.parse().ok())
        .collect();
    // user nice system idle iowait irq softirq steal; guest time is part of user's.
    let [user, nice, system, _, _, irq, softirq, ..] = fields[..] else {
        return None;
    };
    Some(user + nice + system + irq + softirq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_kernel_time_are_found_behind_any_name() {
        let line = "7 (a) b (c)) S 1 7 7 0 -1 4194560 100 0 0 0 250 75 0 0 20 0 1 0 5";
        let expected = Stat {
            user: 250,
            kernel: 75,
        };
        assert_eq!(Stat::parse(line), Some(expected));
    }

    #[test]
    fn idle_time_is_not_busy() {
        let stat = "cpu  10 1 20 4000 300 2 3 0 0 0\ncpu0 1 1 1 1 1 1 1 0 0 0\n";
        assert_eq!(busy_ticks(stat), Some(36));
    }

    fn sample(threads: &[(u32, u64)], user: u64) -> Sample {
        Sample {
            at: Instant::now(),
            threads: threads.iter().copied().collect(),
            stat: Stat { user, kernel: 0 },
            machine_ticks: 0,
        }
    }

    #[test]
    fn a_new_thread_counts_and_an_ended_one_makes_the_figure_coarse() {
        let before = sample(&[(1, 1_000_000_000)], 100);
        let grown = sample(&[(1, 1_500_000_000), (2, 250_000_000)], 170);
        let used = grown.since(&before);
        assert_eq!((used.cpu, used.coarse), (0.75, false));
        let ended = sample(&[(2, 250_000_000)], 190);
        let used = ended.since(&grown);
        assert_eq!((used.cpu, used.coarse), (0.2, true));
    }

    #[test]
    fn work_of_this_process_is_seen() {
        let before = Sample::take(std::process::id()).expect("the kernel tells");
        std::hint::black_box((0..20_000_000_u64).fold(1, |sum, n| std::hint::black_box(sum ^ n)));
        let used = Sample::take(std::process::id())
            .expect("the kernel tells")
            .since(&before);
        assert!(used.cpu > 0.0 || used.coarse, "{used:?}");
    }
}
