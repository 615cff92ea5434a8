"""kafka-python: a client that shares no code with librdkafka or Java."""
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError

from harness import CODECS, RECORDS, eventually, test
from records import START_MS, Record, sample, same
from suites import confluent


def produce(context, topic, records, partition=0, **config):
    """Sends records; their offsets, in the order of sending."""
    settings = {"bootstrap_servers": context.bootstrap, "acks": "all", "linger_ms": 20,
                "enable_idempotence": False, **config}
    producer = KafkaProducer(**settings)
    try:
        futures = [producer.send(topic, r.value, r.key, r.headers, partition, r.timestamp) for r in records]
        producer.flush(25)
        return [future.get(20).offset for future in futures]
    finally:
        producer.close(timeout=10)


def consumer(context, **config):
    return KafkaConsumer(bootstrap_servers=context.bootstrap, group_id=None, enable_auto_commit=False,
                         auto_offset_reset="none", **config)


def consume(context, topic, partition=0, offset=0, seconds_max=20, **config):
    """Reads a partition from an offset to its end; (offsets, records)."""
    at = TopicPartition(topic, partition)
    reader = consumer(context, **config)
    try:
        reader.assign([at])
        last = reader.end_offsets([at])[at]
        reader.seek(at, offset)
        offsets, records, end = [], [], time.monotonic() + seconds_max
        while reader.position(at) < last:
            assert time.monotonic() < end, f"at {reader.position(at)} of {last} after {seconds_max} s"
            for message in reader.poll(timeout_ms=500).get(at, []):
                assert message.timestamp_type == 0, "the time is the producer's"
                offsets.append(message.offset)
                headers = [(name, value) for name, value in message.headers]
                records.append(Record(message.key, message.value, headers, message.timestamp))
        return offsets, records
    finally:
        reader.close()


def codec_name(codec):
    return None if codec == "none" else codec


@test("kafka_python.roundtrip", RECORDS, each=CODECS)
def roundtrip(context, codec):
    topic, written = confluent.create_topic(context, f"python-{codec}"), sample(sparse=False)
    offsets = produce(context, topic, written, compression_type=codec_name(codec))
    assert offsets == list(range(len(written))), "offsets are dense and in order"
    read_offsets, read = consume(context, topic)
    assert read_offsets == offsets
    same(written, read)


@test("kafka_python.reads_confluent", RECORDS, each=CODECS)
def reads_confluent(context, codec):
    topic, written = confluent.create_topic(context, f"confluent-python-{codec}"), sample()
    confluent.produce(context, topic, written, **{"compression.type": codec})
    same(written, consume(context, topic)[1])


@test("kafka_python.read_by_confluent", RECORDS, each=CODECS)
def read_by_confluent(context, codec):
    topic, written = confluent.create_topic(context, f"python-confluent-{codec}"), sample(sparse=False)
    produce(context, topic, written, compression_type=codec_name(codec))
    same(written, confluent.consume(context, topic)[1])


@test("kafka_python.idempotent", [*RECORDS, "InitProducerId"])
def idempotent(context):
    topic, written = confluent.create_topic(context, "python-idempotent"), sample(500, sparse=False)
    offsets = produce(context, topic, written, enable_idempotence=True)
    assert offsets == list(range(len(written)))
    same(written, consume(context, topic)[1])


@test("kafka_python.seek_by_time", RECORDS)
def seek_by_time(context):
    topic, written = confluent.create_topic(context, "python-time"), sample(90, sparse=False)
    produce(context, topic, written)
    at, reader = TopicPartition(topic, 0), consumer(context)
    try:
        def found(timestamp):
            return reader.offsets_for_times({at: timestamp})[at]

        assert found(START_MS - 1).offset == 0
        assert (found(START_MS + 10_000).offset, found(START_MS + 10_000).timestamp) == (30, START_MS + 10_000)
        assert found(START_MS + 10_001).offset == 33
        assert found(START_MS + 10_000_000) is None
        assert reader.beginning_offsets([at]) == {at: 0}
        assert reader.end_offsets([at]) == {at: 90}
    finally:
        reader.close()
    same(written[33:], consume(context, topic, offset=33)[1])


@test("kafka_python.topics", ["Metadata", "CreateTopics", "DeleteTopics"])
def topics(context):
    topic = context.topic("python-topics")
    client = KafkaAdminClient(bootstrap_servers=context.bootstrap)
    try:
        client.create_topics([NewTopic(topic, 2, 1)], timeout_ms=20000)
        eventually("the topic is listed", lambda: topic in client.list_topics())
        try:
            client.create_topics([NewTopic(topic, 2, 1)], timeout_ms=20000)
        except TopicAlreadyExistsError:
            pass
        else:
            raise AssertionError("the topic was made twice")
        client.delete_topics([topic], timeout_ms=20000)
        eventually("the topic is gone", lambda: topic not in client.list_topics())
        try:
            client.delete_topics([topic], timeout_ms=20000)
        except UnknownTopicOrPartitionError:
            pass
        else:
            raise AssertionError("the topic was deleted twice")
    finally:
        client.close()
