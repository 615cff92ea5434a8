//! Looking at the files of a stopped node: what `chronik log dump` prints and `chronik log check`
//! verifies. Reads only.
//!
//! A path is a file (`.log`, `.index`, `.timeindex`, `.snapshot`, `.journal`,
//! `leader-epoch-checkpoint`, `cleaner-offset`) or a directory, of which every such file is read. The first bad
//! byte of each file is named. Absent: the metadata log, which has its own crate.

use std::fmt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use chronik_io::fs::{Disk, File, OpenMode, read_up_to};
use chronik_types::Offset;

use crate::batch::{HEADER_BYTES, Header};
use crate::epochs::LeaderEpochs;
use crate::error::{FileError, OpenError};
use crate::index::{Entry, OffsetEntry, TimeEntry};
use crate::journal::file::{FRAMES_AT, FileHeader};
use crate::journal::frame::{FRAME_ALIGN, FRAME_HEADER_BYTES, FrameHeader, frame_bytes};
use crate::journal::record::{RECORD_HEADER_BYTES, Record, RecordHeader};
use crate::log::decode_cleaned;
use crate::producers;

/// The first byte of a file that is not what it should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// The byte's position.
    pub position: u64,
    /// What is wrong there.
    pub reason: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: byte {}: {}",
            self.path.display(),
            self.position,
            self.reason
        )
    }
}

/// What was read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Inspection {
    /// Files read.
    pub files: usize,
    /// The first damage of each file that has one.
    pub damage: Vec<Damage>,
}

/// Reads `path` and hands a line for everything found to `line`.
pub fn inspect(
    disk: &dyn Disk,
    path: &Path,
    line: &mut dyn FnMut(&str),
) -> Result<Inspection, OpenError> {
    let mut inspection = Inspection::default();
    let mut paths = vec![path.to_owned()];
    while let Some(path) = paths.pop() {
        match disk.list(&path) {
            Ok(mut entries) => {
                entries.reverse();
                paths.extend(entries.iter().map(|entry| path.join(&entry.name)));
            }
            Err(_) => inspect_file(disk, &path, line, &mut inspection)?,
        }
    }
    Ok(inspection)
}

fn inspect_file(
    disk: &dyn Disk,
    path: &Path,
    line: &mut dyn FnMut(&str),
    inspection: &mut Inspection,
) -> Result<(), OpenError> {
    let name = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let base = name
        .split_once('.')
        .and_then(|(stem, _)| stem.parse().ok())
        .map_or(Offset::ZERO, Offset::new);
    let suffix = name.rsplit_once('.').map_or(&*name, |(_, suffix)| suffix);
    if !matches!(
        suffix,
        "log"
            | "index"
            | "timeindex"
            | "snapshot"
            | "journal"
            | "leader-epoch-checkpoint"
            | "cleaner-offset"
    ) {
        return Ok(());
    }
    let file = disk
        .open(path, OpenMode::Read)
        .map_err(|e| FileError::new("open", path, e))?;
    inspection.files += 1;
    line(&format!("{}:", path.display()));
    let reader = Reader { file: &*file, path };
    let damage = match suffix {
        "log" => reader.log(line)?,
        "index" => reader.offset_index(base, line)?,
        "timeindex" => reader.time_index(base, line)?,
        "snapshot" => reader.snapshot(line)?,
        "journal" => reader.journal(line)?,
        "cleaner-offset" => reader.cleaner_offset(line)?,
        _ => reader.epochs(line)?,
    };
    if let Some((position, reason)) = damage {
        line(&format!("  DAMAGED at byte {position}: {reason}"));
        inspection.damage.push(Damage {
            path: path.to_owned(),
            position,
            reason,
        });
    }
    Ok(())
}

/// Where and what.
type Found = Option<(u64, String)>;

struct Reader<'a> {
    file: &'a dyn File,
    path: &'a Path,
}

impl Reader<'_> {
    fn read(&self, position: u64, len: usize) -> Result<Bytes, FileError> {
        read_up_to(self.file, position, len).map_err(|e| FileError::new("read", self.path, e))
    }

    fn len(&self) -> Result<u64, FileError> {
        self.file
            .len()
            .map_err(|e| FileError::new("measure", self.path, e))
    }

    fn all(&self) -> Result<Bytes, FileError> {
        let len = self.len()?;
        self.read(0, usize::try_from(len).unwrap_or(usize::MAX))
    }

    fn log(&self, line: &mut dyn FnMut(&str)) -> Result<Found, FileError> {
        let len = self.len()?;
        let (mut at, mut end) = (0, Offset::ZERO);
        while at < len {
            let head = self.read(at, HEADER_BYTES)?;
            let Some(header) = Header::parse(&head) else {
                return Ok(Some((at, "no batch begins here".to_owned())));
            };
            if at + header.size as u64 > len {
                return Ok(Some((
                    at,
                    format!("a batch of {} bytes is cut off", header.size),
                )));
            }
            let batch = self.read(at, header.size)?;
            if !header.checksum_fits(&batch) {
                return Ok(Some((at, "the batch's checksum does not fit".to_owned())));
            }
            if header.base_offset < end {
                return Ok(Some((
                    at,
                    format!("offset {} after {end}", header.base_offset),
                )));
            }
            let producer = header.producer.map_or_else(String::new, |producer| {
                format!(
                    " producer {} epoch {} sequence {}",
                    producer.id,
                    producer.epoch,
                    producer
                        .first_sequence
                        .map_or(-1, |sequence| sequence.get())
                )
            });
            line(&format!(
                "  {at}: offsets {}..={} leader epoch {} records {} bytes {} time {}..={} \
                 attributes {:#06x}{producer}",
                header.base_offset,
                header.last_offset(),
                header.leader_epoch,
                header.count,
                header.size,
                header.base_timestamp,
                header.max_timestamp,
                header.attributes
            ));
            end = header.next_offset();
            at += header.size as u64;
        }
        Ok(None)
    }

    fn offset_index(&self, base: Offset, line: &mut dyn FnMut(&str)) -> Result<Found, FileError> {
        self.entries::<OffsetEntry>(line, |entry| {
            format!(
                "offset {} at byte {}",
                base.plus(i64::from(entry.relative)),
                entry.position
            )
        })
    }

    fn time_index(&self, base: Offset, line: &mut dyn FnMut(&str)) -> Result<Found, FileError> {
        self.entries::<TimeEntry>(line, |entry| {
            format!(
                "time {} offset {}",
                entry.timestamp,
                base.plus(i64::from(entry.relative))
            )
        })
    }

    fn entries<E: Entry>(
        &self,
        line: &mut dyn FnMut(&str),
        describe: impl Fn(&E) -> String,
    ) -> Result<Found, FileError> {
        let bytes = self.all()?;
        let mut last = None;
        for (n, chunk) in bytes.chunks(E::BYTES).enumerate() {
            let at = (n * E::BYTES) as u64;
            if chunk.len() < E::BYTES {
                return Ok(Some((at, "an entry is cut off".to_owned())));
            }
            let entry = E::read(chunk);
            if last.is_some_and(|last| last >= entry.key()) {
                return Ok(Some((
                    at,
                    "an entry does not follow the one before".to_owned(),
                )));
            }
            last = Some(entry.key());
            line(&format!("  {at}: {}", describe(&entry)));
        }
        Ok(None)
    }

    fn snapshot(&self, line: &mut dyn FnMut(&str)) -> Result<Found, FileError> {
        let Ok(known) = producers::decode(&self.all()?) else {
            return Ok(Some((
                0,
                "not a producer snapshot, or its checksum does not fit".to_owned(),
            )));
        };
        for producer in known.describe() {
            line(&format!(
                "  producer {} epoch {} last sequence {} last time {}",
                producer.id,
                producer.epoch,
                producer.last_sequence.map_or(-1, |sequence| sequence.get()),
                producer.last_timestamp.as_millis()
            ));
        }
        Ok(None)
    }

    fn cleaner_offset(&self, line: &mut dyn FnMut(&str)) -> Result<Found, FileError> {
        let bytes = self.all()?;
        let cleaned = decode_cleaned(&bytes);
        Ok(match cleaned {
            Some(cleaned) => {
                line(&format!("  compacted below offset {cleaned}"));
                None
            }
            None => Some((0, "not a cleaner offset".to_owned())),
        })
    }

    fn epochs(&self, line: &mut dyn FnMut(&str)) -> Result<Found, FileError> {
        let bytes = self.all()?;
        let Some(epochs) = std::str::from_utf8(&bytes)
            .ok()
            .and_then(LeaderEpochs::decode)
        else {
            return Ok(Some((0, "not a leader-epoch checkpoint".to_owned())));
        };
        for (epoch, start) in epochs.entries() {
            line(&format!("  leader epoch {epoch} starts at {start}"));
        }
        Ok(None)
    }

    fn journal(&self, line: &mut dyn FnMut(&str)) -> Result<Found, OpenError> {
        let len = self.len()?;
        let head = self.read(0, FRAME_ALIGN as usize)?;
        let Some(header) = FileHeader::decode(self.path, &head)? else {
            let unused = head.iter().all(|byte| *byte == 0);
            line("  prepared, never used");
            return Ok((!unused).then(|| (0, "the header's checksum does not fit".to_owned())));
        };
        line(&format!(
            "  file sequence {}, live from {}, first frame {}",
            header.sequence, header.first_live, header.first_frame
        ));
        let (mut at, mut next) = (FRAMES_AT, header.first_frame);
        while at + FRAME_ALIGN <= len {
            let Some((frame, payload)) = self.frame(at, &header, next)? else {
                return Ok(self.proof_of_hole(at, len, &header, next)?.map(|proof| {
                    (
                        at,
                        format!("frame {next} had been durable, as the one at byte {proof} says"),
                    )
                }));
            };
            line(&format!(
                "  {at}: frame {} durable up to {} bytes {}",
                frame.frame_sequence, frame.durable_upto, frame.payload_bytes
            ));
            if let Some(damage) = records(at, &payload, line) {
                return Ok(Some(damage));
            }
            at += frame_bytes(frame.payload_bytes);
            next += 1;
        }
        Ok(None)
    }

    fn frame(
        &self,
        at: u64,
        header: &FileHeader,
        sequence: u64,
    ) -> Result<Option<(FrameHeader, Bytes)>, FileError> {
        let head = self.read(at, FRAME_HEADER_BYTES)?;
        let Some(frame) = FrameHeader::decode(&head).filter(|frame| {
            frame.file_sequence == header.sequence && frame.frame_sequence == sequence
        }) else {
            return Ok(None);
        };
        let payload = self.read(at + FRAME_HEADER_BYTES as u64, frame.payload_bytes)?;
        Ok(frame.fits(&head, &payload).then_some((frame, payload)))
    }

    /// A later frame that says the missing one was durable.
    fn proof_of_hole(
        &self,
        at: u64,
        len: u64,
        header: &FileHeader,
        missing: u64,
    ) -> Result<Option<u64>, FileError> {
        let mut at = at + FRAME_ALIGN;
        while at + FRAME_ALIGN <= len {
            let head = self.read(at, FRAME_HEADER_BYTES)?;
            if let Some(frame) = FrameHeader::decode(&head)
                && frame.durable_upto > missing
                && self.frame(at, header, frame.frame_sequence)?.is_some()
            {
                return Ok(Some(at));
            }
            at += FRAME_ALIGN;
        }
        Ok(None)
    }
}

fn records(at: u64, payload: &Bytes, line: &mut dyn FnMut(&str)) -> Found {
    let mut from = 0;
    while from < payload.len() {
        let position = at + (FRAME_HEADER_BYTES + from) as u64;
        let parsed = RecordHeader::decode(&payload[from..]).and_then(|header| {
            let body = from + RECORD_HEADER_BYTES;
            let end = body + header.body_bytes;
            Some((
                header,
                Record::decode(header.kind, &payload.slice(body..end))?,
                end,
            ))
        });
        let Some((header, record, end)) = parsed else {
            return Some((position, "an unknown record in a valid frame".to_owned()));
        };
        let what = match record {
            Record::Append {
                base_offset,
                batches,
            } => {
                format!("append at {base_offset}, {} bytes", batches.len())
            }
            other => format!("{other:?}"),
        };
        line(&format!(
            "    {position}: {}-{} operation {} {what}",
            header.id.topic_id, header.id.partition, header.operation
        ));
        from = end;
    }
    None
}
