"""Kafka's console producer and consumer, and its two load producers, in Java."""
import json

from harness import CODECS, RECORDS, test
from records import Record, sample, same
from suites import confluent

PROGRAM = ["java"]
# The Java producer is idempotent unless told otherwise.
JAVA_RECORDS = [*RECORDS, "InitProducerId"]


def console_lines(count=100):
    """Records as the console carries them: text, with headers and tombstones."""
    records = []
    for number in range(count):
        value = None if number % 10 == 9 else f"value {number}".encode()
        headers = [("h", f"{number}".encode()), ("h", b"again")] if number % 3 else []
        records.append(Record(f"key {number % 7}".encode(), value, headers, None))
    return records


def console_produce(context, topic, records, codec):
    def line(record):
        headers = ",".join(f"{name}:{value.decode()}" for name, value in record.headers)
        value = b"NULL" if record.value is None else record.value
        return (headers or "NULL").encode() + b"\t" + record.key + b"\t" + value + b"\n"

    properties = ["parse.headers=true", "parse.key=true", "null.marker=NULL"]
    context.java("ConsoleProducer", "--bootstrap-server", context.bootstrap, "--topic", topic,
                 "--compression-codec", codec, *pairs("--reader-property", properties),
                 stdin=b"".join(map(line, records)))


def pairs(option, values):
    return [word for value in values for word in (option, value)]


def console_consume(context, topic, count, *args):
    """The lines that the console consumer prints of partition 0."""
    properties = ["print.key=true", "print.headers=true", "print.offset=true", "null.literal=NULL"]
    out = context.java("consumer.ConsoleConsumer", "--bootstrap-server", context.bootstrap, "--topic", topic,
                       "--partition", "0", "--max-messages", str(count), "--timeout-ms", "20000",
                       *pairs("--formatter-property", properties), *args)
    return out.decode().splitlines()


def as_printed(offset, record):
    headers = ",".join(f"{name}:{value.decode()}" for name, value in record.headers) or "NO_HEADERS"
    value = "NULL" if record.value is None else record.value.decode()
    return f"Offset:{offset}\t{headers}\t{record.key.decode()}\t{value}"


@test("java.console_producer", JAVA_RECORDS, PROGRAM, each=CODECS)
def console_producer(context, codec):
    topic, written = confluent.create_topic(context, f"console-{codec}"), console_lines()
    console_produce(context, topic, written, codec)
    same(written, confluent.consume(context, topic)[1], timestamps=False)


@test("java.console_consumer", RECORDS, PROGRAM, each=CODECS)
def console_consumer(context, codec):
    topic, written = confluent.create_topic(context, f"to-console-{codec}"), console_lines()
    confluent.produce(context, topic, written, **{"compression.type": codec})
    printed = console_consume(context, topic, len(written), "--offset", "earliest")
    assert printed == [as_printed(*pair) for pair in enumerate(written)], first_difference(printed, written)


def first_difference(printed, written):
    expected = [as_printed(*pair) for pair in enumerate(written)]
    return next((pair for pair in zip(printed, expected) if pair[0] != pair[1]), (len(printed), len(expected)))


@test("java.console_consumer_from_offset", RECORDS, PROGRAM)
def console_consumer_from_offset(context):
    topic, written = confluent.create_topic(context, "console-offset"), console_lines()
    confluent.produce(context, topic, written)
    printed = console_consume(context, topic, 40, "--offset", "60")
    assert printed == [as_printed(*pair) for pair in enumerate(written)][60:]


@test("java.verifiable_producer", JAVA_RECORDS, PROGRAM)
def verifiable_producer(context):
    topic = confluent.create_topic(context, "verifiable")
    out = context.java("VerifiableProducer", "--bootstrap-server", context.bootstrap, "--topic", topic,
                       "--max-messages", "500", "--throughput", "-1", "--acks", "-1")
    events = [json.loads(line) for line in out.decode().splitlines() if line.startswith("{")]
    acked = [event for event in events if event["name"] == "producer_send_success"]
    assert [event["offset"] for event in acked] == list(range(500))
    assert events[-1]["name"] == "tool_data" and events[-1]["acked"] == 500, events[-1]
    offsets, read = confluent.consume(context, topic)
    assert [record.value for record in read] == [event["value"].encode() for event in acked]
    assert offsets == list(range(500))


@test("java.producer_performance", JAVA_RECORDS, PROGRAM, each=["none", "zstd"])
def producer_performance(context, codec):
    topic, count, size = confluent.create_topic(context, f"performance-{codec}"), 20_000, 200
    out = context.java("ProducerPerformance", "--bootstrap-server", context.bootstrap, "--topic", topic,
                       "--num-records", str(count), "--record-size", str(size), "--throughput", "-1",
                       *pairs("--command-property", ["acks=all", f"compression.type={codec}"]))
    assert f"{count} records sent" in out.decode(), out.decode()
    offsets, read = confluent.consume(context, topic)
    assert offsets == list(range(count)), f"{len(offsets)} of {count} records"
    assert {len(record.value) for record in read} == {size}


@test("java.reads_binary", RECORDS, PROGRAM)
def reads_binary(context):
    """The Java consumer checks batch and record checksums of what librdkafka wrote."""
    topic, written = confluent.create_topic(context, "console-binary"), sample()
    confluent.produce(context, topic, written, **{"compression.type": "zstd"})
    out = context.java("consumer.ConsoleConsumer", "--bootstrap-server", context.bootstrap, "--topic", topic,
                       "--partition", "0", "--offset", "earliest", "--max-messages", str(len(written)),
                       "--timeout-ms", "20000", *pairs("--formatter-property", ["print.timestamp=true", "print.value=false"]),
                       *pairs("--command-property", ["check.crcs=true"]))
    assert out.decode().split() == [f"CreateTime:{record.timestamp}" for record in written]
