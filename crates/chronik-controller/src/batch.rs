//! One decision batch: requests decided one after the other on a scratch image, one entry out.
//!
//! Keeps I15: the scratch starts from the image that the last decision left, each success is folded
//! in before the next request is decided, and the entry names the decision it rests on. A refused
//! or validate-only request leaves no trace. A batch that is full refuses more, and the rest is
//! decided again in the next one.

use chronik_types::LogIndex;

use crate::controller::{Controller, Random, assumed_index};
use crate::delta::MetadataDelta;
use crate::entry::MetadataEntry;
use crate::image::MetadataImage;
use crate::record::MetadataRecord;
use crate::request::ControllerRequest;
use crate::response::ControllerResponse;

/// A batch that has no room for a request's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchFull {
    /// Whether no batch could hold them, so that trying again is of no use.
    pub never_fits: bool,
}

/// A batch in the making.
#[derive(Debug)]
pub struct DecisionBatch<'a> {
    controller: &'a Controller,
    decided_on: LogIndex,
    assumed: LogIndex,
    scratch: MetadataImage,
    records: Vec<MetadataRecord>,
    bytes: usize,
}

impl<'a> DecisionBatch<'a> {
    /// An empty batch on `image`, which must contain a decision: the barrier at least.
    #[must_use]
    pub fn new(controller: &'a Controller, image: &MetadataImage) -> Self {
        Self {
            controller,
            decided_on: image
                .last_decision()
                .expect("a controller decides after its barrier"),
            assumed: assumed_index(image),
            scratch: image.clone(),
            records: Vec::new(),
            bytes: MetadataEntry::OVERHEAD,
        }
    }

    /// Decides a request and folds its records in.
    pub fn decide(
        &mut self,
        request: &ControllerRequest,
        random: &mut dyn Random,
    ) -> Result<ControllerResponse, BatchFull> {
        let decision = self.controller.decide(&self.scratch, request, random);
        let bytes: usize = decision
            .records
            .iter()
            .map(MetadataRecord::encoded_len)
            .sum();
        if self.bytes + bytes > MetadataEntry::MAX_LEN {
            return Err(BatchFull {
                never_fits: self.records.is_empty(),
            });
        }
        self.bytes += bytes;
        let mut delta = MetadataDelta::default();
        for record in &decision.records {
            self.scratch.replay(self.assumed, record, &mut delta);
        }
        self.records.extend(decision.records);
        Ok(decision.response)
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The index that answers assume; see [`ControllerResponse::settle`].
    #[must_use]
    pub const fn assumed(&self) -> LogIndex {
        self.assumed
    }

    /// The entry to write.
    #[must_use]
    pub fn into_entry(self) -> MetadataEntry {
        MetadataEntry::decided(self.decided_on, self.records)
    }
}
