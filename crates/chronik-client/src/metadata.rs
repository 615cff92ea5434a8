//! What the client knows about the cluster: nodes, topics, and who leads.
//!
//! It is what some node said some time ago, so every use of it may turn out to be stale.
//! Absent: any expiry; it is asked again when something fails.

use std::collections::BTreeMap;

use chronik_protocol::generated::MetadataResponse;
use chronik_protocol::generated::metadata_response::{
    MetadataResponsePartition, MetadataResponseTopic,
};
use chronik_types::{ErrorCode, LeaderEpoch, NodeId, PartitionId, TopicId};

/// A cluster as far as it was asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Its id.
    pub id: Option<String>,
    /// The node that answers for the controller.
    pub controller: Option<NodeId>,
    /// The nodes alive.
    pub brokers: BTreeMap<NodeId, Broker>,
    /// The topics asked about that exist.
    pub topics: BTreeMap<String, Topic>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// `host:port` for clients; IPv6 in brackets.
    pub addr: String,
    /// Its rack.
    pub rack: Option<String>,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its id, where the server knows ids.
    pub id: Option<TopicId>,
    /// Whether Kafka calls it internal.
    pub internal: bool,
    /// Its partitions.
    pub partitions: BTreeMap<PartitionId, Partition>,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Who leads.
    pub leader: Option<NodeId>,
    /// Since which election.
    pub leader_epoch: Option<LeaderEpoch>,
    /// Who holds it, the preferred leader first.
    pub replicas: Vec<NodeId>,
    /// Who of them is in sync.
    pub isr: Vec<NodeId>,
    /// Who of them is not there.
    pub offline: Vec<NodeId>,
}

impl Cluster {
    /// Takes over an answer, and gives back the topics in it that failed. Topics it does not
    /// mention stay.
    pub(crate) fn update(&mut self, response: &MetadataResponse) -> Vec<(String, ErrorCode)> {
        self.id = response.cluster_id.as_ref().map(ToString::to_string);
        self.controller = node(response.controller_id);
        self.brokers = response
            .brokers
            .iter()
            .map(|broker| {
                let host = match broker.host.as_str() {
                    host if host.contains(':') => format!("[{host}]"),
                    host => host.to_owned(),
                };
                let known = Broker {
                    addr: format!("{host}:{}", broker.port),
                    rack: broker.rack.as_ref().map(ToString::to_string),
                };
                (NodeId::new(broker.node_id), known)
            })
            .collect();
        let mut failed = Vec::new();
        for topic in &response.topics {
            let Some(name) = &topic.name else { continue };
            let code = ErrorCode::from_code(topic.error_code);
            match code.unwrap_or(ErrorCode::UnknownServerError) {
                ErrorCode::None => {
                    self.topics.insert(name.to_string(), Topic::new(topic));
                }
                code => {
                    self.topics.remove(name.as_str());
                    failed.push((name.to_string(), code));
                }
            }
        }
        failed
    }
}

impl Topic {
    fn new(topic: &MetadataResponseTopic) -> Self {
        let partition = |partition: &MetadataResponsePartition| {
            let id = PartitionId::new(partition.partition_index);
            (id, Partition::new(partition))
        };
        Self {
            id: (!topic.topic_id.is_zero()).then(|| TopicId::new(topic.topic_id)),
            internal: topic.is_internal,
            partitions: topic.partitions.iter().map(partition).collect(),
        }
    }
}

impl Partition {
    fn new(partition: &MetadataResponsePartition) -> Self {
        let nodes = |ids: &[i32]| ids.iter().copied().map(NodeId::new).collect();
        Self {
            leader: node(partition.leader_id),
            leader_epoch: (partition.leader_epoch >= 0)
                .then(|| LeaderEpoch::new(partition.leader_epoch)),
            replicas: nodes(&partition.replica_nodes),
            isr: nodes(&partition.isr_nodes),
            offline: nodes(&partition.offline_replicas),
        }
    }
}

fn node(id: i32) -> Option<NodeId> {
    (id >= 0).then(|| NodeId::new(id))
}

#[cfg(test)]
mod tests {
    use chronik_protocol::generated::metadata_response::MetadataResponseBroker;

    use super::*;

    fn topic(name: &str, error: ErrorCode) -> MetadataResponseTopic {
        MetadataResponseTopic {
            name: Some(name.into()),
            error_code: error.code(),
            ..MetadataResponseTopic::default()
        }
    }

    #[test]
    fn an_answer_replaces_the_topics_it_mentions_and_no_others() {
        let mut cluster = Cluster::default();
        let response = |topics| MetadataResponse {
            topics,
            ..MetadataResponse::default()
        };
        cluster.update(&response(vec![
            topic("a", ErrorCode::None),
            topic("b", ErrorCode::None),
        ]));
        let gone = topic("a", ErrorCode::UnknownTopicOrPartition);
        let failed = cluster.update(&response(vec![gone]));
        assert_eq!(
            failed,
            [("a".to_owned(), ErrorCode::UnknownTopicOrPartition)]
        );
        assert_eq!(cluster.topics.keys().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn the_address_of_an_ipv6_node_has_brackets() {
        let mut cluster = Cluster::default();
        cluster.update(&MetadataResponse {
            brokers: vec![MetadataResponseBroker {
                node_id: 1,
                host: "::1".into(),
                port: 9092,
                rack: None,
            }],
            ..MetadataResponse::default()
        });
        assert_eq!(cluster.brokers[&NodeId::new(1)].addr, "[::1]:9092");
    }
}
