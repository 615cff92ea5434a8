//! Images for readers and deltas for publishers.
//!
//! A subscriber gets every change, in order and at its own pace: changes that it has not taken yet
//! are merged into one, so a slow one costs one delta of memory and loses nothing (I4).

use std::sync::{Arc, Mutex, PoisonError};

use chronik_controller::{MetadataDelta, MetadataImage};
use tokio::sync::{Notify, watch};

/// A step from one image to a later one.
#[derive(Clone, Debug)]
pub struct MetadataUpdate {
    /// The image that the subscriber had.
    pub before: Arc<MetadataImage>,
    /// The image it has now. Its `applied` is the index of the step.
    pub image: Arc<MetadataImage>,
    /// What changed in between.
    pub delta: MetadataDelta,
}

#[derive(Debug)]
struct Pending {
    update: Mutex<Option<MetadataUpdate>>,
    wake: Notify,
}

/// A subscriber's end.
#[derive(Debug)]
pub struct MetadataFeed {
    pending: Arc<Pending>,
    /// Keeps knowing whether the state machine is still there.
    alive: watch::Receiver<Arc<MetadataImage>>,
}

impl MetadataFeed {
    /// The next change; `None` when there will be no more. The first one comes at once and leads
    /// from the empty image to the newest. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<MetadataUpdate> {
        loop {
            let taken = lock(&self.pending.update).take();
            if taken.is_some() {
                return taken;
            }
            let woken = self.pending.wake.notified();
            tokio::select! {
                biased;
                () = woken => {}
                changed = self.alive.changed() => if changed.is_err() {
                    return lock(&self.pending.update).take();
                }
            }
        }
    }
}

/// The state machine's end.
#[derive(Debug)]
pub(crate) struct Publisher {
    image: watch::Sender<Arc<MetadataImage>>,
    subscribers: Arc<Subscribers>,
}

/// Who gets changes.
#[derive(Debug)]
pub(crate) struct Subscribers {
    list: Mutex<Vec<std::sync::Weak<Pending>>>,
}

impl Publisher {
    pub(crate) fn new(image: Arc<MetadataImage>) -> Self {
        Self {
            image: watch::Sender::new(image),
            subscribers: Arc::new(Subscribers {
                list: Mutex::new(Vec::new()),
            }),
        }
    }

    pub(crate) fn image(&self) -> watch::Receiver<Arc<MetadataImage>> {
        self.image.subscribe()
    }

    pub(crate) fn subscribers(&self) -> Arc<Subscribers> {
        self.subscribers.clone()
    }

    /// Makes `image` the newest. `delta` leads to it from the one before.
    pub(crate) fn publish(&self, image: Arc<MetadataImage>, delta: &MetadataDelta) {
        let mut list = lock(&self.subscribers.list);
        let before = self.image.borrow().clone();
        list.retain(|subscriber| {
            let Some(pending) = subscriber.upgrade() else {
                return false;
            };
            let mut update = lock(&pending.update);
            match &mut *update {
                Some(update) => {
                    update.image = image.clone();
                    update.delta.merge(delta);
                }
                None => {
                    *update = Some(MetadataUpdate {
                        before: before.clone(),
                        image: image.clone(),
                        delta: delta.clone(),
                    });
                }
            }
            pending.wake.notify_one();
            true
        });
        self.image.send_replace(image);
    }
}

impl Subscribers {
    /// A new subscriber. `image` is a receiver of the same publisher.
    pub(crate) fn subscribe(&self, image: &watch::Receiver<Arc<MetadataImage>>) -> MetadataFeed {
        let mut list = lock(&self.list);
        let before = Arc::new(MetadataImage::default());
        let newest = image.borrow().clone();
        let pending = Arc::new(Pending {
            update: Mutex::new(Some(MetadataUpdate {
                delta: MetadataDelta::between(&before, &newest),
                before,
                image: newest,
            })),
            wake: Notify::new(),
        });
        list.push(Arc::downgrade(&pending));
        MetadataFeed {
            pending,
            alive: image.clone(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use chronik_controller::{MetadataEntry, MetadataRecord};
    use chronik_types::{LogIndex, ProducerId};

    use super::*;

    #[tokio::test]
    async fn a_slow_subscriber_gets_everything_in_one_step() {
        let publisher = Publisher::new(Arc::new(MetadataImage::default()));
        let receiver = publisher.image();
        let mut feed = publisher.subscribers().subscribe(&receiver);
        let first = feed.next().await.expect("the first comes at once");
        assert!(first.delta.is_empty());

        let mut image = MetadataImage::default();
        image.apply(LogIndex::new(0), &MetadataEntry::barrier());
        for index in 1..4 {
            let entry = MetadataEntry::decided(
                LogIndex::new(index - 1),
                vec![MetadataRecord::ProducerIdsAllocated {
                    next: ProducerId::new(i64::try_from(index).expect("small")),
                }],
            );
            image.apply(LogIndex::new(index), &entry);
            let delta = MetadataDelta {
                cluster: true,
                ..MetadataDelta::default()
            };
            publisher.publish(Arc::new(image.clone()), &delta);
        }
        let step = feed.next().await.expect("a change");
        assert_eq!(step.before.applied(), None);
        assert_eq!(step.image.next_producer_id(), ProducerId::new(3));
        drop(publisher);
        assert!(feed.next().await.is_none());
    }
}
