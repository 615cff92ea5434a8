//! Kafka's checkpoint files at the root of the data directory, written on a clean stop so that
//! Kafka's tools (and Kafka) can read it: `0`, the number of lines, `<topic> <partition> <offset>`.
//!
//! Absent: reading them. Our own truth is in the journal. High watermarks are known to callers
//! only, so `replication-offset-checkpoint` holds the durable ends.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use chronik_io::fs::{Disk, OpenMode};
use chronik_types::Offset;

use crate::error::FileError;
use crate::log::PartitionLog;
use crate::shared::Shared;

/// Says that the directory was closed properly; Kafka skips its recovery then.
pub(super) const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";

/// Writes all of them.
pub(super) async fn write(shared: &Shared, logs: &[Arc<PartitionLog>]) -> Result<(), FileError> {
    let root = &shared.layout.root;
    let disk = &*shared.env.disk;
    let usable = || logs.iter().filter(|log| !log.is_offline());
    let text = |offset: fn(&PartitionLog) -> Offset| {
        let mut text = format!("0\n{}\n", usable().count());
        for log in usable() {
            let key = log.key();
            text.push_str(&format!(
                "{} {} {}\n",
                key.topic,
                key.partition,
                offset(log)
            ));
        }
        text
    };
    let compacted: Vec<_> = usable().filter(|log| log.is_compacted()).collect();
    let mut cleaned = format!("0\n{}\n", compacted.len());
    for log in compacted {
        let (key, offset) = (log.key(), log.compaction().cleaned_offset);
        cleaned.push_str(&format!("{} {} {offset}\n", key.topic, key.partition));
    }
    let files = [
        (
            "recovery-point-offset-checkpoint",
            text(|log| log.offsets().durable_end),
        ),
        (
            "log-start-offset-checkpoint",
            text(|log| log.offsets().log_start),
        ),
        (
            "replication-offset-checkpoint",
            text(|log| log.offsets().durable_end),
        ),
        ("cleaner-offset-checkpoint", cleaned),
        (
            CLEAN_SHUTDOWN,
            "{\"version\":0,\"brokerEpoch\":-1}".to_owned(),
        ),
    ];
    for (name, text) in files {
        replace(disk, root, name, text).await?;
    }
    disk.sync_dir(root)
        .await
        .map_err(|e| FileError::new("sync", root, e))
}

async fn replace(disk: &dyn Disk, root: &Path, name: &str, text: String) -> Result<(), FileError> {
    let path = root.join(name);
    let temporary = root.join(format!("{name}.tmp"));
    let failed = |e| FileError::new("write", &temporary, e);
    let file = disk
        .open(&temporary, OpenMode::CreateOrOpen)
        .map_err(failed)?;
    file.set_len(0).map_err(failed)?;
    file.write_at(&[Bytes::from(text)], 0).map_err(failed)?;
    file.sync().await.map_err(failed)?;
    disk.rename(&temporary, &path)
        .map_err(|e| FileError::new("rename", &path, e))
}
