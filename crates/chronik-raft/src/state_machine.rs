//! Applies committed entries to the image, and makes and takes snapshots of it.
//!
//! Keeps I4: only what openraft says is committed is folded in, in order, and every image that
//! anybody sees was made here. A failure here is fatal for the node: openraft stops, and the node
//! ends itself.

use std::io;
use std::sync::Arc;

use chronik_controller::{ApplyOutcome, MetadataDelta, MetadataImage};
use chronik_types::LogIndex;
use futures_util::{Stream, StreamExt as _};
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder, Snapshot};

use crate::feed::Publisher;
use crate::snapshots::{SnapshotBytes, SnapshotStore};
use crate::types::{ApplyResult, LogId, SnapshotMeta, StoredMembership, TypeConfig};

type MetadataSnapshot = openraft::type_config::alias::SnapshotOf<TypeConfig, SnapshotBytes>;

/// The image and where it came from.
#[derive(Debug)]
pub(crate) struct StateMachine {
    image: Arc<MetadataImage>,
    applied: Option<LogId>,
    membership: StoredMembership,
    publisher: Publisher,
    snapshots: SnapshotStore,
    snapshot: Arc<std::sync::Mutex<Option<(SnapshotMeta, SnapshotBytes)>>>,
}

impl StateMachine {
    /// Starts from the newest snapshot.
    pub(crate) fn new(
        snapshots: SnapshotStore,
        snapshot: Option<(SnapshotMeta, SnapshotBytes)>,
    ) -> io::Result<Self> {
        let mut machine = Self {
            image: Arc::new(MetadataImage::default()),
            applied: None,
            membership: StoredMembership::default(),
            publisher: Publisher::new(Arc::new(MetadataImage::default())),
            snapshots,
            snapshot: Arc::default(),
        };
        if let Some((meta, bytes)) = snapshot {
            machine.take_over(&meta, &bytes)?;
            *machine.newest() = Some((meta, bytes));
        }
        Ok(machine)
    }

    pub(crate) fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    fn newest(&self) -> std::sync::MutexGuard<'_, Option<(SnapshotMeta, SnapshotBytes)>> {
        self.snapshot
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn take_over(&mut self, meta: &SnapshotMeta, bytes: &SnapshotBytes) -> io::Result<()> {
        let image = MetadataImage::decode(bytes)
            .map_err(|error| io::Error::other(format!("a snapshot of the metadata: {error}")))?;
        let image = Arc::new(image);
        let delta = MetadataDelta::between(&self.image, &image);
        self.image = image;
        self.applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        self.publisher.publish(self.image.clone(), &delta);
        Ok(())
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = SnapshotBytes;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        while let Some(next) = entries.next().await {
            let (entry, responder) = next?;
            let index = LogIndex::new(entry.log_id.index);
            // Sharing makes this a few pointers; the maps copy only what changes.
            let mut image = MetadataImage::clone(&self.image);
            let outcome = match &entry.payload {
                EntryPayload::Normal(metadata) => image.apply(index, metadata),
                EntryPayload::Blank => {
                    image.skip(index);
                    ApplyOutcome::Applied(MetadataDelta::default())
                }
                EntryPayload::Membership(membership) => {
                    image.skip(index);
                    self.membership = StoredMembership::new(Some(entry.log_id), membership.clone());
                    ApplyOutcome::Applied(MetadataDelta::default())
                }
            };
            self.image = Arc::new(image);
            self.applied = Some(entry.log_id);
            let (delta, conflict) = match outcome {
                ApplyOutcome::Applied(delta) => (delta, false),
                ApplyOutcome::Conflict => (MetadataDelta::default(), true),
            };
            tracing::trace!(target: "chronik::metadata", index = index.get(), conflict, step = "apply");
            self.publisher.publish(self.image.clone(), &delta);
            if let Some(responder) = responder {
                responder.send(ApplyResult {
                    image: self.image.clone(),
                    conflict,
                });
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        SnapshotBuilder {
            meta: SnapshotMeta {
                last_log_id: self.applied,
                last_membership: self.membership.clone(),
            },
            image: self.image.clone(),
            snapshots: self.snapshots.clone(),
            newest: self.snapshot.clone(),
        }
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: SnapshotBytes,
    ) -> io::Result<()> {
        self.snapshots.save(meta, &snapshot).await?;
        self.take_over(meta, &snapshot)?;
        *self.newest() = Some((meta.clone(), snapshot));
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<MetadataSnapshot>> {
        Ok(self
            .newest()
            .clone()
            .map(|(meta, snapshot)| Snapshot { meta, snapshot }))
    }
}

/// Makes a snapshot of the image as it was when the builder was made.
#[derive(Debug)]
pub(crate) struct SnapshotBuilder {
    meta: SnapshotMeta,
    image: Arc<MetadataImage>,
    snapshots: SnapshotStore,
    newest: Arc<std::sync::Mutex<Option<(SnapshotMeta, SnapshotBytes)>>>,
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    type SnapshotData = SnapshotBytes;

    async fn build_snapshot(&mut self) -> io::Result<MetadataSnapshot> {
        let bytes = self.image.encode();
        self.snapshots.save(&self.meta, &bytes).await?;
        let snapshot = (self.meta.clone(), bytes.clone());
        *self
            .newest
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(snapshot);
        Ok(Snapshot {
            meta: self.meta.clone(),
            snapshot: bytes,
        })
    }
}
