"""What every client test shares: the registry, deadlines, what the broker offers, running programs.

A test is a function with a name, a list of what it needs of the broker, and of the programs of this
machine. Each runs in a process of its own with a deadline; what it started dies with it.
"""
import ctypes
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import uuid

# Kafka's api keys by name, for `needs`.
API_KEYS = {
    "Produce": 0, "Fetch": 1, "ListOffsets": 2, "Metadata": 3, "OffsetCommit": 8, "OffsetFetch": 9,
    "FindCoordinator": 10, "JoinGroup": 11, "Heartbeat": 12, "LeaveGroup": 13, "SyncGroup": 14,
    "DescribeGroups": 15, "ListGroups": 16, "ApiVersions": 18, "CreateTopics": 19, "DeleteTopics": 20,
    "DeleteRecords": 21, "InitProducerId": 22, "OffsetForLeaderEpoch": 23, "AddPartitionsToTxn": 24,
    "EndTxn": 26, "TxnOffsetCommit": 28, "DescribeConfigs": 32, "AlterConfigs": 33, "AlterReplicaLogDirs": 34,
    "DescribeLogDirs": 35, "CreatePartitions": 37, "DeleteGroups": 42, "ElectLeaders": 43,
    "IncrementalAlterConfigs": 44, "AlterPartitionReassignments": 45, "ListPartitionReassignments": 46,
    "DescribeQuorum": 55, "DescribeCluster": 60, "ConsumerGroupHeartbeat": 68,
    "ListConfigResources": 74, "DescribeTopicPartitions": 75,
}

# What every test of records needs: a topic, records in, records out.
RECORDS = ["Metadata", "CreateTopics", "Produce", "Fetch", "ListOffsets"]

# What setup installed for the clients: one folder each.
INSTALLED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "target", "clients")

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


class Test:
    def __init__(self, name, run, needs, programs, seconds_max, files, installed):
        self.name = name
        self.run = run
        self.needs = needs
        self.programs = programs
        self.seconds_max = seconds_max
        self.files = files
        self.installed = installed


TESTS = {}


def test(name, needs, programs=(), seconds_max=60, each=None, files=False, installed=None):
    """Registers a test; with `each`, one per value, which it gets as its second argument. With `files` it reads the
    broker's data directory; `installed` is a path that setup makes for it."""

    def register(function):
        for value in each or [None]:
            full = name if value is None else f"{name}.{value}"
            run = function if value is None else (lambda context, value=value: function(context, value))
            assert full not in TESTS, f"two tests are called {full}"
            TESTS[full] = Test(full, run, needs, programs, seconds_max, files, installed)
        return function

    return register


class Context:
    """What a running test knows of its surroundings."""

    def __init__(self, bootstrap, kafka_libs, work, data_dir=None):
        self.bootstrap = bootstrap
        self.kafka_libs = kafka_libs
        self.work = work
        self.data_dir = data_dir

    def topic(self, about):
        """A name nobody used before."""
        return f"clients-{about}-{uuid.uuid4().hex[:12]}"

    def path(self, name):
        return os.path.join(self.work, f"{uuid.uuid4().hex[:8]}-{name}")

    def run(self, args, stdin=b"", seconds_max=50):
        """Runs a program to its end; its standard output, or an assertion with what it said."""
        done = subprocess.run(args, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=seconds_max, preexec_fn=die_with_parent)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(args[:1] + args[-12:])}: exit {done.returncode}\n"
                                 f"{text(done.stdout)}\n{text(done.stderr)}")
        return done.stdout

    def java(self, main, *args, stdin=b"", seconds_max=50):
        """Runs a class of Kafka's tools, or one whose whole name is given."""
        main = main if main.startswith("kafka.") else f"org.apache.kafka.tools.{main}"
        return self.run(["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
                         "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{self.kafka_libs}/*",
                         main, *args], stdin, seconds_max)


def text(data, limit=4000):
    return data[-limit:].decode("utf-8", "replace").strip()


def die_with_parent():
    """In a child before exec: the kernel kills it when its parent is gone."""
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def eventually(what, condition, seconds_max=20):
    """Waits until the condition gives a true value, and returns it."""
    end = time.monotonic() + seconds_max
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds_max} s: {what}")
        time.sleep(0.05)


def advertised(bootstrap, seconds_max=10):
    """The broker's api keys, as ApiVersions v0 tells them: key -> (lowest, highest version)."""
    host, port = bootstrap.rsplit(":", 1)
    request = struct.pack(">hhih", 18, 0, 1, -1)
    with socket.create_connection((host, int(port)), seconds_max) as connection:
        connection.settimeout(seconds_max)
        connection.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", read_exactly(connection, 4))
        answer = read_exactly(connection, size)
    correlation, error, count = struct.unpack_from(">ihi", answer)
    if correlation != 1 or error != 0:
        raise AssertionError(f"ApiVersions v0 answered correlation {correlation}, error {error}")
    ranges = (struct.unpack_from(">hhh", answer, 10 + 6 * i) for i in range(count))
    return {key: (low, high) for key, low, high in ranges}


def read_exactly(connection, size):
    data = b""
    while len(data) < size:
        got = connection.recv(size - len(data))
        if not got:
            raise AssertionError(f"the broker closed after {len(data)} of {size} bytes")
        data += got
    return data


def why_not(test, offered, context):
    """Why a test cannot run here, or None."""
    for name in test.needs:
        if API_KEYS[name] not in offered:
            return f"needs {name}, which the broker does not advertise"
    if test.files and not context.data_dir:
        return "needs the broker's files: --data-dir"
    for program in test.programs:
        if not shutil.which(program):
            return f"needs {program}, which is not installed"
    if test.installed and not os.path.exists(test.installed):
        return f"needs {os.path.basename(test.installed)} of {test.name.split('.')[0]}: cargo xtask setup"
    if "java" in test.programs and not (context.kafka_libs and os.path.isdir(context.kafka_libs)):
        return "needs Kafka's jars: cargo xtask setup"
    return None


def log(*words):
    print(*words, file=sys.stderr, flush=True)
