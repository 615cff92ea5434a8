//! Journal files. Each is written with zeros once and then used again and again under new
//! sequences; its name is only a slot.
//!
//! ```text
//!  0 magic "CHRJ" | 4 format version u32 = 1 | 8 file sequence u64 | 16 first live sequence u64
//! 24 first frame sequence u64 | 32 crc32c u32 of bytes 0..32 | zeros up to 4096 | frames
//! ```
//!
//! The header is the marker that supersedes: files with a sequence below the greatest header's
//! "first live sequence" are dead. The frames of a file begin with the state of every partition,
//! so the files before it are needed only for operations that are not covered yet.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use chronik_io::fs::{Disk, File, OpenMode, read_up_to};

use super::frame::FRAME_ALIGN;
use crate::batch::checksum;
use crate::error::{FileError, OpenError};

/// Where the first frame of a file begins.
pub(crate) const FRAMES_AT: u64 = FRAME_ALIGN;
/// The format written and the newest one read.
const VERSION: u32 = 1;
const MAGIC: u32 = 0x4348_524a;
const HEADER_BYTES: usize = 36;
const SUFFIX: &str = ".journal";

/// A file header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FileHeader {
    pub(crate) sequence: u64,
    /// Files below are superseded.
    pub(crate) first_live: u64,
    /// The sequence of the first frame in it.
    pub(crate) first_frame: u64,
}

/// A journal file that is open.
#[derive(Clone, Debug)]
pub(crate) struct JournalFile {
    pub(crate) slot: u32,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn File>,
    pub(crate) bytes: u64,
}

impl FileHeader {
    /// The first block of the file.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(FRAMES_AT as usize);
        out.put_u32(MAGIC);
        out.put_u32(VERSION);
        out.put_u64(self.sequence);
        out.put_u64(self.first_live);
        out.put_u64(self.first_frame);
        let crc = checksum(&out);
        out.put_u32(crc);
        out.put_bytes(0, FRAMES_AT as usize - HEADER_BYTES);
        out.freeze()
    }

    /// Reads a header; `Ok(None)` for a file that was prepared but never used, or whose header
    /// was torn.
    pub(crate) fn decode(path: &Path, bytes: &[u8]) -> Result<Option<Self>, OpenError> {
        let Some(mut input) = bytes.get(..HEADER_BYTES) else {
            return Ok(None);
        };
        let fits = checksum(&input[..HEADER_BYTES - 4]);
        if input.get_u32() != MAGIC {
            return Ok(None);
        }
        let version = input.get_u32();
        let header = Self {
            sequence: input.get_u64(),
            first_live: input.get_u64(),
            first_frame: input.get_u64(),
        };
        if input.get_u32() != fits {
            return Ok(None);
        }
        if version > VERSION {
            return Err(OpenError::NewerJournal {
                path: path.to_owned(),
                version,
            });
        }
        Ok(Some(header))
    }
}

impl JournalFile {
    /// Makes a file of `bytes` zeros under a new slot. It is durable once [`File::sync`] of it and
    /// a sync of its directory are done.
    pub(crate) fn prepare(
        disk: &dyn Disk,
        dir: &Path,
        slot: u32,
        bytes: u64,
    ) -> Result<Self, FileError> {
        static ZEROS: [u8; 1 << 18] = [0; 1 << 18];
        let bytes = bytes.next_multiple_of(FRAME_ALIGN).max(8 * FRAME_ALIGN);
        let path = dir.join(format!("{slot:08}{SUFFIX}"));
        let file = disk
            .open(&path, OpenMode::CreateNew)
            .map_err(|e| FileError::new("create", &path, e))?;
        let fill = || {
            file.allocate(bytes)?;
            let mut at = 0;
            while at < bytes {
                let step = (bytes - at).min(ZEROS.len() as u64);
                file.write_at(&[Bytes::from_static(&ZEROS[..step as usize])], at)?;
                at += step;
            }
            Ok(())
        };
        if let Err(error) = fill() {
            // Without its header it counts for nothing; if it cannot go now, the next start sees it.
            let _ = disk.remove_file(&path);
            return Err(FileError::new("write", &path, error));
        }
        Ok(Self {
            slot,
            path,
            file,
            bytes,
        })
    }

    /// Opens every journal file of a directory, by slot.
    pub(crate) fn open_all(disk: &dyn Disk, dir: &Path) -> Result<Vec<Self>, FileError> {
        let mut files = Vec::new();
        for entry in disk.list(dir).map_err(|e| FileError::new("list", dir, e))? {
            let Some(slot) = entry.name.strip_suffix(SUFFIX).and_then(|s| s.parse().ok()) else {
                continue;
            };
            let path = dir.join(&entry.name);
            let file = disk
                .open(&path, OpenMode::ReadWrite)
                .map_err(|e| FileError::new("open", &path, e))?;
            files.push(Self {
                slot,
                path,
                file,
                bytes: entry.len,
            });
        }
        Ok(files)
    }

    /// Makes the file an unused one, durably: every operation in it is covered.
    pub(crate) async fn erase_header(&self) -> Result<(), FileError> {
        let zeros = Bytes::from_static(&[0; FRAMES_AT as usize]);
        self.file
            .commit(vec![zeros], 0)
            .await
            .map_err(|e| FileError::new("write and sync", &self.path, e))
    }

    pub(crate) fn header(&self) -> Result<Option<FileHeader>, OpenError> {
        let bytes = read_up_to(&*self.file, 0, HEADER_BYTES)
            .map_err(|e| FileError::new("read", &self.path, e))?;
        FileHeader::decode(&self.path, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_damage_is_noticed_and_newer_formats_are_refused_by_name() {
        let header = FileHeader {
            sequence: 9,
            first_live: 7,
            first_frame: 1234,
        };
        let bytes = header.encode();
        let path = Path::new("00000001.journal");
        assert_eq!(FileHeader::decode(path, &bytes).unwrap(), Some(header));
        for at in 0..HEADER_BYTES {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= 4;
            assert_eq!(
                FileHeader::decode(path, &damaged).unwrap(),
                None,
                "byte {at}"
            );
        }
        let mut newer = bytes.to_vec();
        newer[7] = 2;
        let crc = checksum(&newer[..32]);
        newer[32..36].copy_from_slice(&crc.to_be_bytes());
        assert!(FileHeader::decode(path, &newer).is_err());
    }
}
