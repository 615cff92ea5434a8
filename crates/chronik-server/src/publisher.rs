//! Carries metadata changes to this node's partitions, then shows the new image to requests.
//!
//! The order matters: a request that sees a topic in the image finds its partition here.
//! Keeps I4: images are shown in the order of the metadata log.

use std::sync::Arc;

use chronik_controller::MetadataImage;
use chronik_raft::MetadataFeed;
use tokio::sync::watch;

use crate::coordinator::GroupCoordinator;
use crate::replica_manager::ReplicaManager;

/// Runs until the metadata log ends.
pub(crate) async fn publish(
    mut feed: MetadataFeed,
    replicas: Arc<ReplicaManager>,
    groups: Arc<GroupCoordinator>,
    image: watch::Sender<Arc<MetadataImage>>,
) {
    while let Some(update) = feed.next().await {
        replicas.apply(&update.image, &update.delta).await;
        groups.apply(&update.image, &update.delta);
        tracing::trace!(
            target: "chronik::metadata",
            index = update.image.applied().map(chronik_types::LogIndex::get),
            "published"
        );
        image.send_replace(update.image);
    }
}
