//! A cluster: where its nodes are, who leads what, and calls that try again.
//!
//! Metadata is what some node last said; a retriable failure makes the next look-up ask again.
//! A call that failed in transit is repeated, so what it does must bear that: creating a topic
//! may then report that it exists. Absent: membership in groups, transactions, any task of its own.

mod admin;
mod configs;
mod groups;
mod log;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chronik_io::Clock;
use chronik_protocol::generated::MetadataRequest;
use chronik_protocol::generated::metadata_request::MetadataRequestTopic;
use chronik_protocol::{ApiKey, Request, Str};
use chronik_types::{ErrorCode, LeaderEpoch, NodeId, PartitionId, TopicId};

use crate::backoff::{Backoff, Retry};
use crate::pool::Pool;
use crate::{ClientError, Cluster, Connection, ConnectionOptions, Topic};

pub use admin::{CreatedTopic, NewTopic, ProducerIdentity};
pub use configs::{ConfigChange, ConfigEntry, ConfigSource, ConfigTarget};
pub use groups::{DescribedGroup, GroupMember, GroupOffsets, ListedGroup};
pub use log::{ListedOffset, OffsetSpec};

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// How each of its connections behaves.
    pub connection: ConnectionOptions,
    /// How long a call is tried again while its failures are retriable.
    pub patience: Duration,
    /// How long a topic may be unknown before it counts as missing: a node may not have heard
    /// yet of what another one created.
    pub unknown_topic_patience: Duration,
    /// The first wait between two tries; each further one is twice as long.
    pub backoff_min: Duration,
    /// The longest wait between two tries.
    pub backoff_max: Duration,
}

impl Default for ClientOptions {
    /// 30 s of patience, 1 s for unknown topics, waits of 50 ms to 1 s.
    fn default() -> Self {
        Self {
            connection: ConnectionOptions::default(),
            patience: Duration::from_secs(30),
            unknown_topic_patience: Duration::from_secs(1),
            backoff_min: Duration::from_millis(50),
            backoff_max: Duration::from_secs(1),
        }
    }
}

/// What to do about a topic that does not exist.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IfMissing {
    /// Say so.
    Fail,
    /// Let the server create it, if it is set up to do that.
    Create,
}

/// A client of one cluster. Cheap to clone; clones share connections and metadata.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: ClientOptions,
    bootstrap: Vec<String>,
    pool: Pool,
    clock: Clock,
    cluster: Mutex<Arc<Cluster>>,
}

/// Where a partition is led.
#[derive(Clone, Debug)]
pub(crate) struct Leader {
    pub(crate) addr: String,
    pub(crate) epoch: Option<LeaderEpoch>,
    pub(crate) topic_id: Option<TopicId>,
}

impl Client {
    /// Reaches the cluster through the first of these `host:port` that answers.
    pub async fn connect(bootstrap: &[String]) -> Result<Self, ClientError> {
        Self::connect_with(bootstrap, ClientOptions::default()).await
    }

    /// As [`Self::connect`], with options. Every address is tried once.
    pub async fn connect_with(
        bootstrap: &[String],
        options: ClientOptions,
    ) -> Result<Self, ClientError> {
        let client = Self(Arc::new(Inner {
            pool: Pool::new(options.connection.clone()),
            options,
            bootstrap: bootstrap.to_vec(),
            clock: Clock::real(),
            cluster: Mutex::new(Arc::default()),
        }));
        client.refresh(Some(&[]), IfMissing::Fail).await?;
        Ok(client)
    }

    /// What is known about the cluster, without asking.
    pub fn cluster(&self) -> Arc<Cluster> {
        Arc::clone(&self.cache())
    }

    /// Asks about all topics.
    pub async fn all_topics(&self) -> Result<BTreeMap<String, Topic>, ClientError> {
        let mut retry = self.retry();
        loop {
            match self.refresh(None, IfMissing::Fail).await {
                Ok(_) => return Ok(self.cluster().topics.clone()),
                Err(error) => retry.again(error).await?,
            }
        }
    }

    /// Asks about one topic.
    pub async fn topic(&self, name: &str, missing: IfMissing) -> Result<Topic, ClientError> {
        let mut retry = self.retry();
        // A topic that is being created has a while longer.
        let patience = match missing {
            IfMissing::Fail => self.options().unknown_topic_patience,
            IfMissing::Create => self.options().unknown_topic_patience * 5,
        };
        let mut unknown = Retry::new(self.clock(), self.backoff(), patience);
        loop {
            match self.refresh(Some(&[name]), missing).await {
                Ok(cluster) => match cluster.topics.get(name) {
                    Some(topic) => return Ok(topic.clone()),
                    None => {
                        let error = ClientError::UnknownTopic(name.to_owned());
                        // How long that was tried is of no interest.
                        unknown
                            .again(error)
                            .await
                            .map_err(|error| error.root().clone())?;
                    }
                },
                Err(error) => retry.again(error).await?,
            }
        }
    }

    pub(crate) fn options(&self) -> &ClientOptions {
        &self.0.options
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn backoff(&self) -> Backoff {
        Backoff {
            min: self.options().backoff_min,
            max: self.options().backoff_max,
        }
    }

    pub(crate) fn retry(&self) -> Retry {
        Retry::new(self.clock(), self.backoff(), self.options().patience)
    }

    /// The timeout that requests carry to the server: it answers before we give up.
    pub(crate) fn server_timeout_ms(&self) -> i32 {
        let timeout = self.options().connection.request_timeout * 4 / 5;
        i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX)
    }

    fn cache(&self) -> MutexGuard<'_, Arc<Cluster>> {
        self.0
            .cluster
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The next look-up of this topic asks the cluster.
    pub(crate) fn forget(&self, topic: &str) {
        Arc::make_mut(&mut self.cache()).topics.remove(topic);
    }

    /// One question about some topics, or all of them, to any node. Topics that do not exist are
    /// absent from the result; other trouble with a topic is an error.
    async fn refresh(
        &self,
        topics: Option<&[&str]>,
        missing: IfMissing,
    ) -> Result<Arc<Cluster>, ClientError> {
        let named = |name: &&str| MetadataRequestTopic {
            name: Some(Str::from(*name)),
            ..MetadataRequestTopic::default()
        };
        let request = MetadataRequest {
            topics: topics.map(|topics| topics.iter().map(named).collect()),
            allow_auto_topic_creation: missing == IfMissing::Create,
            ..MetadataRequest::default()
        };
        let response = self.ask_any(&request).await?;
        ClientError::check(ApiKey::Metadata, "", response.error_code, None)?;
        let (cluster, failed) = {
            let mut cache = self.cache();
            let cluster = Arc::make_mut(&mut cache);
            if topics.is_none() {
                cluster.topics.clear();
            }
            let failed = cluster.update(&response);
            (Arc::clone(&cache), failed)
        };
        for (topic, code) in failed {
            if code != ErrorCode::UnknownTopicOrPartition && topics.is_some() {
                ClientError::check(ApiKey::Metadata, &topic, code.code(), None)?;
            }
        }
        Ok(cluster)
    }

    /// Where a partition is led: from memory, else one question.
    pub(crate) async fn leader(
        &self,
        topic: &str,
        partition: PartitionId,
    ) -> Result<Leader, ClientError> {
        let known = self.cluster();
        if let Ok(leader) = find_leader(&known, topic, partition) {
            return Ok(leader);
        }
        let cluster = self.refresh(Some(&[topic]), IfMissing::Fail).await?;
        find_leader(&cluster, topic, partition)
    }

    /// Asks any node, trying each once.
    pub(crate) async fn ask_any<R: Request + 'static>(
        &self,
        request: &R,
    ) -> Result<R::Response, ClientError> {
        let mut last = ClientError::Options("no address to reach the cluster at");
        for addr in self.candidates() {
            let connection = match self.connection(&addr).await {
                Ok(connection) => connection,
                Err(error) => {
                    last = error;
                    continue;
                }
            };
            match connection.ask(request).await {
                // It may have been carried out: whether to ask another is for the caller to say.
                Err(error @ (ClientError::Closed { .. } | ClientError::TimedOut { .. })) => {
                    last = error;
                }
                other => return other,
            }
        }
        Err(last)
    }

    pub(crate) async fn connection(&self, addr: &str) -> Result<Connection, ClientError> {
        self.0.pool.get(addr).await
    }

    /// The nodes known, then the addresses we were started with.
    fn candidates(&self) -> Vec<String> {
        let cluster = self.cluster();
        let mut addresses: Vec<String> = Vec::new();
        let known = cluster.brokers.values().map(|broker| &broker.addr);
        for addr in known.chain(&self.0.bootstrap) {
            if !addresses.contains(addr) {
                addresses.push(addr.clone());
            }
        }
        addresses
    }

    /// The address of a node that is known to be alive.
    fn addr_of(&self, node: NodeId) -> Option<String> {
        let cluster = self.cluster();
        cluster.brokers.get(&node).map(|broker| broker.addr.clone())
    }
}

fn find_leader(
    cluster: &Cluster,
    topic: &str,
    partition: PartitionId,
) -> Result<Leader, ClientError> {
    let known = cluster
        .topics
        .get(topic)
        .ok_or_else(|| ClientError::UnknownTopic(topic.to_owned()))?;
    let state = known
        .partitions
        .get(&partition)
        .ok_or_else(|| ClientError::UnknownPartition {
            topic: topic.to_owned(),
            partition,
            count: known.partitions.len(),
        })?;
    let addr = state
        .leader
        .and_then(|leader| cluster.brokers.get(&leader))
        .map(|broker| broker.addr.clone())
        .ok_or_else(|| ClientError::NoLeader {
            topic: topic.to_owned(),
            partition,
        })?;
    Ok(Leader {
        addr,
        epoch: state.leader_epoch,
        topic_id: known.id,
    })
}

#[cfg(test)]
mod tests;
