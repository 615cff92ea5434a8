//! After a load: everything is read, and the checker says what was broken.

use std::path::Path;
use std::sync::Arc;

use chronik_client::{OffsetSpec, Producer, ProducerOptions};
use chronik_verify::check;
use chronik_verify::history::{History, Operation, Outcome};

use crate::Failure;
use crate::load::{PARTITIONS, Reader, TOPIC, Writer, connect, partitions, place};
use crate::recorder::Recorder;

/// The processes of the judge, beside those of the load.
const LAST_WRITER: u32 = 31;
const LAST_READER: u32 = 32;
const ASKER: u32 = 33;

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Judgement {
    /// Records whose send was acknowledged.
    pub(crate) acknowledged: usize,
    /// Records of which their client does not know whether they were written, or knows that not.
    pub(crate) unacknowledged: usize,
    /// Records in the log at the end.
    pub(crate) stored: u64,
    /// What was promised and not kept.
    pub(crate) broken: Vec<String>,
}

impl Judgement {
    /// In words.
    pub(crate) fn summary(&self) -> String {
        let Self {
            acknowledged,
            unacknowledged,
            stored,
            broken,
        } = self;
        let first = broken.first().filter(|first| !first.is_empty());
        let first = first.map(|b| format!(" ({b})")).unwrap_or_default();
        format!(
            "{acknowledged} acknowledged, {unacknowledged} not, {stored} stored, {} broken promises{first}",
            broken.len()
        )
    }
}

/// Writes once to every partition, reads all of them to their ends, and checks the whole history.
/// The history of a broken run is kept in `keep`.
pub(crate) async fn judge(
    kafka: &str,
    recorder: &Arc<Recorder>,
    keep: &Path,
) -> Result<Judgement, Failure> {
    write_once(kafka, recorder).await?;
    let client = connect(kafka).await?;
    let asked: Vec<_> = partitions().map(|p| (p, OffsetSpec::Latest)).collect();
    let invoked = recorder.stamp();
    let found = client.list_offsets(TOPIC, &asked).await?;
    let mut ends = Vec::new();
    for (partition, listed) in found {
        let offset = listed
            .ok_or_else(|| Failure::new(format!("partition {partition} has no end")))?
            .offset;
        let operation = Operation::LogEnd {
            at: place(partition),
            offset: Some(offset.get().unsigned_abs()),
        };
        recorder.ended(ASKER, invoked, Outcome::Ok, operation);
        ends.push((partition, offset));
    }
    let reader = Reader::open(client, recorder, LAST_READER, Some(&ends)).await?;
    reader.finish().await;
    let (history, mut broken) = recorder.take();
    broken.extend(check(&history).iter().map(ToString::to_string));
    if !broken.is_empty() {
        std::fs::write(keep, history.to_json_lines()).map_err(Failure::io(keep.display()))?;
        broken[0] += &format!("; history in {}", keep.display());
    }
    let acknowledged = count_sends(&history, |outcome| outcome == Outcome::Ok);
    Ok(Judgement {
        acknowledged,
        unacknowledged: count_sends(&history, |outcome| outcome != Outcome::Ok),
        stored: ends.iter().map(|(_, end)| end.get().unsigned_abs()).sum(),
        broken,
    })
}

fn count_sends(history: &History, counts: impl Fn(Outcome) -> bool) -> usize {
    let counted = history.entries.iter().filter(|entry| {
        matches!(entry.operation, Operation::Produce { .. }) && counts(entry.outcome)
    });
    counted.count()
}

async fn write_once(kafka: &str, recorder: &Arc<Recorder>) -> Result<(), Failure> {
    let producer = Producer::new(connect(kafka).await?, ProducerOptions::default()).await?;
    let writer = Writer {
        recorder: Arc::clone(recorder),
        process: LAST_WRITER,
    };
    for (number, partition) in (0..PARTITIONS as u64).zip(partitions()) {
        writer.send(&producer, partition, number).await.await;
    }
    Ok(())
}
