//! The floor of a produce in `quorum-fsync`: its receive, CRC, journal and segment I/O, no broker.
//!
//! The receiver takes 64 KiB pieces from one connection, computes their CRC-32C and writes each to
//! one of 16 segment files and to a recycled, zero-filled journal, both through the page cache.
//! Each segment is synced after 8 MiB of its own. The journal is synced either
//! - `window`: by a second thread, for whatever arrived while its previous sync ran, or
//! - `fixed`: by the receiver itself after every 512 KiB.
//!
//! A piece is acknowledged with one byte when the journal holds it; at most eight pieces wait for
//! that, as a node lets eight requests of a connection wait. Absent: records, offsets, indexes.

use crate::args::Args;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

const PIECE: usize = 64 * 1024;
const SEGMENTS: usize = 16;
const SEGMENT_SYNC: usize = 8 << 20;
const JOURNAL: usize = 256 << 20;
const FIXED_SYNC: usize = 512 * 1024;
const WAITING_MAX: u64 = 8;

type Outcome = std::io::Result<()>;

pub(crate) fn send(mut args: Args) -> Result<(), String> {
    let to: String = args.need("to")?;
    let bytes: u64 = args.need("bytes")?;
    args.end()?;
    send_pieces(&to, bytes.div_ceil(PIECE as u64)).map_err(|e| e.to_string())
}

fn send_pieces(to: &str, pieces: u64) -> Outcome {
    let mut stream = TcpStream::connect(to)?;
    let mut answers = stream.try_clone()?;
    let reader = std::thread::spawn(move || -> std::io::Result<u64> {
        let mut buffer = [0; 4096];
        let mut acknowledged = 0;
        loop {
            match answers.read(&mut buffer)? {
                0 => return Ok(acknowledged),
                read => acknowledged += read as u64,
            }
        }
    });
    let piece = crate::load::filler(PIECE);
    for _ in 0..pieces {
        stream.write_all(&piece)?;
    }
    stream.shutdown(Shutdown::Write)?;
    let acknowledged = reader.join().expect("the reader returns its errors")?;
    if acknowledged == pieces {
        return Ok(());
    }
    let reason = format!("{acknowledged} of {pieces} pieces acknowledged");
    Err(std::io::Error::other(reason))
}

pub(crate) fn receive(mut args: Args) -> Result<(), String> {
    let dir: PathBuf = args.need("dir")?;
    let sync: String = args.or("sync", "window".to_owned())?;
    args.end()?;
    let result = match sync.as_str() {
        "window" => receive_with(&dir, Window::start),
        "fixed" => receive_with(&dir, Fixed::start),
        other => return Err(format!("--sync {other}: window or fixed")),
    };
    result.map_err(|e| format!("{}: {e}", dir.display()))
}

/// When the journal is synced and who does it.
trait Durability: Sized {
    fn start(journal: File, segments: Vec<File>, answers: TcpStream) -> std::io::Result<Self>;
    /// A piece has been written to the journal; may wait.
    fn journaled(&mut self) -> Outcome;
    /// A segment holds 8 MiB that no sync covers.
    fn segment_full(&mut self, segment: usize) -> Outcome;
    /// Everything is durable and acknowledged; how often the journal was synced.
    fn finish(&mut self) -> std::io::Result<u64>;
}

fn receive_with<D: Durability>(
    dir: &Path,
    start: fn(File, Vec<File>, TcpStream) -> std::io::Result<D>,
) -> Outcome {
    let mut journal = zero_filled(&dir.join("journal"))?;
    let mut segments = Vec::with_capacity(SEGMENTS);
    for number in 0..SEGMENTS {
        segments.push(File::create(dir.join(format!("segment-{number}")))?);
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening {}", listener.local_addr()?);
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let copies: std::io::Result<Vec<File>> = segments.iter().map(File::try_clone).collect();
    let mut durability = start(journal.try_clone()?, copies?, stream.try_clone()?)?;
    let (before, began) = (Cpu::now()?, Instant::now());
    let mut piece = vec![0; PIECE];
    // The sum is printed, or the compiler could leave the checksums out.
    let (mut pieces, mut checksum, mut in_journal) = (0_usize, 0_u64, 0);
    while next_piece(&mut stream, &mut piece)? {
        checksum += crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &piece);
        let segment = pieces % SEGMENTS;
        segments[segment].write_all(&piece)?;
        if in_journal == JOURNAL {
            journal.rewind()?;
            in_journal = 0;
        }
        journal.write_all(&piece)?;
        in_journal += PIECE;
        pieces += 1;
        durability.journaled()?;
        if (pieces.div_ceil(SEGMENTS) * PIECE).is_multiple_of(SEGMENT_SYNC) {
            durability.segment_full(segment)?;
        }
    }
    let syncs = durability.finish()?;
    let seconds = began.elapsed().as_secs_f64();
    let cpu = Cpu::now()?.since(&before);
    stream.shutdown(Shutdown::Both)?;
    let bytes = pieces * PIECE;
    println!(
        r#"{{"bytes":{bytes},"seconds":{seconds:.4},"mb_per_s":{:.1},"syncs":{syncs},"cpu_seconds":{:.4},"user_seconds":{:.2},"kernel_seconds":{:.2},"cpu_per_gb":{:.4},"checksum":{checksum}}}"#,
        bytes as f64 / 1e6 / seconds,
        cpu.total,
        cpu.user,
        cpu.kernel,
        cpu.total / (bytes as f64 / 1e9),
    );
    Ok(())
}

/// Fills the buffer; false at the end of the stream, an error in the middle of a piece.
fn next_piece(stream: &mut TcpStream, piece: &mut [u8]) -> std::io::Result<bool> {
    let mut filled = 0;
    while filled < piece.len() {
        match stream.read(&mut piece[filled..])? {
            0 if filled == 0 => return Ok(false),
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => filled += read,
        }
    }
    Ok(true)
}

/// A journal as a node recycles it: its blocks are allocated and written once already.
fn zero_filled(path: &Path) -> std::io::Result<File> {
    let mut file = File::create(path)?;
    let zeros = vec![0; 1 << 20];
    for _ in 0..JOURNAL / zeros.len() {
        file.write_all(&zeros)?;
    }
    file.sync_all()?;
    file.rewind()?;
    Ok(file)
}

/// The receiver syncs after every 512 KiB, and segments when they are full.
struct Fixed {
    journal: File,
    segments: Vec<File>,
    answers: TcpStream,
    unsynced: usize,
    syncs: u64,
}

impl Fixed {
    fn sync(&mut self) -> Outcome {
        self.journal.sync_data()?;
        self.syncs += 1;
        let acknowledged = vec![1; self.unsynced / PIECE];
        self.unsynced = 0;
        self.answers.write_all(&acknowledged)
    }
}

impl Durability for Fixed {
    fn start(journal: File, segments: Vec<File>, answers: TcpStream) -> std::io::Result<Self> {
        Ok(Self {
            journal,
            segments,
            answers,
            unsynced: 0,
            syncs: 0,
        })
    }

    fn journaled(&mut self) -> Outcome {
        self.unsynced += PIECE;
        if self.unsynced < FIXED_SYNC {
            return Ok(());
        }
        self.sync()
    }

    fn segment_full(&mut self, segment: usize) -> Outcome {
        self.segments[segment].sync_data()
    }

    fn finish(&mut self) -> std::io::Result<u64> {
        if self.unsynced > 0 {
            self.sync()?;
        }
        Ok(self.syncs)
    }
}

/// One thread syncs the journal for whatever has arrived, another one the segments.
struct Window {
    shared: Arc<Shared>,
    full: Sender<usize>,
}

#[derive(Default)]
struct Shared {
    progress: Mutex<Progress>,
    changed: Condvar,
}

/// Pieces, counted from the start.
#[derive(Default)]
struct Progress {
    written: u64,
    durable: u64,
    syncs: u64,
    failure: Option<std::io::Error>,
}

impl Shared {
    /// Waits until the condition holds; an error once a sync has failed.
    fn wait(&self, until: impl Fn(&Progress) -> bool) -> std::io::Result<u64> {
        let progress = self.progress.lock().expect("nobody panics with it");
        let wait = |progress: &mut Progress| progress.failure.is_none() && !until(progress);
        let mut progress = self
            .changed
            .wait_while(progress, wait)
            .expect("nobody panics with it");
        match progress.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(progress.syncs),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.lock().expect("nobody panics with it"));
        self.changed.notify_all();
    }

    fn sync_windows(&self, journal: &File, mut answers: &TcpStream) -> Outcome {
        loop {
            let progress = self.progress.lock().expect("nobody panics with it");
            let nothing = |progress: &mut Progress| progress.written == progress.durable;
            let progress = self
                .changed
                .wait_while(progress, nothing)
                .expect("nobody panics with it");
            let (from, to) = (progress.durable, progress.written);
            drop(progress);
            journal.sync_data()?;
            answers.write_all(&vec![1; (to - from) as usize])?;
            self.change(|progress| {
                progress.durable = to;
                progress.syncs += 1;
            });
        }
    }
}

impl Durability for Window {
    fn start(journal: File, segments: Vec<File>, answers: TcpStream) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (full, to_sync) = channel();
        // Both threads end with the process: nothing waits for a piece that does not come.
        let syncer = Arc::clone(&shared);
        std::thread::spawn(move || {
            let result = syncer.sync_windows(&journal, &answers);
            syncer.change(|progress| progress.failure = result.err());
        });
        let syncer = Arc::clone(&shared);
        std::thread::spawn(move || {
            let result = sync_segments(&segments, &to_sync);
            syncer.change(|progress| progress.failure = result.err());
        });
        Ok(Self { shared, full })
    }

    fn journaled(&mut self) -> Outcome {
        self.shared.change(|progress| progress.written += 1);
        let room = |progress: &Progress| progress.written - progress.durable < WAITING_MAX;
        self.shared.wait(room).map(drop)
    }

    fn segment_full(&mut self, segment: usize) -> Outcome {
        self.full.send(segment).map_err(std::io::Error::other)
    }

    fn finish(&mut self) -> std::io::Result<u64> {
        self.shared
            .wait(|progress| progress.written == progress.durable)
    }
}

fn sync_segments(segments: &[File], full: &Receiver<usize>) -> Outcome {
    for segment in full {
        segments[segment].sync_data()?;
    }
    Ok(())
}

/// What this process has used, of all its threads alive.
struct Cpu {
    total: f64,
    user: f64,
    kernel: f64,
}

impl Cpu {
    fn now() -> std::io::Result<Self> {
        let mut nanos = 0;
        for task in std::fs::read_dir("/proc/self/task")? {
            let line = std::fs::read_to_string(task?.path().join("schedstat"))?;
            let first = line.split_whitespace().next().and_then(|n| n.parse().ok());
            nanos += first.unwrap_or(0_u64);
        }
        let stat = std::fs::read_to_string("/proc/self/stat")?;
        // The name may hold spaces; user and kernel time are fields 12 and 13 after it, in 10 ms.
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        let ticks = |at: usize| {
            after
                .split_whitespace()
                .nth(at)
                .and_then(|n| n.parse().ok())
        };
        Ok(Self {
            total: nanos as f64 / 1e9,
            user: ticks(11).unwrap_or(0.0) / 100.0,
            kernel: ticks(12).unwrap_or(0.0) / 100.0,
        })
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            total: self.total - before.total,
            user: self.user - before.user,
            kernel: self.kernel - before.kernel,
        }
    }
}
