"""Kafka's ConfigCommand: what it sets is what it describes, of topics, brokers, groups, client metrics and loggers."""
import re

from harness import eventually, test
from suites import confluent

PROGRAM = ["java"]
NEEDS = ["Metadata", "DescribeConfigs", "IncrementalAlterConfigs"]


def configs(context, *args):
    return context.java("kafka.admin.ConfigCommand", "--bootstrap-server", context.bootstrap, *args).decode()


def node_id(context):
    return str(min(confluent.admin(context).list_topics(timeout=10).brokers))


def described(context, target, *args):
    """Values by name, of the lines that `--describe` prints."""
    text = configs(context, "--describe", *target, *args)
    return dict(re.findall(r"^\s+([\w.]+)=(.*?) sensitive=", text, re.MULTILINE)), text


def round_trip(context, target, name, value):
    """Sets, sees, takes away and no longer sees."""
    configs(context, "--alter", *target, "--add-config", f"{name}={value}")
    eventually("the value is told", lambda: described(context, target)[0].get(name) == value)
    configs(context, "--alter", *target, "--delete-config", name)
    eventually("the value is gone", lambda: described(context, target)[0].get(name) != value)


@test("java.configs_topic", [*NEEDS, "CreateTopics"], PROGRAM, seconds_max=120)
def topic(context):
    name = confluent.create_topic(context, "configs")
    round_trip(context, ["--topic", name], "retention.ms", "3600000")


@test("java.configs_broker", NEEDS, PROGRAM, seconds_max=180)
def broker(context):
    target = ["--broker", node_id(context)]
    round_trip(context, target, "log.retention.ms", "7200000")
    everything, text = described(context, target, "--all")
    assert len(everything) >= 340, len(everything)
    assert re.search(r"^\s+num.io.threads=8 sensitive=false synonyms={DEFAULT_CONFIG:num.io.threads=8}", text, re.MULTILINE), text


@test("java.configs_broker_defaults", NEEDS, PROGRAM, seconds_max=120)
def broker_defaults(context):
    round_trip(context, ["--entity-type", "brokers", "--entity-default"], "log.roll.ms", "7200000")


@test("java.configs_group", [*NEEDS, "ListGroups"], PROGRAM, seconds_max=120)
def group(context):
    round_trip(context, ["--group", context.topic("group")], "consumer.session.timeout.ms", "46000")


@test("java.configs_client_metrics", [*NEEDS, "ListConfigResources"], PROGRAM, seconds_max=120)
def client_metrics(context):
    name = context.topic("metrics")
    target = ["--client-metrics", name]
    configs(context, "--alter", *target, "--add-config", "interval.ms=2000")
    eventually("it is listed", lambda: name in configs(context, "--describe", "--entity-type", "client-metrics"))
    configs(context, "--alter", *target, "--delete-config", "interval.ms")


@test("java.configs_loggers", NEEDS, PROGRAM, seconds_max=120)
def loggers(context):
    target = ["--broker-logger", node_id(context)]
    before = described(context, target)[0]["root"]
    other = "WARN" if before != "WARN" else "INFO"
    configs(context, "--alter", *target, "--add-config", f"root={other}")
    assert described(context, target)[0]["root"] == other
    configs(context, "--alter", *target, "--add-config", f"root={before}")


@test("java.configs_refused", [*NEEDS, "CreateTopics"], PROGRAM, seconds_max=120)
def refused(context):
    """What Kafka refuses is refused in its words."""
    name = confluent.create_topic(context, "refused")
    for target, change, words in [
        (["--topic", name], "retention.ms=soon", "Invalid value soon for configuration retention.ms: Not a number of type LONG"),
        (["--broker", node_id(context)], "node.id=5", "Cannot update these configs dynamically"),
    ]:
        try:
            text = configs(context, "--alter", *target, "--add-config", change)
        except AssertionError as error:
            text = str(error)
        assert words in text, text
