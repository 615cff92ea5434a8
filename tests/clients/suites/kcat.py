"""kcat as Debian ships it: an old librdkafka, which other brokers already fail at ApiVersions."""
import json

from harness import CODECS, RECORDS, test
from records import START_MS, Record, lines, sample, same
from suites import confluent

SEPARATOR = "\x01"
PROGRAM = ["kcat"]


def kcat(context, *args, stdin=b""):
    return context.run(["kcat", "-b", context.bootstrap, "-X", "socket.timeout.ms=10000", *args], stdin)


def produce(context, topic, records, *args):
    data = b"".join((r.key or b"") + SEPARATOR.encode() + r.value + b"\n" for r in records)
    kcat(context, "-P", "-t", topic, "-p", "0", "-K", SEPARATOR, "-X", "acks=all", *args, stdin=data)


def consume(context, topic, *args):
    """Reads partition 0 from its beginning to its end; lengths keep any bytes apart."""
    out = kcat(context, "-C", "-t", topic, "-p", "0", "-o", "beginning", "-e", "-q",
               "-f", "%K %S %T\n%k%s", *args)
    records = []
    while out:
        line, out = out.split(b"\n", 1)
        key_size, value_size, timestamp = (int(word) for word in line.split())
        fields = []
        for size in (key_size, value_size):
            fields.append(None if size < 0 else out[:size])
            out = out[max(size, 0):]
        records.append(Record(fields[0], fields[1], [], timestamp))
    return records


@test("kcat.roundtrip", RECORDS, PROGRAM, each=CODECS)
def roundtrip(context, codec):
    topic, written = confluent.create_topic(context, f"kcat-{codec}"), lines()
    produce(context, topic, written, "-z", codec)
    same(written, consume(context, topic), timestamps=False)


@test("kcat.reads_confluent", RECORDS, PROGRAM, each=CODECS)
def reads_confluent(context, codec):
    topic = confluent.create_topic(context, f"confluent-kcat-{codec}")
    # An empty key or value is told apart from a null one by its length.
    written = [record._replace(headers=[]) for record in sample()]
    confluent.produce(context, topic, written, **{"compression.type": codec})
    same(written, consume(context, topic))


@test("kcat.headers", RECORDS, PROGRAM)
def headers(context):
    topic = confluent.create_topic(context, "kcat-headers")
    produce(context, topic, lines(3), "-H", "a=1", "-H", "a=2", "-H", "b=")
    written = [record._replace(headers=[("a", b"1"), ("a", b"2"), ("b", b"")]) for record in lines(3)]
    same(written, confluent.consume(context, topic)[1], timestamps=False)


@test("kcat.seek_by_time", RECORDS, PROGRAM)
def seek_by_time(context):
    topic, written = confluent.create_topic(context, "kcat-time"), sample(90)
    confluent.produce(context, topic, written)
    out = kcat(context, "-Q", "-t", f"{topic}:0:{START_MS + 10_001}").decode()
    assert out.split() == [topic, "[0]", "offset", "33"], out
    read = kcat(context, "-C", "-t", topic, "-p", "0", "-o", f"s@{START_MS + 10_001}", "-e", "-q", "-f", "%o ")
    assert read.split() == [b"%d" % offset for offset in range(33, 90)]


@test("kcat.metadata", ["Metadata", "CreateTopics"], PROGRAM)
def metadata(context):
    topic = confluent.create_topic(context, "kcat-metadata", partitions=3)
    answer = json.loads(kcat(context, "-L", "-J", "-t", topic))
    assert [broker["name"] for broker in answer["brokers"]] == [context.bootstrap], answer["brokers"]
    partitions = answer["topics"][0]["partitions"]
    assert sorted(p["partition"] for p in partitions) == [0, 1, 2]
    assert all(p["leader"] == answer["brokers"][0]["id"] for p in partitions)


@test("kcat.idempotent", [*RECORDS, "InitProducerId"], PROGRAM)
def idempotent(context):
    topic, written = confluent.create_topic(context, "kcat-idempotent"), lines(500)
    produce(context, topic, written, "-X", "enable.idempotence=true")
    same(written, consume(context, topic), timestamps=False)
