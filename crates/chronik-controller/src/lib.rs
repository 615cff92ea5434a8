//! Metadata records, image and the controller's decisions, without I/O.
//!
//! [`Controller::decide`] turns a [`ControllerRequest`] into [`MetadataRecord`]s, which are facts.
//! A batch of them is one [`MetadataEntry`] of the metadata log, and [`MetadataImage::apply`] folds
//! entries into what every node knows. The fold never fails and never decides, so all images are
//! prefixes of one history (I4), and the fence in each entry keeps decisions that were computed on
//! another state out of it (I15).
//! Absent on purpose: no runtime, no files, no clock, no entropy. Randomness is handed in.

mod batch;
pub mod broker_config;
pub mod codec;
mod config_def;
mod controller;
mod delta;
mod durability;
mod election;
mod entry;
pub mod group_config;
mod image;
mod placement;
mod record;
mod request;
mod response;
mod snapshot;
pub mod topic_config;

pub use batch::{BatchFull, DecisionBatch};
pub use codec::DecodeError;
pub use controller::{
    Controller, ControllerSettings, Decision, MAX_RECORDS_PER_USER_REQUEST, Random,
};
pub use delta::{MetadataDelta, TopicDelta};
pub use durability::effective_min_isr;
pub use entry::{EntryTooLarge, MetadataEntry};
pub use image::{ApplyOutcome, BrokerRegistration, MetadataImage, TopicImage};
pub use record::{
    BrokerRegistered, ConfigResource, Listener, MetadataRecord, PartitionRegistration,
    SupportedFeature,
};
pub use request::{
    AlterConfigOp, AlterPartition, AlterPartitionItem, ConfigAlteration, ControllerRequest,
    CreatableTopic, CreateCluster, CreatePartitions, CreatePartitionsTopic, CreateTopics,
    DeleteTopics, DirectoryState, IncrementalAlterConfigs, RegisterBroker, TopicRef,
    UpdateBrokerStatus, WantedStatus,
};
pub use response::{
    AlterPartitionResults, ApiError, ControllerResponse, CreatedTopic, DeletedTopic, ItemResult,
    ProducerIdBlock,
};
