//! Topics and producer ids: calls that any node answers or forwards.

use chronik_protocol::generated::create_partitions_request::CreatePartitionsTopic;
use chronik_protocol::generated::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use chronik_protocol::generated::delete_topics_request::DeleteTopicState;
use chronik_protocol::generated::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, InitProducerIdRequest,
};
use chronik_protocol::{ApiKey, Request, Str};
use chronik_types::{ErrorCode, ProducerEpoch, ProducerId, TopicId};

use super::Client;
use crate::ClientError;
use crate::backoff::Retry;

/// A topic to create.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; the server's default if absent.
    pub partitions: Option<i32>,
    /// How many copies; the server's default if absent.
    pub replication_factor: Option<i16>,
    /// Its own settings.
    pub configs: Vec<(String, String)>,
}

/// A topic that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Its id, where the server says it.
    pub id: Option<TopicId>,
    /// How many partitions it has, where the server says it.
    pub partitions: Option<i32>,
    /// How many copies, where the server says it.
    pub replication_factor: Option<i16>,
}

/// What the server gave an idempotent producer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducerIdentity {
    /// Its id.
    pub id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
}

impl Client {
    /// Asks any node, again and again while failures are retriable; `check` finds the failure
    /// within an answer.
    pub(super) async fn try_any<R: Request + 'static, T>(
        &self,
        request: &R,
        check: impl Fn(R::Response) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let mut retry = self.retry();
        let patience = self.options().unknown_topic_patience;
        let mut unknown = Retry::new(self.clock(), self.backoff(), patience);
        loop {
            match self.ask_any(request).await.and_then(&check) {
                // How long that was tried is of no interest.
                Err(error) if is_unknown(&error) => unknown
                    .again(error)
                    .await
                    .map_err(|error| error.root().clone())?,
                Err(error) => retry.again(error).await?,
                done => return done,
            }
        }
    }

    /// Creates a topic.
    pub async fn create_topic(&self, topic: &NewTopic) -> Result<CreatedTopic, ClientError> {
        let config = |(name, value): &(String, String)| CreatableTopicConfig {
            name: name.into(),
            value: Some(value.into()),
        };
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: Str::from(&topic.name),
                num_partitions: topic.partitions.unwrap_or(-1),
                replication_factor: topic.replication_factor.unwrap_or(-1),
                assignments: Vec::new(),
                configs: topic.configs.iter().map(config).collect(),
            }],
            timeout_ms: self.server_timeout_ms(),
            validate_only: false,
        };
        let created = self.try_any(&request, |response| {
            let result = first(ApiKey::CreateTopics, &topic.name, response.topics)?;
            let message = result.error_message.as_deref();
            ClientError::check(
                ApiKey::CreateTopics,
                &topic.name,
                result.error_code,
                message,
            )?;
            Ok(CreatedTopic {
                id: (!result.topic_id.is_zero()).then(|| TopicId::new(result.topic_id)),
                partitions: (result.num_partitions >= 0).then_some(result.num_partitions),
                replication_factor: (result.replication_factor >= 0)
                    .then_some(result.replication_factor),
            })
        });
        let created = created.await;
        self.forget(&topic.name);
        created
    }

    /// Deletes a topic by its name.
    pub async fn delete_topic(&self, name: &str) -> Result<(), ClientError> {
        let mut retry = self.retry();
        let done = loop {
            match self.delete_once(name).await {
                // Deleting does not wait for a topic to appear.
                Err(error) if !is_unknown(&error) => retry.again(error).await?,
                done => break done,
            }
        };
        self.forget(name);
        done
    }

    async fn delete_once(&self, name: &str) -> Result<(), ClientError> {
        // Either form is dropped where the version has the other.
        let request = DeleteTopicsRequest {
            topics: vec![DeleteTopicState {
                name: Some(name.into()),
                ..DeleteTopicState::default()
            }],
            topic_names: vec![name.into()],
            timeout_ms: self.server_timeout_ms(),
        };
        let old = DeleteTopicsRequest {
            topics: Vec::new(),
            ..request.clone()
        };
        let response = match self.ask_any(&request).await {
            Err(ClientError::Encode { .. }) => self.ask_any(&old).await?,
            other => other?,
        };
        let result = first(ApiKey::DeleteTopics, name, response.responses)?;
        let message = result.error_message.as_deref();
        ClientError::check(ApiKey::DeleteTopics, name, result.error_code, message)
    }

    /// Gives a topic more partitions: `count` in total.
    pub async fn create_partitions(&self, topic: &str, count: i32) -> Result<(), ClientError> {
        let request = CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic {
                name: topic.into(),
                count,
                assignments: None,
            }],
            timeout_ms: self.server_timeout_ms(),
            validate_only: false,
        };
        let done = self.try_any(&request, |response| {
            let result = first(ApiKey::CreatePartitions, topic, response.results)?;
            let message = result.error_message.as_deref();
            ClientError::check(ApiKey::CreatePartitions, topic, result.error_code, message)
        });
        let done = done.await;
        self.forget(topic);
        done
    }

    /// Gets a producer id for idempotent writing.
    pub async fn init_producer_id(&self) -> Result<ProducerIdentity, ClientError> {
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: i32::MAX,
            ..InitProducerIdRequest::default()
        };
        self.try_any(&request, |response| {
            ClientError::check(ApiKey::InitProducerId, "", response.error_code, None)?;
            Ok(ProducerIdentity {
                id: ProducerId::new(response.producer_id),
                epoch: ProducerEpoch::new(response.producer_epoch),
            })
        })
        .await
    }
}

fn is_unknown(error: &ClientError) -> bool {
    error.code() == Some(ErrorCode::UnknownTopicOrPartition)
}

/// The one result that was asked for.
pub(super) fn first<T>(api: ApiKey, subject: &str, results: Vec<T>) -> Result<T, ClientError> {
    results
        .into_iter()
        .next()
        .ok_or_else(|| ClientError::Incomplete {
            api,
            subject: subject.to_owned(),
        })
}
