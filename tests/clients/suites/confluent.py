"""confluent-kafka: librdkafka of today."""
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec

from harness import CODECS, RECORDS, eventually, test
from records import START_MS, Record, sample, same

CREATE_TIME = 1


def admin(context):
    return AdminClient({"bootstrap.servers": context.bootstrap, "socket.timeout.ms": 10000})


def create_topic(context, about, partitions=1, config=None):
    """A new topic that a client can use; the other suites use it too."""
    name = context.topic(about)
    topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=config or {})
    # The client has to outlive its answer.
    client = admin(context)
    client.create_topics([topic], request_timeout=20)[name].result(20)
    eventually(f"{name} has leaders", lambda: led(context, name, partitions))
    return name


def led(context, name, partitions):
    found = admin(context).list_topics(name, timeout=10).topics[name].partitions
    return len(found) == partitions and all(p.leader >= 0 and p.error is None for p in found.values())


def produce(context, topic, records, partition=0, **config):
    """Sends records; their offsets, in the order of sending."""
    failures, offsets = [], [None] * len(records)

    def delivered(number, error, message):
        if error:
            failures.append(f"record {number}: {error}")
        else:
            offsets[number] = message.offset()

    producer = Producer({"bootstrap.servers": context.bootstrap, "acks": "all", "linger.ms": 20,
                         "message.timeout.ms": 20000, **config})
    for number, record in enumerate(records):
        extra = {} if record.timestamp is None else {"timestamp": record.timestamp}
        producer.produce(topic, record.value, record.key, partition, headers=record.headers or None,
                         on_delivery=lambda e, m, n=number: delivered(n, e, m), **extra)
        producer.poll(0)
    left = producer.flush(25)
    assert left == 0, f"{left} records are not delivered after 25 s"
    assert not failures, failures[:3]
    return offsets


def consumer(context, **config):
    return Consumer({"bootstrap.servers": context.bootstrap, "group.id": "unused", "enable.auto.commit": False,
                     "enable.partition.eof": True, "auto.offset.reset": "error", **config})


def record_of(message):
    kind, timestamp = message.timestamp()
    assert kind == CREATE_TIME, f"timestamp type {kind}"
    return Record(message.key(), message.value(), message.headers() or [], timestamp)


def consume(context, topic, partition=0, offset=0, seconds_max=20, **config):
    """Reads a partition from an offset to its end; (offsets, records)."""
    reader = consumer(context, **config)
    reader.assign([TopicPartition(topic, partition, offset)])
    offsets, records, end = [], [], time.monotonic() + seconds_max
    try:
        while True:
            assert time.monotonic() < end, f"no end of partition within {seconds_max} s, {len(records)} records"
            message = reader.poll(1.0)
            if message is None:
                continue
            if message.error():
                if message.error().code() == KafkaError._PARTITION_EOF:
                    return offsets, records
                raise KafkaException(message.error())
            offsets.append(message.offset())
            records.append(record_of(message))
    finally:
        reader.close()


@test("confluent.roundtrip", RECORDS, each=CODECS)
def roundtrip(context, codec):
    topic, written = create_topic(context, f"confluent-{codec}"), sample()
    offsets = produce(context, topic, written, **{"compression.type": codec})
    assert offsets == list(range(len(written))), "offsets are dense and in order"
    read_offsets, read = consume(context, topic)
    assert read_offsets == offsets
    same(written, read)


@test("confluent.idempotent", [*RECORDS, "InitProducerId"], each=CODECS)
def idempotent(context, codec):
    topic, written = create_topic(context, f"confluent-idempotent-{codec}"), sample(1000)
    offsets = produce(context, topic, written,
                      **{"compression.type": codec, "enable.idempotence": True, "linger.ms": 1})
    assert offsets == list(range(len(written)))
    same(written, consume(context, topic)[1])


@test("confluent.topic_codec", [*RECORDS, "InitProducerId"], each=CODECS)
def topic_codec(context, codec):
    """The topic's codec, whatever the producer chose: the records, their order and their offsets stay."""
    config = {"compression.type": "uncompressed" if codec == "none" else codec}
    topic, written = create_topic(context, f"topic-codec-{codec}", config=config), sample(300)
    for chosen in ["none", "gzip", "lz4"]:
        produce(context, topic, written, **{"compression.type": chosen, "enable.idempotence": True})
    same(written * 3, consume(context, topic)[1])


@test("confluent.acks", RECORDS, each=["0", "1"])
def acks(context, level):
    topic, written = create_topic(context, f"confluent-acks-{level}"), sample(50)
    produce(context, topic, written, acks=int(level))
    eventually("all records are there", lambda: len(consume(context, topic)[1]) == len(written))
    same(written, consume(context, topic)[1])


@test("confluent.partitions", RECORDS)
def partitions(context):
    topic = create_topic(context, "confluent-partitions", partitions=3)
    written = {partition: sample(60, seed=partition) for partition in range(3)}
    for partition, records in written.items():
        produce(context, topic, records, partition)
    for partition, records in written.items():
        same(records, consume(context, topic, partition)[1])


@test("confluent.offset", RECORDS)
def from_an_offset_inside_a_batch(context):
    topic, written = create_topic(context, "confluent-offset"), sample()
    produce(context, topic, written, **{"linger.ms": 500, "compression.type": "lz4"})
    offsets, read = consume(context, topic, offset=137)
    assert offsets[0] == 137
    same(written[137:], read)


@test("confluent.seek_by_time", RECORDS)
def seek_by_time(context):
    topic, written = create_topic(context, "confluent-time"), sample(90)
    produce(context, topic, written)
    reader = consumer(context)
    try:
        def offset_at(timestamp):
            return reader.offsets_for_times([TopicPartition(topic, 0, timestamp)], timeout=10)[0].offset

        assert offset_at(START_MS - 1) == 0
        # Three records share each second; a time between two seconds means the later one.
        assert offset_at(START_MS + 10_000) == 30
        assert offset_at(START_MS + 10_001) == 33
        assert offset_at(START_MS + 10_000_000) == -1, "after the last record there is none"
    finally:
        reader.close()
    same(written[33:], consume(context, topic, offset=33)[1])


@test("confluent.watermarks", RECORDS)
def watermarks(context):
    topic = create_topic(context, "confluent-watermarks")
    reader = consumer(context)
    try:
        assert reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=10) == (0, 0)
        produce(context, topic, sample(40))
        assert reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=10) == (0, 40)
    finally:
        reader.close()


@test("confluent.out_of_range", RECORDS)
def out_of_range(context):
    topic = create_topic(context, "confluent-range")
    produce(context, topic, sample(5))
    try:
        consume(context, topic, offset=77)
    except KafkaException as refused:
        assert refused.args[0].code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE), refused
    else:
        raise AssertionError("offset 77 of 5 was served")


@test("confluent.waiting_fetch", RECORDS)
def a_waiting_fetch_sees_what_is_written_meanwhile(context):
    topic, written = create_topic(context, "confluent-waiting"), sample(20)
    reader = consumer(context, **{"fetch.wait.max.ms": 10000})
    reader.assign([TopicPartition(topic, 0, 0)])
    try:
        # A message is false when its value is empty, so it is compared with None.
        eof = next(m for m in iter(lambda: reader.poll(1.0), b"never") if m is not None)
        assert eof.error().code() == KafkaError._PARTITION_EOF
        produce(context, topic, written[:1])
        began = time.monotonic()
        message = next(m for m in iter(lambda: reader.poll(1.0), b"never") if m is not None and not m.error())
        assert message.value() == written[0].value
        assert time.monotonic() - began < 5, "the fetch answers when there is data, not when its time is over"
    finally:
        reader.close()


@test("confluent.large_record", RECORDS)
def large_record(context):
    topic = create_topic(context, "confluent-large")
    written = [Record(b"k", bytes(range(256)) * 3600, [], START_MS)] * 3
    produce(context, topic, written, **{"compression.type": "none"})
    same(written, consume(context, topic, **{"fetch.message.max.bytes": 1000})[1])


@test("confluent.too_large_record", RECORDS)
def too_large_record(context):
    topic = create_topic(context, "confluent-too-large", config={"max.message.bytes": "10000"})
    try:
        produce(context, topic, [Record(None, bytes(range(256)) * 100, [], START_MS)], **{"compression.type": "none"})
    except AssertionError as refused:
        assert "MSG_SIZE_TOO_LARGE" in str(refused), refused
    else:
        raise AssertionError("25,600 bytes went into a topic of 10,000")
    assert consume(context, topic) == ([], [])


@test("confluent.topics", ["Metadata", "CreateTopics", "DeleteTopics"])
def topics(context):
    topic = create_topic(context, "confluent-topics", partitions=3)
    client = admin(context)
    assert sorted(client.list_topics(topic, timeout=10).topics[topic].partitions) == [0, 1, 2]
    assert topic in client.list_topics(timeout=10).topics
    again = client.create_topics([NewTopic(topic, 1, 1)], request_timeout=20)[topic]
    refused_with(again, KafkaError.TOPIC_ALREADY_EXISTS)
    bad = client.create_topics([NewTopic("no/slash", 1, 1)], request_timeout=20)["no/slash"]
    refused_with(bad, KafkaError.TOPIC_EXCEPTION)
    client.delete_topics([topic], operation_timeout=20, request_timeout=20)[topic].result(20)
    eventually("the topic is gone", lambda: topic not in client.list_topics(timeout=10).topics)
    gone = client.delete_topics([topic], operation_timeout=20, request_timeout=20)[topic]
    refused_with(gone, KafkaError.UNKNOWN_TOPIC_OR_PART)


def refused_with(future, code):
    try:
        future.result(20)
    except KafkaException as refused:
        assert refused.args[0].code() == code, refused
    else:
        raise AssertionError(f"error {code} expected")


@test("confluent.a_topic_again", [*RECORDS, "DeleteTopics"])
def a_topic_that_is_made_again_is_empty(context):
    topic = create_topic(context, "confluent-again")
    produce(context, topic, sample(30))
    client = admin(context)
    client.delete_topics([topic], operation_timeout=20, request_timeout=20)[topic].result(20)
    eventually("the topic is gone", lambda: topic not in client.list_topics(timeout=10).topics)
    client.create_topics([NewTopic(topic, 1, 1)], request_timeout=20)[topic].result(20)
    eventually("the topic has a leader", lambda: led(context, topic, 1))
    assert consume(context, topic) == ([], [])
    assert produce(context, topic, sample(3)) == [0, 1, 2]


@test("confluent.list_offsets", RECORDS)
def list_offsets(context):
    topic, written = create_topic(context, "confluent-list"), sample(30)
    produce(context, topic, written)
    client, at = admin(context), TopicPartition(topic, 0)
    for spec, offset in [(OffsetSpec.earliest(), 0), (OffsetSpec.latest(), 30), (OffsetSpec.max_timestamp(), 27),
                         (OffsetSpec.for_timestamp(START_MS + 5000), 15)]:
        answer = client.list_offsets({at: spec}, request_timeout=10)[at].result(10)
        assert answer.offset == offset, f"{spec}: {answer.offset}, not {offset}"


@test("confluent.delete_records", [*RECORDS, "DeleteRecords"])
def delete_records(context):
    topic, written = create_topic(context, "confluent-delete"), sample(50)
    produce(context, topic, written)
    client = admin(context)
    answer = client.delete_records([TopicPartition(topic, 0, 20)], request_timeout=20)
    assert [future.result(20).low_watermark for future in answer.values()] == [20]
    reader = consumer(context)
    try:
        assert reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=10) == (20, 50)
    finally:
        reader.close()
    same(written[20:], consume(context, topic, offset=20)[1])


@test("confluent.configs", ["Metadata", "CreateTopics", "DescribeConfigs"])
def configs(context):
    topic = create_topic(context, "confluent-configs", config={"retention.ms": "3600000", "cleanup.policy": "compact"})
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    client = admin(context)
    entries = client.describe_configs([resource], request_timeout=10)[resource].result(10)
    assert entries["retention.ms"].value == "3600000"
    assert entries["cleanup.policy"].value == "compact"
    assert entries["segment.bytes"].is_default
    assert not entries["retention.ms"].is_default


@test("confluent.describe_cluster", ["Metadata", "DescribeCluster"])
def describe_cluster(context):
    client = admin(context)
    answer = client.describe_cluster(request_timeout=10).result(10)
    assert answer.cluster_id and answer.controller is not None
    assert f"{answer.nodes[0].host}:{answer.nodes[0].port}" == context.bootstrap
