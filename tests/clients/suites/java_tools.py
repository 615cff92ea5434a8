"""Kafka's command-line tools that inspect and change a broker."""
import json
import os
import re

from harness import API_KEYS, RECORDS, advertised, eventually, test
from records import START_MS, sample, same
from suites import confluent

PROGRAM = ["java"]


def tool(context, main, *args):
    return context.java(main, "--bootstrap-server", context.bootstrap, *args).decode()


@test("java.topic_command", ["Metadata", "CreateTopics", "DeleteTopics", "DescribeConfigs"], PROGRAM, seconds_max=90)
def topic_command(context):
    topic = context.topic("topic-command")
    made = tool(context, "TopicCommand", "--create", "--topic", topic, "--partitions", "3", "--replication-factor", "1",
                "--config", "retention.ms=3600000")
    assert f"Created topic {topic}." in made, made
    eventually("the topic has leaders", lambda: confluent.led(context, topic, 3))
    assert topic in tool(context, "TopicCommand", "--list").splitlines()
    described = tool(context, "TopicCommand", "--describe", "--topic", topic)
    assert re.search(r"PartitionCount: 3\s+ReplicationFactor: 1\s+Configs: .*retention.ms=3600000", described), described
    assert re.search(r"TopicId: [\w-]{22}", described), described
    rows = re.findall(r"Partition: (\d)\s+Leader: (\d+)\s+Replicas: (\d+)\s+Isr: (\d+)", described)
    assert [row[0] for row in rows] == ["0", "1", "2"] and all(len(set(row[1:])) == 1 for row in rows), described
    tool(context, "TopicCommand", "--delete", "--topic", topic)
    eventually("the topic is gone", lambda: topic not in confluent.admin(context).list_topics(timeout=10).topics)


@test("java.topic_command_defaults", ["Metadata", "CreateTopics", "DescribeConfigs"], PROGRAM)
def topic_command_defaults(context):
    """Without --partitions the broker decides; its answer carries what it chose."""
    topic = context.topic("topic-defaults")
    tool(context, "TopicCommand", "--create", "--topic", topic)
    described = tool(context, "TopicCommand", "--describe", "--topic", topic)
    assert re.search(r"PartitionCount: [1-9]", described), described


@test("java.add_partitions", ["Metadata", "CreateTopics", "CreatePartitions"], PROGRAM)
def add_partitions(context):
    topic = confluent.create_topic(context, "add-partitions")
    tool(context, "TopicCommand", "--alter", "--topic", topic, "--partitions", "4")
    eventually("four partitions", lambda: confluent.led(context, topic, 4))


@test("java.get_offset_shell", RECORDS, PROGRAM, seconds_max=90)
def get_offset_shell(context):
    topic = confluent.create_topic(context, "offset-shell", partitions=2)
    confluent.produce(context, topic, sample(90), partition=1)
    for time, offsets in [("-2", "0 0"), ("-1", "0 90"), ("-3", "None 87"), (str(START_MS + 10_001), "None 33")]:
        out = tool(context, "GetOffsetShell", "--topic", topic, "--time", time)
        expected = [f"{topic}:{partition}:{offset}" for partition, offset in enumerate(offsets.split()) if offset != "None"]
        found = [line for line in out.split() if not line.endswith(":")]
        assert found == expected, f"time {time}: {out}"


@test("java.delete_records_command", [*RECORDS, "DeleteRecords"], PROGRAM)
def delete_records_command(context):
    topic, written = confluent.create_topic(context, "delete-command"), sample(50)
    confluent.produce(context, topic, written)
    plan = context.path("offsets.json")
    with open(plan, "w") as file:
        json.dump({"version": 1, "partitions": [{"topic": topic, "partition": 0, "offset": 20}]}, file)
    out = tool(context, "DeleteRecordsCommand", "--offset-json-file", plan)
    assert re.search(rf"partition: {topic}-0\s+low_watermark: 20", out), out
    same(written[20:], confluent.consume(context, topic, offset=20)[1])


@test("java.log_dirs_command", [*RECORDS, "DescribeLogDirs"], PROGRAM)
def log_dirs_command(context):
    topic = confluent.create_topic(context, "log-dirs")
    confluent.produce(context, topic, sample(50))
    out = tool(context, "LogDirsCommand", "--describe", "--topic-list", topic)
    answer = json.loads(next(line for line in out.splitlines() if line.startswith("{")))
    folders = answer["brokers"][0]["logDirs"]
    assert all(folder["error"] is None for folder in folders), folders
    sizes = {p["partition"]: p["size"] for folder in folders for p in folder["partitions"]}
    assert sizes.get(f"{topic}-0", 0) > 1000, sizes


@test("java.broker_api_versions", ["Metadata"], PROGRAM)
def broker_api_versions(context):
    """The tool lists exactly what ApiVersions advertises, and all of it is usable."""
    out = tool(context, "BrokerApiVersionsCommand")
    assert out.startswith(context.bootstrap), out
    offered, printed = advertised(context.bootstrap), {}
    for name, key, rest in re.findall(r"^\t([\w]+)\((\d+)\): (.*)$", out, re.MULTILINE):
        if not rest.startswith("UNSUPPORTED"):
            printed[int(key)] = rest
    assert set(printed) == set(offered), set(printed) ^ set(offered)
    for name in ["Metadata", "ApiVersions"]:
        assert "[usable:" in printed[API_KEYS[name]], printed


ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
ROW = r"^\s*(\w+\(\d+\)): (.*?),?$"


def read(*path):
    with open(os.path.join(ROOT, *path)) as file:
        return file.read()


def documented_rows():
    """The names that docs/compatibility.md lists as not there."""
    text = re.search(r"differs from Kafka's by these\s+rows: ([\w\s,]+)\.", read("docs", "compatibility.md"))
    return set(re.findall(r"\w+", text.group(1)))


@test("java.broker_api_versions_as_kafka", ["Metadata"], PROGRAM)
def broker_api_versions_as_kafka(context):
    """Row for row what Kafka 4.3.1 prints, but for the rows that are documented as not there; no row is documented
    that is there. Kafka itself prints all of them."""
    reference = dict(re.findall(ROW, read("tests", "clients", "data", "kafka-4.3.1-api-versions.txt"), re.MULTILINE))
    printed = dict(re.findall(ROW, tool(context, "BrokerApiVersionsCommand"), re.MULTILINE))
    assert len(reference) == 77, len(reference)
    different = {row.split("(")[0] for row in reference.keys() | printed.keys() if reference.get(row) != printed.get(row)}
    assert different in (set(), documented_rows()), different ^ documented_rows()
