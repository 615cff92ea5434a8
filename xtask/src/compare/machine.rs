//! The machine under a comparison: what it is, what its disk does, and its page cache, filled.
//!
//! The first touch of a free page costs more on a virtual machine than the rest of a produce, so
//! a run on free memory measures the hypervisor. Before each run the cache is filled by reading a
//! sparse file: its pages are clean, so the runs may take them at no cost.

use crate::process::command;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Free memory that is left; the kernel keeps some of it for itself.
const FREE_MAX: u64 = 768 << 20;
const CHUNK: usize = 1 << 20;
/// What is read between two looks at the counters.
const LOOK: u64 = 64 << 20;
/// The sparse file's length: more than any memory, and no blocks on the disk.
const FILLER: u64 = 1 << 42;

/// Takes up free memory with the pages of a sparse file, read on from where it stopped: pages that
/// were read once may be cached still, and reading them again would take up nothing.
pub(super) struct PageCache {
    path: PathBuf,
    at: u64,
}

impl PageCache {
    pub(super) fn new(dir: &Path) -> Self {
        Self {
            path: dir.join("page-cache-filler"),
            at: 0,
        }
    }

    /// Reads until little memory is free, at most as much as there is memory.
    pub(super) fn fill(&mut self) -> Result<(), String> {
        self.read_on()
            .map_err(|e| format!("{}: {e}", self.path.display()))
    }

    fn read_on(&mut self) -> std::io::Result<()> {
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.path)?;
        file.set_len(FILLER)?;
        file.seek(SeekFrom::Start(self.at))?;
        let mut buffer = vec![0; CHUNK];
        let mut left = memory("MemTotal")? / LOOK;
        while left > 0 && memory("MemFree")? > FREE_MAX {
            for _ in 0..LOOK / CHUNK as u64 {
                file.read_exact(&mut buffer)?;
            }
            left -= 1;
            self.at += LOOK;
            if self.at == FILLER {
                self.at = 0;
                file.rewind()?;
            }
        }
        Ok(())
    }
}

/// A line of `/proc/meminfo`, in bytes.
pub(super) fn memory(name: &str) -> std::io::Result<u64> {
    let text = std::fs::read_to_string("/proc/meminfo")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.map(|kib| kib * 1024)
        .ok_or_else(|| std::io::Error::other(format!("/proc/meminfo has no {name}")))
}

/// Median and 99th percentile of `fdatasync` after 4 KiB over written blocks, in milliseconds.
pub(super) fn sync_times(dir: &Path) -> Result<(f64, f64), String> {
    const ROUNDS: usize = 500;
    let path = dir.join("sync-probe");
    let probe = || -> std::io::Result<Vec<f64>> {
        let mut file = File::create(&path)?;
        let block = [0; 4096];
        file.write_all(&vec![0; ROUNDS * block.len()])?;
        file.sync_all()?;
        file.seek(SeekFrom::Start(0))?;
        let mut times = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            file.write_all(&block)?;
            let began = Instant::now();
            file.sync_data()?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        std::fs::remove_file(&path)?;
        Ok(times)
    };
    let mut times = probe().map_err(|e| format!("{}: {e}", path.display()))?;
    times.sort_by(f64::total_cmp);
    Ok((times[ROUNDS / 2], times[ROUNDS * 99 / 100]))
}

/// Processor, memory, kernel and filesystem, in one line.
pub(super) fn describe(dir: &Path) -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models = cpuinfo
        .lines()
        .filter_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let models: Vec<&str> = models.map(|(_, model)| model).collect();
    let gib = memory("MemTotal").unwrap_or(0) as f64 / f64::from(1 << 30);
    let kernel = said("uname", &["-sr"]);
    let filesystem = said(
        "findmnt",
        &["-no", "FSTYPE", "-T", &dir.display().to_string()],
    );
    let model = models.first().copied().unwrap_or("an unknown processor");
    format!(
        "{} x {model}, {gib:.0} GiB, {kernel}, {filesystem}",
        models.len()
    )
}

/// The first line that a program says, on either output.
pub(super) fn said(program: &str, args: &[&str]) -> String {
    let output = command(program).args(args).output();
    let text = output.map_or_else(
        |e| e.to_string(),
        |o| {
            let (out, err) = (
                String::from_utf8_lossy(&o.stdout),
                String::from_utf8_lossy(&o.stderr),
            );
            format!("{out}{err}")
        },
    );
    text.lines().next().unwrap_or("nothing").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_how_much_memory_there_is() {
        let total = memory("MemTotal").expect("the kernel tells");
        assert!(memory("MemFree").expect("the kernel tells") < total);
        assert!(memory("NoSuchLine").is_err());
    }
}
