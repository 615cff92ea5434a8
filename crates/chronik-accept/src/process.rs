//! What the kernel says about a running process: CPU, memory, bytes read.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::Failure;

/// CPU that a process's threads have used, at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Cpu {
    /// Nanoseconds of each living thread.
    by_thread: BTreeMap<u32, u64>,
    /// User and system time of all threads that ever were, in ticks of 10 ms.
    ticks: u64,
}

impl Cpu {
    /// Reads it now.
    pub(crate) fn of(pid: u32) -> Result<Self, Failure> {
        let tasks = PathBuf::from(format!("/proc/{pid}/task"));
        let entries = std::fs::read_dir(&tasks).map_err(Failure::io(tasks.display()))?;
        let mut by_thread = BTreeMap::new();
        for entry in entries.flatten() {
            // A thread may end between the two readings.
            let nanos = std::fs::read_to_string(entry.path().join("schedstat"));
            let nanos = nanos.ok().and_then(|text| first_number(&text));
            let thread = entry.file_name().to_str().and_then(|id| id.parse().ok());
            by_thread.extend(thread.zip(nanos));
        }
        let stat = read(pid, "stat")?;
        Ok(Self {
            by_thread,
            ticks: ticks(&stat).ok_or_else(|| Failure::new("/proc/PID/stat is unreadable"))?,
        })
    }

    /// CPU used since: by thread, of threads that live now. What threads used that ended since is
    /// missing, so the coarse count takes its place where it is larger by more than its rounding.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let of_thread = |(thread, nanos): (&u32, &u64)| {
            nanos
                - earlier
                    .by_thread
                    .get(thread)
                    .copied()
                    .unwrap_or(0)
                    .min(*nanos)
        };
        let fine = Duration::from_nanos(self.by_thread.iter().map(of_thread).sum());
        let tick = Duration::from_millis(10);
        let coarse = tick * u32::try_from(self.ticks - earlier.ticks).unwrap_or(u32::MAX);
        if coarse > fine + tick * 2 {
            coarse
        } else {
            fine
        }
    }
}

/// Bytes that a process has read since its start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BytesRead {
    /// Through system calls, sockets included.
    pub(crate) by_calls: u64,
    /// From the device.
    pub(crate) from_disk: u64,
}

impl BytesRead {
    /// Reads it now.
    pub(crate) fn of(pid: u32) -> Result<Self, Failure> {
        let text = read(pid, "io")?;
        let of = |key| labelled(&text, key).ok_or_else(|| Failure::new("no I/O accounting"));
        Ok(Self {
            by_calls: of("rchar:")?,
            from_disk: of("read_bytes:")?,
        })
    }
}

/// Resident memory in bytes (VmRSS).
pub(crate) fn resident_bytes(pid: u32) -> Result<u64, Failure> {
    let text = read(pid, "status")?;
    labelled(&text, "VmRSS:")
        .map(|kib| kib * 1024)
        .ok_or_else(|| Failure::new("no VmRSS in /proc/PID/status"))
}

fn read(pid: u32, file: &str) -> Result<String, Failure> {
    let path = format!("/proc/{pid}/{file}");
    std::fs::read_to_string(&path).map_err(Failure::io(path))
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// The number after a label at the beginning of a line.
fn labelled(text: &str, label: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    first_number(line)
}

/// User and system time; the command's name before them may hold spaces and brackets.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_texts_are_understood() {
        let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 111 22 0 0";
        assert_eq!(ticks(stat), Some(133));
        assert_eq!(
            labelled("VmHWM:\t 9 kB\nVmRSS:\t 12 kB\n", "VmRSS:"),
            Some(12)
        );
        assert_eq!(first_number("12345 678 9\n"), Some(12345));
    }

    #[test]
    fn cpu_is_the_sum_of_what_each_thread_used_and_the_ticks_where_threads_have_ended() {
        let cpu = |threads: &[(u32, u64)], ticks| Cpu {
            by_thread: threads.iter().copied().collect(),
            ticks,
        };
        let before = cpu(&[(1, 100), (2, 5_000)], 10);
        let after = cpu(&[(1, 150), (3, 7)], 10);
        assert_eq!(after.since(&before), Duration::from_nanos(57));
        let ended = cpu(&[(1, 150)], 20);
        assert_eq!(ended.since(&before), Duration::from_millis(100));
    }

    #[test]
    fn our_own_process_has_used_cpu_and_memory() {
        let pid = std::process::id();
        assert!(resident_bytes(pid).unwrap() > 1 << 16);
        assert!(BytesRead::of(pid).unwrap().by_calls > 0);
        assert!(!Cpu::of(pid).unwrap().by_thread.is_empty());
    }
}
