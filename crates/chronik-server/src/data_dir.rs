//! The data directory: its lock and its identity.
//!
//! `meta.properties` is durable, file and name, before the first socket opens. A directory of
//! another node, of Kafka itself, of a newer format or one that another process holds is refused
//! with what to do about it. Absent: what is in the directory besides the identity.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use chronik_io::Env;
use chronik_io::fs::{DirLock, OpenMode, read_up_to};
use chronik_types::{ClusterId, DirectoryId, NodeId};

/// The disk format this build writes. A greater one is refused by name.
pub const DISK_FORMAT: u32 = 1;

const FILE: &str = "meta.properties";
const FILE_BYTES_MAX: usize = 64 * 1024;

/// An open data directory; the lock is held as long as it lives.
#[derive(Debug)]
pub(crate) struct DataDir {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Which cluster it belongs to.
    pub(crate) cluster_id: ClusterId,
    /// This directory's own identity.
    pub(crate) directory_id: DirectoryId,
    _lock: Box<dyn DirLock>,
}

/// Why a data directory cannot be used.
#[derive(Debug)]
pub enum DataDirError {
    /// Another process has it.
    Locked(PathBuf),
    /// It holds files but no identity.
    Foreign(PathBuf, String),
    /// Kafka wrote it.
    Kafka(PathBuf),
    /// A newer Chronik wrote it.
    Newer(PathBuf, u32),
    /// Another node's.
    OtherNode(PathBuf, NodeId, NodeId),
    /// `meta.properties` cannot be understood.
    Damaged(PathBuf, String),
    /// The operating system refused.
    Io(PathBuf, &'static str, io::Error),
}

impl fmt::Display for DataDirError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked(path) => write!(
                f,
                "{} is in use by another process; stop it, or choose another --data-dir",
                path.display()
            ),
            Self::Foreign(path, name) => write!(
                f,
                "{} is not a Chronik data directory (it holds {name:?} and no {FILE}); choose an empty --data-dir",
                path.display()
            ),
            Self::Kafka(path) => write!(
                f,
                "{} belongs to an Apache Kafka broker; choose another --data-dir",
                path.display()
            ),
            Self::Newer(path, format) => write!(
                f,
                "{} has disk format {format}, newer than {DISK_FORMAT}, which this version writes; start a newer Chronik",
                path.display()
            ),
            Self::OtherNode(path, theirs, ours) => write!(
                f,
                "{} belongs to node {theirs}, and this is node {ours}; pass --node-id {theirs} or another --data-dir",
                path.display()
            ),
            Self::Damaged(path, what) => {
                write!(f, "{} cannot be read: {what}", path.join(FILE).display())
            }
            Self::Io(path, doing, error) => {
                write!(f, "cannot {doing} {}: {error}", path.display())?;
                match error.kind() {
                    io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => f
                        .write_str(
                            "; make it writable for this user, or choose another --data-dir",
                        ),
                    _ => Ok(()),
                }
            }
        }
    }
}

impl std::error::Error for DataDirError {}

impl DataDir {
    /// Locks the directory, making it if it is not there, and reads or writes its identity.
    pub(crate) async fn open(env: &Env, path: &Path, node: NodeId) -> Result<Self, DataDirError> {
        let disk = &env.disk;
        let io = |doing| move |error| DataDirError::Io(path.to_owned(), doing, error);
        disk.create_dir_all(path).map_err(io("create"))?;
        let lock = disk.lock_dir(path).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => DataDirError::Locked(path.to_owned()),
            _ => DataDirError::Io(path.to_owned(), "lock", error),
        })?;
        let file = path.join(FILE);
        if disk.exists(&file).map_err(io("read"))? {
            let text = disk
                .open(&file, OpenMode::Read)
                .and_then(|f| read_up_to(f.as_ref(), 0, FILE_BYTES_MAX))
                .map_err(io("read"))?;
            let (cluster_id, directory_id) = read_identity(path, node, &text)?;
            return Ok(Self {
                path: path.to_owned(),
                cluster_id,
                directory_id,
                _lock: lock,
            });
        }
        let entries = disk.list(path).map_err(io("list"))?;
        let ours = |name: &str| matches!(name, ".lock" | "lost+found" | "meta.properties.tmp");
        if let Some(stranger) = entries.into_iter().find(|entry| !ours(&entry.name)) {
            return Err(DataDirError::Foreign(path.to_owned(), stranger.name));
        }
        let cluster_id = ClusterId::new(env.rng.uuid());
        let directory_id = DirectoryId::new(env.rng.uuid());
        write_identity(env, path, node, cluster_id, directory_id)
            .await
            .map_err(io("write"))?;
        Ok(Self {
            path: path.to_owned(),
            cluster_id,
            directory_id,
            _lock: lock,
        })
    }
}

async fn write_identity(
    env: &Env,
    path: &Path,
    node: NodeId,
    cluster_id: ClusterId,
    directory_id: DirectoryId,
) -> io::Result<()> {
    let text = format!(
        "version=1\nchronik.format={DISK_FORMAT}\ncluster.id={cluster_id}\nnode.id={node}\ndirectory.id={directory_id}\n"
    );
    let temporary = path.join("meta.properties.tmp");
    let file = env.disk.open(&temporary, OpenMode::CreateOrOpen)?;
    file.set_len(0)?;
    file.commit(vec![Bytes::from(text)], 0).await?;
    env.disk.rename(&temporary, &path.join(FILE))?;
    env.disk.sync_dir(path).await?;
    if let Some(parent) = path.parent() {
        let parent = if parent.as_os_str().is_empty() {
            Path::new(".")
        } else {
            parent
        };
        env.disk.sync_dir(parent).await?;
    }
    Ok(())
}

fn read_identity(
    path: &Path,
    node: NodeId,
    text: &[u8],
) -> Result<(ClusterId, DirectoryId), DataDirError> {
    let damaged = |what: String| DataDirError::Damaged(path.to_owned(), what);
    let text = std::str::from_utf8(text).map_err(|_| damaged("it is not text".to_owned()))?;
    let values: BTreeMap<&str, &str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .collect();
    let value = |name: &str| {
        values
            .get(name)
            .copied()
            .ok_or_else(|| damaged(format!("{name} is missing")))
    };
    let number = |name: &str| {
        value(name)?
            .parse::<u32>()
            .map_err(|_| damaged(format!("{name} is no number")))
    };
    if !values.contains_key("chronik.format") {
        return Err(DataDirError::Kafka(path.to_owned()));
    }
    let format = number("chronik.format")?;
    if format > DISK_FORMAT {
        return Err(DataDirError::Newer(path.to_owned(), format));
    }
    let theirs = value("node.id")?
        .parse()
        .map(NodeId::new)
        .map_err(|_| damaged("node.id is no number".to_owned()))?;
    if theirs != node {
        return Err(DataDirError::OtherNode(path.to_owned(), theirs, node));
    }
    let id = |name: &str| {
        value(name)?
            .parse()
            .map_err(|_| damaged(format!("{name} is no uuid")))
    };
    Ok((
        ClusterId::new(id("cluster.id")?),
        DirectoryId::new(id("directory.id")?),
    ))
}
