//! Metadata: v0-v13.
//!
//! Behaviour: answered from the last committed image. Null topics mean all, an empty list none
//! (in v0 all). A topic that is not there is created if the client and `auto.create.topics.enable`
//! allow it; the answer comes after its leader is known here, so the first produce succeeds.
//! One topic by id makes it a request by ids, whose names count for nothing. What is asked for
//! twice is answered once.
//! Version notes: v1 controller and racks; v5 offline replicas; v8 authorised operations; v10 and
//! v12 topic ids (KIP-516); v13 top-level error (KIP-1102).

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use chronik_controller::{MetadataImage, TopicImage};
use chronik_protocol::Str;
use chronik_protocol::generated::metadata_request::{MetadataRequest, MetadataRequestTopic};
use chronik_protocol::generated::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use chronik_types::{ErrorCode, NodeId, TopicId, TopicName};

use super::{Context, Handled, Handler, authorized_operations};

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
        if context.version < 12 && !asked.iter().all(is_by_name) {
            return refuse(asked).into();
        }
        let asked = wanted(asked);
        let may_create = context.node.config.auto_create_topics
            && (context.version < 4 || request.allow_auto_topic_creation);
        if may_create && !wants_all {
            create_missing(&context, &asked).await;
        }
        let image = context.node.image();
        let mut topics: Vec<MetadataResponseTopic> = if wants_all {
            image
                .topics()
                .map(|topic| describe(&image, topic))
                .collect()
        } else {
            asked
                .into_iter()
                .map(|asked| answer(&image, asked))
                .collect()
        };
        if request.include_topic_authorized_operations {
            let known = |topic: &&mut MetadataResponseTopic| {
                topic.error_code != ErrorCode::UnknownTopicId.code()
            };
            for topic in topics.iter_mut().filter(known) {
                topic.topic_authorized_operations = authorized_operations::TOPIC;
            }
        }
        let mut response = MetadataResponse {
            brokers: brokers(&context, &image),
            cluster_id: Some(context.node.cluster_id.to_string().into()),
            controller_id: context.node.controller_hint(&image).map_or(-1, NodeId::get),
            topics,
            ..MetadataResponse::default()
        };
        if request.include_cluster_authorized_operations {
            response.cluster_authorized_operations = authorized_operations::CLUSTER;
        }
        response.into()
    }
}

/// The only way to ask before v12, whatever the fields of v10 and v11 allow.
fn is_by_name(topic: &MetadataRequestTopic) -> bool {
    topic.name.is_some() && topic.topic_id.is_zero()
}

fn refuse(asked: Vec<MetadataRequestTopic>) -> MetadataResponse {
    let topics = asked.into_iter().map(|topic| MetadataResponseTopic {
        error_code: ErrorCode::InvalidRequest.code(),
        // Before v12 the name of a topic in a response is never null.
        name: Some(topic.name.unwrap_or_default()),
        topic_id: topic.topic_id,
        ..MetadataResponseTopic::default()
    });
    MetadataResponse {
        topics: topics.collect(),
        ..MetadataResponse::default()
    }
}

/// What is to be answered: each topic once, and by id alone where any has an id.
fn wanted(mut asked: Vec<MetadataRequestTopic>) -> Vec<MetadataRequestTopic> {
    if asked.iter().any(|topic| !topic.topic_id.is_zero()) {
        asked.retain(|topic| !topic.topic_id.is_zero());
        for topic in &mut asked {
            topic.name = None;
        }
    }
    let mut seen = BTreeSet::new();
    asked.retain(|topic| seen.insert((TopicId::new(topic.topic_id), topic.name.clone())));
    asked
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

fn answer(image: &MetadataImage, asked: MetadataRequestTopic) -> MetadataResponseTopic {
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

#[cfg(test)]
mod tests {
    use chronik_types::Uuid;

    use super::*;

    fn topic(id: u8, name: Option<&str>) -> MetadataRequestTopic {
        MetadataRequestTopic {
            topic_id: Uuid::from_bytes([id; 16]),
            name: name.map(Into::into),
        }
    }

    #[test]
    fn topics_are_wanted_once_and_by_ids_where_there_is_one() {
        let names = vec![
            topic(0, Some("b")),
            topic(0, Some("a")),
            topic(0, Some("b")),
        ];
        assert_eq!(wanted(names), [topic(0, Some("b")), topic(0, Some("a"))]);
        let ids = vec![
            topic(0, Some("a")),
            topic(2, Some("")),
            topic(1, None),
            topic(2, None),
        ];
        assert_eq!(wanted(ids), [topic(2, None), topic(1, None)]);
    }
}
