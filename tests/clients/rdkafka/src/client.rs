//! What every command needs of librdkafka: configurations, topics, assignments, failed deliveries.

use crate::args::Args;
use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataPartition;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::statistics::Statistics;
use rdkafka::{Message, Offset, TopicPartitionList};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long anything that should be immediate may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn text(error: KafkaError) -> String {
    error.to_string()
}

/// A configuration with these pairs on top.
pub(crate) fn config(bootstrap: &str, pairs: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("socket.nagle.disable", "true");
    for (key, value) in pairs {
        config.set(*key, *value);
    }
    config
}

/// A consumer's configuration: librdkafka wants a group, though assignment does not use it.
pub(crate) fn consumer_config(bootstrap: &str, pairs: &[(&str, &str)]) -> ClientConfig {
    let mut config = config(bootstrap, pairs);
    config
        .set("group.id", "assigned-by-hand")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "error");
    config
}

/// Creates a topic with one replica, unless it is there; returns when its partitions have leaders.
pub(crate) fn create_topic(bootstrap: &str, topic: &str, partitions: i32) -> Result<(), String> {
    let admin: AdminClient<DefaultClientContext> = config(bootstrap, &[]).create().map_err(text)?;
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let created = futures_executor::block_on(admin.create_topics([&new], &options));
    for result in created.map_err(text)? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => return Err(format!("cannot create {name}: {code}")),
        }
    }
    // A broker may know its new topic a little later than it says so.
    let end = Instant::now() + PATIENCE;
    while !is_led(&admin, topic)? {
        if Instant::now() > end {
            return Err(format!("{topic} has no leaders"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn is_led(admin: &AdminClient<DefaultClientContext>, topic: &str) -> Result<bool, String> {
    let metadata = admin
        .inner()
        .fetch_metadata(Some(topic), PATIENCE)
        .map_err(text)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let partitions = found.map_or(&[][..], |found| found.partitions());
    let led =
        |partition: &MetadataPartition| partition.leader() >= 0 && partition.error().is_none();
    Ok(!partitions.is_empty() && partitions.iter().all(led))
}

/// The command: deletes a topic; its files go when the broker gets to it.
pub(crate) fn delete(mut args: Args) -> Result<(), String> {
    let bootstrap: String = args.need("bootstrap")?;
    let topic: String = args.need("topic")?;
    args.end()?;
    let admin: AdminClient<DefaultClientContext> =
        config(&bootstrap, &[]).create().map_err(text)?;
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let deleted = futures_executor::block_on(admin.delete_topics(&[&topic], &options));
    for result in deleted.map_err(text)? {
        result.map_err(|(name, code)| format!("cannot delete {name}: {code}"))?;
    }
    Ok(())
}

/// Every partition of the topic from this offset on; how many there are.
pub(crate) fn assign_all<C, X>(consumer: &C, topic: &str, from: Offset) -> Result<i32, String>
where
    C: Consumer<X>,
    X: ConsumerContext,
{
    let metadata = consumer
        .fetch_metadata(Some(topic), PATIENCE)
        .map_err(text)?;
    let found = metadata
        .topics()
        .iter()
        .find(|candidate| candidate.name() == topic);
    let partitions = found.map_or(0, |topic| topic.partitions().len());
    if partitions == 0 {
        return Err(format!("{topic} has no partitions"));
    }
    let partitions = i32::try_from(partitions).map_err(|e| e.to_string())?;
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, from)
            .map_err(text)?;
    }
    consumer.assign(&list).map_err(text)?;
    Ok(partitions)
}

/// Counts what became of a producer's records.
#[derive(Default)]
pub(crate) struct Deliveries {
    pub(crate) delivered: AtomicU64,
    pub(crate) failed: AtomicU64,
    /// Why the first one failed.
    pub(crate) reason: Mutex<Option<String>>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => self.delivered.fetch_add(1, Ordering::Relaxed),
            Err((error, message)) => {
                let mut reason = self.reason.lock().expect("nobody panics with it");
                reason.get_or_insert_with(|| format!("partition {}: {error}", message.partition()));
                self.failed.fetch_add(1, Ordering::Relaxed)
            }
        };
    }
}

impl Deliveries {
    /// An error unless all records were delivered.
    pub(crate) fn all(&self, records: u64) -> Result<(), String> {
        let delivered = self.delivered.load(Ordering::Relaxed);
        if delivered == records {
            return Ok(());
        }
        let failed = self.failed.load(Ordering::Relaxed);
        let reason = self.reason.lock().expect("nobody panics with it").take();
        let reason = reason.unwrap_or_else(|| "no answer".to_owned());
        Err(format!(
            "{delivered} of {records} records delivered, {failed} failed, first {reason}"
        ))
    }
}

/// Remembers how many fetches a consumer has made, as librdkafka counts them.
#[derive(Default)]
pub(crate) struct Fetches {
    pub(crate) requests: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

impl ClientContext for Fetches {
    fn stats(&self, statistics: Statistics) {
        let of_broker = |broker: &rdkafka::statistics::Broker| broker.req.get("Fetch").copied();
        let requests: i64 = statistics.brokers.values().filter_map(of_broker).sum();
        self.requests
            .store(u64::try_from(requests).unwrap_or(0), Ordering::Relaxed);
        self.bytes.store(
            u64::try_from(statistics.rxmsg_bytes).unwrap_or(0),
            Ordering::Relaxed,
        );
    }
}

impl ConsumerContext for Fetches {}

impl Fetches {
    /// Bytes of records in a fetch, on average; none before the first statistics.
    pub(crate) fn mean_bytes(&self) -> Option<f64> {
        let requests = self.requests.load(Ordering::Relaxed);
        let bytes = self.bytes.load(Ordering::Relaxed);
        (requests > 0).then(|| bytes as f64 / requests as f64)
    }
}
