"""Kafka's own readers over the broker's files: DumpLogSegments.

The files have to be on this machine: the tests run where the runner was told the data directory.
"""
import base64
import os
import random
import re
import time

from harness import CODECS, RECORDS, eventually, test
from records import Record
from suites import confluent, kafka_python

PROGRAM = ["java"]
SEGMENT_BYTES = 1 << 20
# Records of one producer.
COUNT = 30


def dump(context, path, *options):
    return context.java("DumpLogSegments", "--files", path, *options).decode()


def records(seed, now):
    """Printable text that every codec makes smaller, but not by much, so that segments roll."""
    chance = random.Random(seed)
    value = lambda number: b"value %d %s " % (number, b"x" * 3_000) + base64.b64encode(chance.randbytes(8_000))
    return [Record(f"key-{number % 7}".encode(), value(number), [], now + number) for number in range(COUNT)]


def written(context):
    """A topic with every codec, with and without a producer id, over several segments: (its folder, the records,
    the first offset of each producer that had an id). The times are of now: producers of older records expire."""
    topic = confluent.create_topic(context, "dumped", config={"segment.bytes": str(SEGMENT_BYTES)})
    everything, starts, now = [], [], int(time.time() * 1000)
    for seed, codec in enumerate(CODECS):
        starts.append(len(everything))
        # librdkafka sends uncompressed instead of lz4 to a broker that does not advertise FindCoordinator.
        for send, config in [
            (confluent.produce, {"compression.type": codec, "enable.idempotence": "true", "batch.num.messages": "7"}),
            (kafka_python.produce, {"compression_type": kafka_python.codec_name(codec)}),
        ]:
            more = records(f"{seed}{send.__module__}", now)
            offsets = send(context, topic, more, **config)
            assert offsets == list(range(len(everything), len(everything) + len(more))), offsets
            everything += more
    return os.path.join(context.data_dir, f"{topic}-0"), everything, starts


def files(folder, suffix):
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(suffix)]


@test("java.dump_log", RECORDS, PROGRAM, seconds_max=120, files=True)
def dump_log(context):
    """Every segment is read, decompressed and checked; offsets, keys and values are what was sent, and the indexes
    lead to them."""
    folder, sent, _ = written(context)
    logs = files(folder, ".log")
    assert len(logs) > 2, f"the segments rolled: {logs}"
    out = dump(context, ",".join(logs), "--deep-iteration", "--print-data-log")
    batches = re.findall(r"^baseOffset: .*$", out, re.MULTILINE)
    assert batches and all("isvalid: true" in batch for batch in batches), batches
    codecs = set(re.findall(r"compresscodec: (\w+)", out))
    assert codecs == set(CODECS), codecs
    starts = [int(start) for start in re.findall(r"^Log starting offset: (\d+)$", out, re.MULTILINE)]
    assert starts == [int(os.path.basename(log)[:20]) for log in logs], starts
    found = re.findall(r"^\| offset: (\d+) .*? key: (\S+) payload: (.*)$", out, re.MULTILINE)
    expected = [(str(offset), record.key.decode(), record.value.decode()) for offset, record in enumerate(sent)]
    wrong = [pair for pair in zip(found, expected) if pair[0] != pair[1]]
    assert not wrong and len(found) == len(expected), (len(found), len(expected), wrong[:1])
    complaints = re.findall(r"^.*(?:[Mm]ismatch|[Nn]on.?[Cc]onsecutive|[Cc]orrupt|[Ee]rror).*$", out, re.MULTILINE)
    assert not complaints, complaints[:3]


@test("java.dump_indexes", RECORDS, PROGRAM, seconds_max=120, files=True)
def dump_indexes(context):
    """Of the closed segments: an active one's index is larger than its entries with Kafka."""
    folder, _, _ = written(context)
    indexes, times = files(folder, ".index")[:-1], files(folder, ".timeindex")[:-1]
    assert len(indexes) > 1 and len(times) == len(indexes), (indexes, times)
    out = dump(context, ",".join(indexes), "--index-sanity-check")
    assert out.count("passed sanity check") == len(indexes), out
    out = dump(context, ",".join(indexes))
    entries = re.findall(r"^offset: (\d+) position: (\d+)$", out, re.MULTILINE)
    assert len(entries) > 10 * len(indexes), out[:2000]
    out = dump(context, ",".join(times))
    entries = re.findall(r"^timestamp: (\d+) offset: (\d+)$", out, re.MULTILINE)
    assert len(entries) >= len(times), out[:2000]
    for kind in [indexes, times]:
        out = dump(context, ",".join(kind), "--verify-index-only")
        complaints = re.findall(r"^(?!Dumping ).*\S.*$", out, re.MULTILINE)
        assert not complaints, complaints[:3]


@test("java.dump_producer_snapshot", [*RECORDS, "InitProducerId"], PROGRAM, seconds_max=120, files=True)
def dump_producer_snapshot(context):
    """The newest snapshot names every producer that wrote below it, with its last sequence and offset."""
    folder, sent, starts = written(context)
    snapshot = files(folder, ".snapshot")[-1]
    end = int(os.path.basename(snapshot)[:20])
    assert 0 < end <= len(sent), snapshot
    out = dump(context, snapshot)
    found = re.findall(r"^producerId: (\d+) producerEpoch: 0 .* lastSequence: (\d+) lastOffset: (\d+) ", out, re.MULTILINE)
    expected = set()
    for first in starts:
        below = min(COUNT, end - first)
        if below > 0:
            expected.add((str(below - 1), str(first + below - 1)))
    assert {entry[1:] for entry in found} == expected, (expected, out)
    assert len({entry[0] for entry in found}) == len(found) == len(expected), out


@test("java.dump_compacted_log", RECORDS, PROGRAM, seconds_max=150, files=True)
def dump_compacted_log(context):
    """After compaction every batch and index is still sound, offsets grow, and of each key the last record is there.
    The cleaner comes by itself, 15 s after it last looked."""
    config = {"segment.bytes": str(SEGMENT_BYTES), "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01"}
    topic = confluent.create_topic(context, "dumped-compacted", config=config)
    folder, sent, now = os.path.join(context.data_dir, f"{topic}-0"), [], int(time.time() * 1000)
    for seed, codec in enumerate(CODECS * 3):
        more = [r._replace(key=b"%d-%s" % (seed % 5, r.key)) for r in records(f"{seed}", now)]
        more.append(Record(f"gone-{seed % 3}".encode(), None if seed > 4 else b"for now", [], now))
        offsets = kafka_python.produce(context, topic, more, compression_type=kafka_python.codec_name(codec))
        assert offsets == list(range(len(sent), len(sent) + len(more))), offsets
        sent += more
    # Four segments were written; the active one stays, and little of the others.
    size = lambda: sum(os.path.getsize(log) for log in files(folder, ".log"))
    eventually("the log is compacted", lambda: size() < 2 * SEGMENT_BYTES, 90)
    eventually("no file is being replaced", lambda: not files(folder, ".cleaned") + files(folder, ".swap"))
    out = dump(context, ",".join(files(folder, ".log")), "--deep-iteration", "--print-data-log")
    batches = re.findall(r"^baseOffset: .*$", out, re.MULTILINE)
    assert batches and all("isvalid: true" in batch for batch in batches), batches
    found = [(int(offset), key) for offset, key in re.findall(r"^\| offset: (\d+) .*? key: (\S+)", out, re.MULTILINE)]
    offsets = [offset for offset, _ in found]
    assert offsets == sorted(set(offsets)) and len(found) < len(sent), offsets
    assert all(sent[offset].key.decode() == key for offset, key in found), found
    last = {record.key.decode(): offset for offset, record in enumerate(sent)}
    lost = [key for key, offset in last.items() if (offset, key) not in found]
    assert not lost, lost
    complaints = re.findall(r"^.*(?:[Mm]ismatch|[Cc]orrupt|[Ee]rror).*$", out, re.MULTILINE)
    assert not complaints, complaints[:3]
    indexes = files(folder, ".index")[:-1]
    out = dump(context, ",".join(indexes), "--index-sanity-check")
    # A segment of which nothing stays has no entries.
    passed = out.count("passed sanity check")
    assert passed > 0 and passed + out.count("is empty.") == len(indexes), out
    out = dump(context, ",".join(indexes + files(folder, ".timeindex")[:-1]), "--verify-index-only")
    complaints = re.findall(r"^(?!Dumping |.* is empty\.$).*\S.*$", out, re.MULTILINE)
    assert not complaints, complaints[:3]
