//! Snapshots of the image on disk.
//!
//! ```text
//! file: "CHRKSNAP", version u16, length u64, CRC-32C of the content u32, content
//! content: meta (last log id, membership), image
//! ```
//! A snapshot is written beside its name, synced, renamed and the directory synced; only then do
//! older ones go. Whatever is half-made is swept away at start.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use chronik_controller::codec::{DecodeError, Reader, Writer};
use chronik_io::Env;
use chronik_io::fs::{OpenMode, read_up_to};

use crate::error::RaftStartError;
use crate::log::{crc32c, io_error};
use crate::types::SnapshotMeta;
use crate::wire::{read_snapshot_meta, term_of, write_snapshot_meta};

const MAGIC: &[u8; 8] = b"CHRKSNAP";
const VERSION: u16 = 0;
const HEADER_LEN: usize = 8 + 2 + 8 + 4;
const SUFFIX: &str = ".snapshot";
const UNFINISHED: &str = ".unfinished";

/// Where snapshots live.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotStore {
    env: Env,
    dir: PathBuf,
}

/// A snapshot as Raft hands it around: the image's bytes.
pub(crate) type SnapshotBytes = Bytes;

impl SnapshotStore {
    /// Finds the newest snapshot in `dir`.
    pub(crate) async fn open(
        env: Env,
        dir: PathBuf,
    ) -> Result<(Self, Option<(SnapshotMeta, SnapshotBytes)>), RaftStartError> {
        let store = Self { env, dir };
        let mut newest = None;
        for entry in store
            .env
            .disk
            .list(&store.dir)
            .map_err(io_error("list", &store.dir))?
        {
            let path = store.dir.join(&entry.name);
            if entry.name.ends_with(UNFINISHED) {
                store
                    .env
                    .disk
                    .remove_file(&path)
                    .map_err(io_error("remove", &path))?;
            } else if entry.name.ends_with(SUFFIX) {
                // Names sort by index: the last one is the newest.
                newest = Some(path);
            }
        }
        let snapshot = match newest {
            Some(path) => {
                let content = store.read(&path)?;
                let mut r = Reader::new(&content);
                let unreadable = |error| RaftStartError::Unreadable {
                    path: path.clone(),
                    error,
                };
                let meta = read_snapshot_meta(&mut r).map_err(unreadable)?;
                let image = r.rest();
                let at = content.len() - image.len();
                Some((meta, content.slice(at..)))
            }
            None => None,
        };
        Ok((store, snapshot))
    }

    fn read(&self, path: &Path) -> Result<Bytes, RaftStartError> {
        let file = self
            .env
            .disk
            .open(path, OpenMode::Read)
            .map_err(io_error("open", path))?;
        let len = file.len().map_err(io_error("read", path))?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let bytes = read_up_to(file.as_ref(), 0, len).map_err(io_error("read", path))?;
        let damaged = |why: &str| RaftStartError::Damaged {
            path: path.to_owned(),
            offset: 0,
            why: why.to_owned(),
        };
        let header = bytes
            .get(..HEADER_LEN)
            .ok_or_else(|| damaged("the snapshot has no header"))?;
        let mut r = Reader::new(header);
        let unreadable = |error| RaftStartError::Unreadable {
            path: path.to_owned(),
            error,
        };
        let magic = r.take(MAGIC.len()).map_err(unreadable)?;
        if magic != MAGIC {
            return Err(damaged("it is not a snapshot"));
        }
        let version = r.u16().map_err(unreadable)?;
        if version > VERSION {
            return Err(unreadable(DecodeError::UnsupportedVersion {
                what: "a snapshot of the metadata",
                version: u8::try_from(version).unwrap_or(u8::MAX),
                newest: 0,
            }));
        }
        let len = usize::try_from(r.u64().map_err(unreadable)?).unwrap_or(usize::MAX);
        let crc = r.u32().map_err(unreadable)?;
        let content = bytes.slice(HEADER_LEN..);
        if content.len() != len || crc32c(&content) != crc {
            return Err(damaged("the snapshot's checksum does not match"));
        }
        Ok(content)
    }

    /// Makes a snapshot durable and removes older ones.
    pub(crate) async fn save(
        &self,
        meta: &SnapshotMeta,
        image: &SnapshotBytes,
    ) -> std::io::Result<()> {
        let mut w = Writer::default();
        write_snapshot_meta(&mut w, meta);
        let meta_bytes = Bytes::from(w.bytes);
        let mut content = meta_bytes.to_vec();
        content.extend_from_slice(image);
        let mut header = Writer::default();
        header.bytes.extend_from_slice(MAGIC);
        header.u16(VERSION);
        header.u64(content.len() as u64);
        header.u32(crc32c(&content));
        let (index, term) = meta
            .last_log_id
            .map_or((0, 0), |id| (id.index, term_of(&id)));
        let name = format!("{index:020}-{term:010}{SUFFIX}");
        let path = self.dir.join(&name);
        let unfinished = self.dir.join(format!("{name}{UNFINISHED}"));
        let disk = &self.env.disk;
        let file = disk.open(&unfinished, OpenMode::CreateOrOpen)?;
        file.set_len(0)?;
        file.commit(vec![header.bytes.into(), content.into()], 0)
            .await?;
        disk.rename(&unfinished, &path)?;
        disk.sync_dir(&self.dir).await?;
        for entry in disk.list(&self.dir)? {
            if entry.name.ends_with(SUFFIX) && entry.name < name {
                disk.remove_file(&self.dir.join(entry.name))?;
            }
        }
        Ok(())
    }
}
