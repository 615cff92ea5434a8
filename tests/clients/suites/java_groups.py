"""Consumer groups through Kafka's own consumer and tools."""
import json
import re
import subprocess

from harness import die_with_parent, eventually, test
from records import sample, same
from suites import confluent
from suites.confluent_groups import ADMIN, GROUPS, Member, poll_until
from suites.java_tools import tool

PROGRAM = ["java"]


@test("java.console_consumer_in_a_group", GROUPS, PROGRAM, seconds_max=90)
def console_consumer_in_a_group(context):
    """Reads a part, leaves, and goes on where it was."""
    topic, group = confluent.create_topic(context, "console-group"), context.topic("group")
    confluent.produce(context, topic, [record._replace(value=b"%d" % n, timestamp=None) for n, record in enumerate(sample(40))])

    def lines(count):
        return context.java("consumer.ConsoleConsumer", "--bootstrap-server", context.bootstrap, "--topic", topic,
                            "--group", group, "--from-beginning", "--max-messages", str(count),
                            "--timeout-ms", "30000").decode().split()

    assert lines(15) == [str(n) for n in range(15)]
    assert lines(25) == [str(n) for n in range(15, 40)]


@test("java.verifiable_consumers", GROUPS, PROGRAM, seconds_max=120, each=["RangeAssignor", "CooperativeStickyAssignor"])
def verifiable_consumers(context, assignor):
    """Two of Kafka's verifiable consumers share a topic; together they read everything once."""
    topic, group = confluent.create_topic(context, "verifiable", partitions=4), context.topic("group")
    args = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{context.kafka_libs}/*",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "org.apache.kafka.tools.VerifiableConsumer",
            "--bootstrap-server", context.bootstrap, "--topic", topic, "--group-id", group, "--reset-policy", "earliest",
            "--assignment-strategy", f"org.apache.kafka.clients.consumer.{assignor}", "--session-timeout", "20000"]
    logs = [open(context.path(f"consumer-{n}"), "w+") for n in range(2)]
    members = [subprocess.Popen(args, stdout=log, preexec_fn=die_with_parent) for log in logs]

    def events(log):
        log.flush()
        with open(log.name) as said:
            return [json.loads(line) for line in said if line.startswith("{") and line.endswith("\n")]

    def share(log):
        owned = set()
        for event in events(log):
            numbers = {p["partition"] for p in event.get("partitions", []) if isinstance(p, dict)}
            if event["name"] == "partitions_assigned":
                owned |= numbers
            if event["name"] == "partitions_revoked":
                owned -= numbers
        return owned

    def read():
        return sum(event["count"] for log in logs for event in events(log) if event["name"] == "records_consumed")

    try:
        eventually("two members share", lambda: [len(share(log)) for log in logs] == [2, 2], 60)
        assert not share(logs[0]) & share(logs[1])
        for partition in range(4):
            confluent.produce(context, topic, sample(25, seed=partition), partition)
        eventually("all records were read", lambda: read() == 100, 30)
    finally:
        for process in members:
            process.kill()
            process.wait()


@test("java.consumer_groups_command", ADMIN, PROGRAM, seconds_max=150)
def consumer_groups_command(context):
    topic, group = confluent.create_topic(context, "groups-command", partitions=2), context.topic("group")
    confluent.produce(context, topic, sample(30))
    member = Member(context, group, topic, **{"client.id": "shown"})
    poll_until([member], "it owns everything", lambda: member.owned == {0, 1})
    member.consumer.commit(offsets=[confluent.TopicPartition(topic, 0, 10)], asynchronous=False)

    def command(*args):
        return tool(context, "consumer.group.ConsumerGroupCommand", *args)

    described = command("--describe", "--group", group)
    assert re.search(rf"{group}\s+{topic}\s+0\s+10\s+30\s+20\s+shown-\S+\s+/127.0.0.1\s+shown", described), described
    state = command("--describe", "--group", group, "--state")
    assert re.search(rf"{group}\s+127.0.0.1:\d+\s+\(\d+\)\s+range\s+Stable\s+1", state), state
    members = command("--describe", "--group", group, "--members", "--verbose")
    assert re.search(rf"{group}\s+shown-\S+\s+/127.0.0.1\s+shown\s+2\s+.*{topic}:0,1", members), members
    listed = command("--list", "--state")
    assert re.search(rf"{group}\s+Classic\s+Stable|{group}\s+Stable", listed), listed
    member.close()
    reset = command("--group", group, "--topic", topic, "--reset-offsets", "--to-earliest", "--execute")
    assert re.search(rf"{group}\s+{topic}\s+0\s+0", reset), reset
    deleted = command("--group", group, "--topic", topic, "--delete-offsets")
    assert "successful" in deleted.lower(), deleted
    assert "successful" in command("--delete", "--group", group)
    assert group not in command("--list")


@test("java.groups_command", ADMIN, PROGRAM)
def groups_command(context):
    topic, group = confluent.create_topic(context, "groups"), context.topic("group")
    member = Member(context, group, topic)
    poll_until([member], "it owns everything", lambda: member.owned == {0})
    listed = tool(context, "GroupsCommand", "--list")
    assert re.search(rf"{group}\s+Classic\s+consumer", listed), listed
    member.close()
