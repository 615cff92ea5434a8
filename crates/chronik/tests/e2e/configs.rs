//! Configurations over the wire: as Kafka 4.3.1 tells them, and with effect while the node runs.

use std::collections::BTreeMap;

use chronik_client::Connection;
use chronik_protocol::generated as m;
use chronik_protocol::{BatchBuilder, BatchIter, Codec};
use chronik_types::ErrorCode;
use expect_test::expect;
use m::describe_configs_response::DescribeConfigsResourceResult;

use crate::node::{Node, data_dir};
use crate::wire::{batch, create_topic, fetch_request, produce, read_all};

mod command;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

const SET: i8 = 0;
const DELETE: i8 = 1;

fn error_name(code: i16) -> &'static str {
    ErrorCode::from_code(code).map_or("none", ErrorCode::name)
}

async fn start(dir: &tempfile::TempDir) -> (Node, Connection) {
    let node = Node::start(dir.path());
    let connection = Connection::connect(&node.kafka).await.unwrap();
    (node, connection)
}

/// The configurations of a resource by name; panics if it is refused.
async fn describe(
    connection: &Connection,
    kind: i8,
    name: &str,
) -> BTreeMap<String, DescribeConfigsResourceResult> {
    let request = m::DescribeConfigsRequest {
        resources: vec![m::describe_configs_request::DescribeConfigsResource {
            resource_type: kind,
            resource_name: name.into(),
            configuration_keys: None,
        }],
        include_synonyms: true,
        include_documentation: true,
    };
    let response = connection.call(&request, 4).await.unwrap();
    let result = response.results.into_iter().next().unwrap();
    assert_eq!(result.error_code, 0, "{:?}", result.error_message);
    let configs = result.configs.into_iter();
    configs.map(|c| (c.name.to_string(), c)).collect()
}

/// Changes one configuration; the outcome's code and words.
async fn alter(
    connection: &Connection,
    (kind, resource): (i8, &str),
    name: &str,
    value: Option<&str>,
) -> String {
    let request = m::IncrementalAlterConfigsRequest {
        resources: vec![m::incremental_alter_configs_request::AlterConfigsResource {
            resource_type: kind,
            resource_name: resource.into(),
            configs: vec![m::incremental_alter_configs_request::AlterableConfig {
                name: name.into(),
                config_operation: if value.is_some() { SET } else { DELETE },
                value: value.map(Into::into),
            }],
        }],
        ..Default::default()
    };
    let response = connection.call(&request, 1).await.unwrap();
    let answer = &response.responses[0];
    let words = answer.error_message.as_deref().unwrap_or("");
    format!("{} {words}", error_name(answer.error_code))
}

/// `source value` of every synonym.
fn synonyms(config: &DescribeConfigsResourceResult) -> Vec<String> {
    let synonyms = config.synonyms.iter();
    synonyms
        .map(|s| {
            format!(
                "{}={} ({})",
                s.name,
                s.value.as_deref().unwrap_or("?"),
                s.source
            )
        })
        .collect()
}

/// A row of the reference as a line: type, default, and marks.
fn told(config: &DescribeConfigsResourceResult) -> String {
    const TYPES: [&str; 10] = [
        "?", "BOOLEAN", "STRING", "INT", "SHORT", "LONG", "DOUBLE", "LIST", "CLASS", "PASSWORD",
    ];
    let default = config
        .synonyms
        .iter()
        .rev()
        .find(|s| s.name == config.name && s.source == 5);
    let default = match (default, config.config_source) {
        (Some(synonym), _) => synonym.value.as_deref(),
        (None, 5) => config.value.as_deref(),
        (None, _) => None,
    };
    let mark = |is: bool, mark| if is { mark } else { "-" };
    format!(
        "{} {} {} {}",
        TYPES[usize::try_from(config.config_type).unwrap()],
        default.unwrap_or("null"),
        mark(config.read_only, "read-only"),
        mark(config.is_sensitive, "sensitive"),
    )
}

/// What Kafka 4.3.1 told of a fresh node, by scope and name.
fn reference() -> BTreeMap<(&'static str, &'static str), String> {
    let rows = include_str!("../data/kafka-4.3.1-configs.tsv")
        .lines()
        .skip(1);
    rows.map(|row| {
        let cells: Vec<&str> = row.split('\t').collect();
        let &[scope, name, kind, default, read_only, sensitive] = cells.as_slice() else {
            panic!("{row}");
        };
        (
            (scope, name),
            format!("{kind} {default} {read_only} {sensitive}"),
        )
    })
    .collect()
}

#[tokio::test]
async fn every_configuration_of_kafka_is_told_with_its_type_default_and_marks() {
    let dir = data_dir();
    let (_node, connection) = start(&dir).await;
    create_topic(&connection, "told", &[]).await;
    let scopes = [
        ("topic", TOPIC, "told"),
        ("broker", BROKER, "1"),
        ("group", GROUP, "g"),
        ("client_metrics", CLIENT_METRICS, "m"),
    ];
    let reference = reference();
    let mut differences = Vec::new();
    for (scope, kind, name) in scopes {
        let mut here = describe(&connection, kind, name).await;
        let expected = reference.iter().filter(|((of, _), _)| *of == scope);
        for ((_, name), kafka) in expected {
            match here.remove(*name).map(|config| told(&config)) {
                Some(here) if here == *kafka => {}
                // A path of the machine that Kafka ran on.
                Some(here) if kafka.contains("(path)") => {
                    let marks = kafka.split(' ').skip(2);
                    assert!(marks.eq(here.split(' ').skip(2)), "{name}: {here}");
                }
                Some(here) => differences.push(format!("{scope} {name}: {kafka}, here {here}")),
                None => differences.push(format!("{scope} {name}: missing")),
            }
        }
        let ours = here
            .into_values()
            .filter(|c| !c.name.starts_with("chronik."));
        differences.extend(ours.map(|c| format!("{scope} {}: not Kafka's", c.name)));
    }
    expect![[r#"
        broker default.replication.factor: INT 1 read-only -, here INT null read-only -
        broker listeners: LIST PLAINTEXT://:9092 - -, here LIST 127.0.0.1:9092 read-only -
        broker log.cleaner.dedupe.buffer.size: LONG 134217728 - -, here LONG 16777216 - -
        broker log.cleaner.io.max.bytes.per.second: DOUBLE 1.7976931348623157E308 - -, here DOUBLE 67108864 - -
        broker log.dirs: LIST null read-only -, here LIST ./chronik-data read-only -
        broker node.id: INT null read-only -, here INT 1 read-only -"#]]
    .assert_eq(&differences.join("\n"));
    let page = include_str!("../../../../docs/compatibility.md");
    for line in &differences {
        let name = line.split([' ', ':']).nth(1).unwrap();
        assert!(page.contains(&format!("`{name}`")), "{line}");
    }
}

#[tokio::test]
async fn a_brokers_dynamic_configuration_takes_effect_at_once_and_is_told_with_its_synonyms() {
    let dir = data_dir();
    let (_node, connection) = start(&dir).await;
    create_topic(&connection, "limited", &[]).await;
    let large = || batch(Codec::None, &[7; 3000]);
    let all = |name| describe(&connection, BROKER, name);
    for (resource, limit) in [("", "1000"), ("1", "5000"), ("1", "2000")] {
        let place = (BROKER, resource);
        assert_eq!(
            alter(&connection, place, "message.max.bytes", Some(limit)).await,
            "NONE "
        );
        let code = produce(&connection, "limited", large()).await.unwrap().0;
        let fits = limit == "5000";
        assert_eq!(code == 0, fits, "{resource:?} {limit}: {code}");
    }
    let topic = &describe(&connection, TOPIC, "limited").await["max.message.bytes"];
    assert_eq!(topic.value.as_deref(), Some("2000"));
    let chain = [
        "message.max.bytes=2000 (2)",
        "message.max.bytes=1000 (3)",
        "message.max.bytes=1048588 (5)",
    ];
    assert_eq!(synonyms(topic), chain);
    assert_eq!(synonyms(&all("1").await["message.max.bytes"]), chain);
    let cluster = all("").await;
    assert_eq!(cluster.keys().collect::<Vec<_>>(), ["message.max.bytes"]);
    assert_eq!(
        alter(&connection, (BROKER, "1"), "message.max.bytes", None).await,
        "NONE "
    );
    assert_eq!(
        alter(&connection, (BROKER, ""), "message.max.bytes", None).await,
        "NONE "
    );
    assert_eq!(produce(&connection, "limited", large()).await.unwrap().0, 0);
}

#[tokio::test]
async fn a_nodes_own_settings_give_topics_their_defaults() {
    let dir = data_dir();
    let file = dir.path().join("chronik.toml");
    std::fs::write(
        &file,
        "min.insync.replicas = 2\nlog.cleanup.policy = \"compact\"\n",
    )
    .unwrap();
    let data = dir.path().join("data");
    let node = Node::start_with(&data, &["--config", file.to_str().unwrap()]);
    let connection = Connection::connect(&node.kafka).await.unwrap();
    create_topic(&connection, "t", &[]).await;
    let configs = describe(&connection, TOPIC, "t").await;
    let policy = &configs["cleanup.policy"];
    assert_eq!(
        (policy.value.as_deref(), policy.config_source),
        (Some("compact"), 4)
    );
    // The cluster keeps this one: it must be the same on every node.
    let chain = [
        "min.insync.replicas=2 (3)",
        "min.insync.replicas=2 (4)",
        "min.insync.replicas=1 (5)",
    ];
    assert_eq!(synonyms(&configs["min.insync.replicas"]), chain);
}

#[tokio::test]
async fn a_plug_ins_configuration_is_kept_and_never_shown() {
    let dir = data_dir();
    let (_node, connection) = start(&dir).await;
    let outcome = alter(&connection, (BROKER, "1"), "some.plug.in", Some("secret")).await;
    assert_eq!(outcome, "NONE ");
    let config = &describe(&connection, BROKER, "1").await["some.plug.in"];
    assert_eq!((config.value.as_deref(), config.is_sensitive), (None, true));
    assert_eq!(synonyms(config), ["some.plug.in=? (2)"]);
}

#[tokio::test]
async fn changes_are_refused_in_kafkas_words() {
    let dir = data_dir();
    let (_node, connection) = start(&dir).await;
    create_topic(&connection, "t", &[]).await;
    let mut outcomes = Vec::new();
    for (place, name, value) in [
        ((BROKER, "1"), "node.id", "5"),
        ((BROKER, ""), "num.io.threads", "0"),
        ((BROKER, "1"), "min.insync.replicas", "2"),
        ((BROKER, "99"), "log.retention.ms", "5"),
        ((BROKER, "abc"), "log.retention.ms", "5"),
        ((TOPIC, ""), "retention.ms", "5"),
        ((TOPIC, "t"), "retention.ms", ""),
        ((TOPIC, "missing"), "retention.ms", "5"),
        ((GROUP, ""), "consumer.session.timeout.ms", "46000"),
        ((GROUP, "g"), "nope", "1"),
        ((GROUP, "g"), "consumer.session.timeout.ms", "1"),
        ((GROUP, "g"), "share.auto.offset.reset", "by_duration:x"),
        ((GROUP, "g"), "streams.num.standby.replicas", "3"),
        ((CLIENT_METRICS, "m"), "interval.ms", "1"),
        ((CLIENT_METRICS, "m"), "match", "xx=abc"),
        ((LOGGER, "99"), "root", "INFO"),
        ((LOGGER, "1"), "no.such.logger", "INFO"),
        ((LOGGER, "1"), "root", "debug"),
        ((1, "x"), "retention.ms", "5"),
    ] {
        outcomes.push(alter(&connection, place, name, Some(value)).await);
    }
    outcomes.push(alter(&connection, (LOGGER, "1"), "root", None).await);
    expect![[r#"
        INVALID_REQUEST Cannot update these configs dynamically: [node.id]
        INVALID_REQUEST Invalid value 0 for configuration num.io.threads: Value must be at least 1
        INVALID_CONFIG Broker-level min.insync.replicas cannot be altered while ELR is enabled.
        INVALID_REQUEST Unexpected broker id, expected 1, but received 99
        INVALID_REQUEST Node id must be an integer, but it is: abc
        INVALID_REQUEST Default topic resources are not allowed.
        INVALID_CONFIG Invalid value  for configuration retention.ms: Not a number of type LONG
        UNKNOWN_TOPIC_OR_PARTITION The topic 'missing' does not exist.
        INVALID_REQUEST Default group resources are not allowed.
        INVALID_CONFIG Unknown group config name: nope
        INVALID_CONFIG consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms
        INVALID_CONFIG Invalid value by_duration:x for configuration share.auto.offset.reset: Invalid value `by_duration:x` for configuration share.auto.offset.reset. The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.
        INVALID_CONFIG streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas
        INVALID_REQUEST Invalid value 1 for interval.ms, interval must be between 100 and 3600000 (1 hour)
        INVALID_CONFIG Illegal client matching pattern: xx=abc
        INVALID_REQUEST Unexpected node id. Expected 1, but received 99
        INVALID_CONFIG Logger no.such.logger does not exist!
        INVALID_CONFIG Cannot set the log level of root to debug as it is not a supported log level. Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN
        INVALID_REQUEST Unknown resource type 1
        INVALID_REQUEST Removing the log level of the root logger is not allowed"#]].assert_eq(&outcomes.join("\n"));
}

#[tokio::test]
async fn groups_and_client_metrics_keep_their_configurations_through_a_restart() {
    let dir = data_dir();
    let (node, connection) = start(&dir).await;
    let place = (GROUP, "g");
    let set = alter(
        &connection,
        place,
        "consumer.session.timeout.ms",
        Some("46000"),
    )
    .await;
    assert_eq!(set, "NONE ");
    let set = alter(
        &connection,
        (CLIENT_METRICS, "m"),
        "interval.ms",
        Some("1000"),
    )
    .await;
    assert_eq!(set, "NONE ");
    drop(connection);
    assert_eq!(node.terminate(), Some(0));
    let (_node, connection) = start(&dir).await;
    let session = &describe(&connection, GROUP, "g").await["consumer.session.timeout.ms"];
    assert_eq!(session.config_source, 8);
    let chain = [
        "consumer.session.timeout.ms=46000 (8)",
        "group.consumer.session.timeout.ms=45000 (5)",
    ];
    assert_eq!(synonyms(session), chain);
    let interval = &describe(&connection, CLIENT_METRICS, "m").await["interval.ms"];
    assert_eq!(
        (interval.value.as_deref(), interval.config_source),
        (Some("1000"), 7)
    );
    let listed = list(&connection, 1, &[GROUP, CLIENT_METRICS, BROKER]).await;
    assert_eq!(listed, ["g 32", "m 16", "1 4"]);
    assert_eq!(list(&connection, 0, &[]).await, ["m 16"]);
    assert_eq!(list(&connection, 1, &[1]).await, ["UNSUPPORTED_VERSION"]);
}

/// Names and types of what has configurations, or the code.
async fn list(connection: &Connection, version: i16, kinds: &[i8]) -> Vec<String> {
    let request = m::ListConfigResourcesRequest {
        resource_types: kinds.to_vec(),
    };
    let response = connection.call(&request, version).await.unwrap();
    if response.error_code != 0 {
        return vec![error_name(response.error_code).to_owned()];
    }
    let resources = response.config_resources.iter();
    resources
        .map(|r| format!("{} {}", r.resource_name, r.resource_type))
        .collect()
}

#[tokio::test]
async fn the_old_alter_configs_replaces_everything() {
    let dir = data_dir();
    let (_node, connection) = start(&dir).await;
    create_topic(
        &connection,
        "t",
        &[("retention.ms", "60000"), ("segment.ms", "5000")],
    )
    .await;
    let config = |name: &str, value: Option<&str>| m::alter_configs_request::AlterableConfig {
        name: name.into(),
        value: value.map(Into::into),
    };
    let request = |configs| m::AlterConfigsRequest {
        resources: vec![m::alter_configs_request::AlterConfigsResource {
            resource_type: TOPIC,
            resource_name: "t".into(),
            configs,
        }],
        validate_only: false,
    };
    let null = request(vec![config("retention.ms", None)]);
    let refused = connection.call(&null, 2).await.unwrap();
    let words = refused.responses[0].error_message.as_deref();
    assert_eq!(words, Some("Null value not supported for : retention.ms"));
    let replaced = request(vec![config("segment.ms", Some("7000"))]);
    for version in 0..=2 {
        let done = connection.call(&replaced, version).await.unwrap();
        assert_eq!(done.responses[0].error_code, 0, "v{version}");
    }
    let configs = describe(&connection, TOPIC, "t").await;
    assert_eq!(configs["segment.ms"].value.as_deref(), Some("7000"));
    assert_eq!(configs["retention.ms"].config_source, 5);
}

#[tokio::test]
async fn a_loggers_level_takes_effect_on_the_running_process() {
    let dir = data_dir();
    let (node, connection) = start(&dir).await;
    let levels = describe(&connection, LOGGER, "1").await;
    assert_eq!(levels["root"].value.as_deref(), Some("INFO"));
    assert_eq!(levels["root"].config_source, 6);
    let place = (LOGGER, "1");
    let set = alter(&connection, place, "chronik::metadata", Some("TRACE")).await;
    assert_eq!(set, "NONE ");
    create_topic(&connection, "traced", &[]).await;
    node.wait_for_line("published");
    let levels = describe(&connection, LOGGER, "1").await;
    assert_eq!(levels["chronik::metadata"].value.as_deref(), Some("TRACE"));
    assert_eq!(
        alter(&connection, place, "chronik::metadata", None).await,
        "NONE "
    );
    let levels = describe(&connection, LOGGER, "1").await;
    assert!(!levels.contains_key("chronik::metadata"));
}

#[tokio::test]
async fn batches_are_stored_in_the_codec_of_their_topic() {
    let dir = data_dir();
    let (_node, connection) = start(&dir).await;
    let value = [b'v'; 2000];
    for codec in Codec::ALL {
        let name = match codec {
            Codec::None => "uncompressed",
            codec => codec.name(),
        };
        let topic = format!("in-{name}");
        create_topic(&connection, &topic, &[("compression.type", name)]).await;
        for sent in Codec::ALL {
            let answer = produce(&connection, &topic, batch(sent, &value))
                .await
                .unwrap();
            assert_eq!(answer.0, 0, "{sent:?} to {name}");
        }
        let request = fetch_request(&topic, 0, 1 << 20);
        let response = connection.call(&request, 11).await.unwrap();
        let records = response.responses[0].partitions[0].records.clone().unwrap();
        let stored: Vec<_> = BatchIter::new(&records)
            .map(|batch| batch.unwrap().1.codec().unwrap())
            .collect();
        assert_eq!(stored, [codec; 5], "{name}");
        let values = read_all(&connection, &topic).await;
        let expected: Vec<_> = (0..5).map(|offset| (offset, value.to_vec())).collect();
        assert!(values == expected, "{name}");
    }
}

/// Produces to partition 0 in v9: code, words, and `index: words` of each record to blame.
async fn refusal(connection: &Connection, topic: &str, records: bytes::Bytes) -> Vec<String> {
    let request = m::ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![m::produce_request::TopicProduceData {
            name: topic.into(),
            partition_data: vec![m::produce_request::PartitionProduceData {
                index: 0,
                records: Some(records),
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let response = connection.call(&request, 9).await.unwrap();
    let answer = &response.responses[0].partition_responses[0];
    let words = answer.error_message.as_deref().unwrap_or("");
    let mut lines = vec![format!("{} {words}", error_name(answer.error_code))];
    lines.extend(answer.record_errors.iter().map(|error| {
        let words = error.batch_index_error_message.as_deref().unwrap_or("");
        format!("{}: {words}", error.batch_index)
    }));
    lines
}

#[tokio::test]
async fn a_refused_batch_names_the_records_to_blame() {
    let dir = data_dir();
    let (_node, connection) = start(&dir).await;
    create_topic(&connection, "keyed", &[("cleanup.policy", "compact")]).await;
    create_topic(
        &connection,
        "recent",
        &[("message.timestamp.before.max.ms", "1000")],
    )
    .await;
    create_topic(
        &connection,
        "small",
        &[
            ("segment.bytes", "1048576"),
            ("max.message.bytes", "9000000"),
        ],
    )
    .await;
    let mut lines = Vec::new();
    for codec in [Codec::None, Codec::Lz4] {
        let mut builder = BatchBuilder::new(codec);
        for key in [Some(b"k".as_slice()), None, None] {
            builder
                .push(1_700_000_000_000, key, Some(b"v"), &[])
                .unwrap();
        }
        let records = builder.build().unwrap();
        lines.extend(refusal(&connection, "keyed", records.clone()).await);
        let timed = refusal(&connection, "recent", records).await;
        assert_eq!(timed.len(), 4, "{timed:?}");
        assert!(timed[1].starts_with(
            "0: Timestamp 1700000000000 of message with offset 0 is out of range. The timestamp should be within ["
        ), "{timed:?}");
        lines.push(timed[0].clone());
    }
    let large = batch(Codec::None, &vec![0; 2 << 20]);
    lines.extend(refusal(&connection, "small", large).await);
    expect![[r#"
        INVALID_RECORD One or more records have been rejected due to 2 record errors in total, and only showing the first three errors at most: [RecordError(batchIndex=1, message='Compacted topic cannot accept message without key in topic partition keyed-0'), RecordError(batchIndex=2, message='Compacted topic cannot accept message without key in topic partition keyed-0')]
        1: Compacted topic cannot accept message without key in topic partition keyed-0
        2: Compacted topic cannot accept message without key in topic partition keyed-0
        INVALID_TIMESTAMP One or more records have been rejected due to invalid timestamp
        INVALID_RECORD One or more records have been rejected due to 2 record errors in total, and only showing the first three errors at most: [RecordError(batchIndex=1, message='Compacted topic cannot accept message without key in topic partition keyed-0'), RecordError(batchIndex=2, message='Compacted topic cannot accept message without key in topic partition keyed-0')]
        1: Compacted topic cannot accept message without key in topic partition keyed-0
        2: Compacted topic cannot accept message without key in topic partition keyed-0
        INVALID_TIMESTAMP One or more records have been rejected due to invalid timestamp
        RECORD_LIST_TOO_LARGE a batch of 2097226 bytes exceeds segment.bytes, which is 1048576"#]].assert_eq(&lines.join("\n"));
}
