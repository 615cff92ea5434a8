//! The machine's own files, through rustix.
//!
//! Calls that only touch the page cache run where they are made; whatever waits for the device
//! runs on a [`Pool`] of this disk. Every call is retried on EINTR, every write is continued until
//! all of it is taken. Files are made 0640 and directories 0750; a stricter umask narrows that.
//! Absent: no io_uring, no O_DIRECT. macOS is best effort: `F_FULLFSYNC` stands for `fdatasync`,
//! nothing starts writeback early, and residency is never known.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use chronik_types::Timestamp;
use rustix::fs::{FallocateFlags, FlockOperation, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::pool::{Pool, Urgency};
use super::{DirEntry, DirLock, Disk, File, IoFuture, OpenMode, Space};

/// The name of the file in a directory that carries the directory's lock.
const LOCK_FILE: &str = ".lock";
const FILE_MODE: u32 = 0o640;
const DIRECTORY_MODE: u32 = 0o750;
/// What the kernel takes in one vectored call (`IOV_MAX` on Linux and macOS).
#[cfg(target_os = "linux")]
const BUFFERS_MAX: usize = 1024;
/// Zeros written at a time where blocks cannot be reserved.
const ZEROS_LEN: usize = 1 << 20;

/// The files of this machine.
#[derive(Debug, Default)]
pub struct RealDisk {
    pool: Arc<Pool>,
}

impl RealDisk {
    /// A view of the machine's filesystem. Its threads start when they are first needed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut options = OpenOptions::new();
        options.read(true).mode(FILE_MODE);
        match mode {
            OpenMode::Read => &mut options,
            OpenMode::ReadWrite => options.write(true),
            OpenMode::CreateOrOpen => options.write(true).create(true).truncate(false),
            OpenMode::CreateNew => options.write(true).create_new(true),
        };
        let file = loop {
            match options.open(path) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        // Opening a directory for reading succeeds; the failure would only come with the read.
        if mode == OpenMode::Read && file.metadata()?.is_dir() {
            return Err(Errno::ISDIR.into());
        }
        Ok(Arc::new(RealFile {
            fd: Arc::new(file.into()),
            pool: Arc::clone(&self.pool),
        }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(path)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // Removed since the directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let is_dir = metadata.is_dir();
            entries.push(DirEntry {
                name: entry.file_name().to_string_lossy().into_owned(),
                is_dir,
                len: if is_dir { 0 } else { metadata.len() },
            });
        }
        entries.sort();
        Ok(entries)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        match std::fs::exists(path) {
            // A file stands where a directory of the path should: nothing is there.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
            result => result,
        }
    }

    fn sync_dir(&self, path: &Path) -> IoFuture<()> {
        let path = path.to_path_buf();
        self.pool
            .run(Urgency::Background, move || sync_directory(&path))
    }

    fn lock_dir(&self, path: &Path) -> io::Result<Box<dyn DirLock>> {
        let file = path.join(LOCK_FILE);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(mode_bits(FILE_MODE));
        let fd = retry_on_intr(|| rustix::fs::open(&file, flags, mode))?;
        retry_on_intr(|| rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive))?;
        Ok(Box::new(RealLock { _fd: fd, file }))
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let stat = retry_on_intr(|| rustix::fs::statvfs(path))?;
        Ok(Space {
            available: stat.f_bavail.saturating_mul(stat.f_frsize),
            total: stat.f_blocks.saturating_mul(stat.f_frsize),
        })
    }

    fn kind(&self, path: &Path) -> Option<&'static str> {
        kind_of(path)
    }
}

/// An open file. The descriptor is shared with jobs in flight, so that a dropped handle never
/// closes it under them.
#[derive(Debug)]
struct RealFile {
    fd: Arc<OwnedFd>,
    pool: Arc<Pool>,
}

impl File for RealFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buf.len() {
            let at = offset + filled as u64;
            match retry_on_intr(|| rustix::io::pread(&self.fd, &mut buf[filled..], at))? {
                0 => break,
                n => filled += n,
            }
        }
        Ok(filled)
    }

    fn read_resident(&self, buf: &mut [u8], offset: u64) -> io::Result<Option<usize>> {
        read_resident(&self.fd, buf, offset)
    }

    fn write_at(&self, bufs: &[Bytes], offset: u64) -> io::Result<()> {
        write_all(&self.fd, bufs, offset)
    }

    fn len(&self) -> io::Result<u64> {
        len_of(&self.fd)
    }

    fn modified(&self) -> Option<Timestamp> {
        let stat = rustix::fs::fstat(&self.fd).ok()?;
        Some(Timestamp::from_millis(stat.st_mtime.checked_mul(1000)?))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        Ok(retry_on_intr(|| rustix::fs::ftruncate(&self.fd, len))?)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        // Linux refuses an empty range.
        if len == 0 {
            return Ok(());
        }
        match retry_on_intr(|| rustix::fs::fallocate(&self.fd, FallocateFlags::empty(), 0, len)) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => write_zeros(&self.fd, len),
            // macOS reserves without lengthening.
            Ok(()) if len_of(&self.fd)? < len => self.set_len(len),
            result => Ok(result?),
        }
    }

    fn start_writeback(&self, offset: u64, len: u64) {
        let fd = Arc::clone(&self.fd);
        // It blocks when the device's queue is full, which no caller expects of a hint.
        self.pool.hint(move || start_writeback(&fd, offset, len));
    }

    fn sync(&self) -> IoFuture<()> {
        let fd = Arc::clone(&self.fd);
        self.pool.run(Urgency::Background, move || sync_data(&fd))
    }

    fn commit(&self, bufs: Vec<Bytes>, offset: u64) -> IoFuture<()> {
        let fd = Arc::clone(&self.fd);
        self.pool.run(Urgency::Commit, move || {
            write_all(&fd, &bufs, offset)?;
            sync_data(&fd)
        })
    }
}

/// The kernel releases the lock with the descriptor.
#[derive(Debug)]
struct RealLock {
    _fd: OwnedFd,
    // For `Debug` only.
    #[allow(dead_code)]
    file: PathBuf,
}

impl DirLock for RealLock {}

#[cfg(target_os = "linux")]
fn write_all(fd: &OwnedFd, bufs: &[Bytes], mut offset: u64) -> io::Result<()> {
    use std::io::IoSlice;

    let full = || bufs.iter().filter(|buf| !buf.is_empty());
    // The usual window is a handful of buffers: keep them off the heap.
    let mut few = [IoSlice::new(&[]); 16];
    let mut many;
    let mut rest: &mut [IoSlice<'_>] = if bufs.len() <= few.len() {
        let mut count = 0;
        for buf in full() {
            few[count] = IoSlice::new(buf);
            count += 1;
        }
        &mut few[..count]
    } else {
        many = full().map(|buf| IoSlice::new(buf)).collect::<Vec<_>>();
        &mut many
    };
    while !rest.is_empty() {
        let now = rest.len().min(BUFFERS_MAX);
        let written = retry_on_intr(|| rustix::io::pwritev(fd, &rest[..now], offset))?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        offset += written as u64;
        IoSlice::advance_slices(&mut rest, written);
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn write_all(fd: &OwnedFd, bufs: &[Bytes], mut offset: u64) -> io::Result<()> {
    for buf in bufs {
        let mut rest = &buf[..];
        while !rest.is_empty() {
            let written = retry_on_intr(|| rustix::io::pwrite(fd, rest, offset))?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            offset += written as u64;
            rest = &rest[written..];
        }
    }
    Ok(())
}

/// Blocks are had by writing zeros from the end of the file. Holes before it stay holes: nothing
/// that allocates has any.
fn write_zeros(fd: &OwnedFd, len: u64) -> io::Result<()> {
    let zeros = Bytes::from(vec![0; ZEROS_LEN]);
    let mut at = len_of(fd)?;
    while at < len {
        let now = usize::try_from(len - at).map_or(ZEROS_LEN, |left| left.min(ZEROS_LEN));
        write_all(fd, &[zeros.slice(..now)], at)?;
        at += now as u64;
    }
    Ok(())
}

fn len_of(fd: &OwnedFd) -> io::Result<u64> {
    let size = retry_on_intr(|| rustix::fs::fstat(fd))?.st_size;
    u64::try_from(size).map_err(io::Error::other)
}

#[cfg(target_os = "linux")]
fn read_resident(fd: &OwnedFd, buf: &mut [u8], offset: u64) -> io::Result<Option<usize>> {
    use rustix::io::ReadWriteFlags;
    use std::io::IoSliceMut;

    let mut filled = 0;
    while filled < buf.len() {
        let at = offset + filled as u64;
        let mut rest = [IoSliceMut::new(&mut buf[filled..])];
        match retry_on_intr(|| rustix::io::preadv2(fd, &mut rest, at, ReadWriteFlags::NOWAIT)) {
            Ok(0) => break,
            Ok(n) => filled += n,
            // A filesystem that cannot tell is read where it may block.
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(filled))
}

#[cfg(not(target_os = "linux"))]
fn read_resident(_fd: &OwnedFd, _buf: &mut [u8], _offset: u64) -> io::Result<Option<usize>> {
    Ok(None)
}

#[cfg(not(target_vendor = "apple"))]
fn sync_data(fd: &OwnedFd) -> io::Result<()> {
    Ok(retry_on_intr(|| rustix::fs::fdatasync(fd))?)
}

/// macOS has no `fdatasync`, and its `fsync` leaves the device's cache alone.
#[cfg(target_vendor = "apple")]
fn sync_data(fd: &OwnedFd) -> io::Result<()> {
    Ok(retry_on_intr(|| rustix::fs::fcntl_fullfsync(fd))?)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))?;
    Ok(retry_on_intr(|| rustix::fs::fsync(fd.as_fd()))?)
}

#[cfg(target_os = "linux")]
fn start_writeback(fd: &OwnedFd, offset: u64, len: u64) {
    use std::os::fd::AsRawFd as _;

    let (Ok(offset), Ok(len)) = (i64::try_from(offset), i64::try_from(len)) else {
        return;
    };
    // SAFETY: the descriptor is open while `fd` is borrowed, and the call takes no memory of ours.
    #[allow(unsafe_code)]
    let result =
        unsafe { libc::sync_file_range(fd.as_raw_fd(), offset, len, libc::SYNC_FILE_RANGE_WRITE) };
    // A failure means only that the sync has more to do. Without the WAIT flags this call does
    // not take note of write errors, so the sync still reports them.
    let _ = result;
}

#[cfg(not(target_os = "linux"))]
fn start_writeback(_fd: &OwnedFd, _offset: u64, _len: u64) {}

/// `mode_t` is narrower than 32 bits on macOS.
#[allow(clippy::unnecessary_cast, clippy::cast_possible_truncation)]
fn mode_bits(mode: u32) -> rustix::fs::RawMode {
    mode as rustix::fs::RawMode
}

#[cfg(target_os = "linux")]
fn kind_of(path: &Path) -> Option<&'static str> {
    let stat = retry_on_intr(|| rustix::fs::statfs(path)).ok()?;
    // The field's type differs between architectures; the magic numbers are 32 bits.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let magic = stat.f_type as u32;
    Some(match magic {
        0x0000_ef53 => "ext4",
        0x5846_5342 => "xfs",
        0x9123_683e => "btrfs",
        0x2fc1_2fc1 => "zfs",
        0xf2f5_2010 => "f2fs",
        0xca45_1a4e => "bcachefs",
        0x0102_1994 => "tmpfs",
        0x8584_58f6 => "ramfs",
        0x794c_7630 => "overlayfs",
        0x6573_5546 => "fuse",
        0x0000_6969 => "nfs",
        0x0000_517b | 0xfe53_4d42 | 0xff53_4d42 => "smb",
        0x00c3_6400 => "ceph",
        0x0102_1997 => "9p",
        _ => return None,
    })
}

#[cfg(not(target_os = "linux"))]
fn kind_of(_path: &Path) -> Option<&'static str> {
    None
}
