//! Metadata: v0-v13.
//!
//! Behaviour: answered from the last committed image. Null topics mean all, an empty list none
//! (in v0 all). A topic that is not there is created if the client and `auto.create.topics.enable`
//! allow it; the answer comes after its leader is known here, so the first produce succeeds.
//! Version notes: v1 controller and racks; v5 offline replicas; v8 authorised operations; v10 and
//! v12 topic ids (KIP-516); v13 top-level error (KIP-1102).

use std::ops::RangeInclusive;

use chronik_controller::{MetadataImage, TopicImage};
use chronik_protocol::Str;
use chronik_protocol::generated::metadata_request::{MetadataRequest, MetadataRequestTopic};
use chronik_protocol::generated::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use chronik_types::{ErrorCode, NodeId, TopicId, TopicName};

use super::{Context, Handled, Handler};

pub(super) struct Metadata;

impl Handler for Metadata {
    type Request = MetadataRequest;
    const VERSIONS: RangeInclusive<i16> = 0..=13;

    async fn handle(context: Context, request: MetadataRequest) -> Handled<MetadataResponse> {
        let wants_all = match &request.topics {
            None => true,
            Some(topics) => context.version == 0 && topics.is_empty(),
        };
        let asked = request.topics.unwrap_or_default();
        let may_create = context.node.config.auto_create_topics
            && (context.version < 4 || request.allow_auto_topic_creation);
        if may_create && !wants_all {
            create_missing(&context, &asked).await;
        }
        let image = context.node.image();
        let topics = if wants_all {
            image
                .topics()
                .map(|topic| describe(&image, topic))
                .collect()
        } else {
            asked
                .into_iter()
                .map(|asked| answer(&image, context.version, asked))
                .collect()
        };
        MetadataResponse {
            brokers: brokers(&context, &image),
            cluster_id: Some(context.node.cluster_id.to_string().into()),
            controller_id: context.node.controller_hint(&image).map_or(-1, NodeId::get),
            topics,
            ..MetadataResponse::default()
        }
        .into()
    }
}

async fn create_missing(context: &Context, asked: &[MetadataRequestTopic]) {
    let image = context.node.image();
    let missing: Vec<&str> = asked
        .iter()
        .filter(|topic| topic.topic_id.is_zero())
        .filter_map(|topic| topic.name.as_deref())
        .filter(|name| TopicName::new(name).is_ok() && image.topic(name).is_none())
        .collect();
    if !missing.is_empty() {
        context.node.auto_create(&missing).await;
    }
}

fn answer(
    image: &MetadataImage,
    version: i16,
    asked: MetadataRequestTopic,
) -> MetadataResponseTopic {
    let failed = |code: ErrorCode, name: Option<Str>| MetadataResponseTopic {
        error_code: code.code(),
        name,
        topic_id: asked.topic_id,
        ..MetadataResponseTopic::default()
    };
    match &asked.name {
        Some(name) => match (TopicName::new(name), image.topic(name)) {
            (Err(_), _) => failed(ErrorCode::InvalidTopicException, asked.name.clone()),
            (Ok(_), None) => failed(ErrorCode::UnknownTopicOrPartition, asked.name.clone()),
            (Ok(_), Some(topic)) => describe(image, topic),
        },
        None => match image.topic_by_id(TopicId::new(asked.topic_id)) {
            Some(topic) => describe(image, topic),
            // Before v12 the name of a topic in a response is never null.
            None if version < 12 => failed(ErrorCode::UnknownTopicId, Some(Str::default())),
            None => failed(ErrorCode::UnknownTopicId, None),
        },
    }
}

fn describe(image: &MetadataImage, topic: &TopicImage) -> MetadataResponseTopic {
    MetadataResponseTopic {
        name: Some(topic.name.as_str().into()),
        topic_id: topic.id.get(),
        is_internal: topic.name.is_internal(),
        partitions: topic
            .partitions()
            .map(|(id, state)| {
                let leader = state.leader.filter(|leader| image.is_active(*leader));
                let code = match leader {
                    Some(_) => ErrorCode::None,
                    None => ErrorCode::LeaderNotAvailable,
                };
                MetadataResponsePartition {
                    error_code: code.code(),
                    partition_index: id.get(),
                    leader_id: leader.map_or(-1, NodeId::get),
                    leader_epoch: state.leader_epoch.get(),
                    replica_nodes: ids(&state.replicas),
                    isr_nodes: ids(&state.isr),
                    offline_replicas: state
                        .replicas
                        .iter()
                        .filter(|node| !image.is_active(**node))
                        .map(|node| node.get())
                        .collect(),
                }
            })
            .collect(),
        ..MetadataResponseTopic::default()
    }
}

fn ids(nodes: &[NodeId]) -> Vec<i32> {
    nodes.iter().map(|node| node.get()).collect()
}

fn brokers(context: &Context, image: &MetadataImage) -> Vec<MetadataResponseBroker> {
    context
        .node
        .brokers(image, &context.connection.listener)
        .into_iter()
        .filter(|broker| !broker.is_fenced)
        .map(|broker| MetadataResponseBroker {
            node_id: broker.node.get(),
            host: broker.host.into(),
            port: i32::from(broker.port),
            rack: broker.rack.map(Into::into),
        })
        .collect()
}
