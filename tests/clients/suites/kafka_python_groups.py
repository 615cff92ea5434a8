"""Consumer groups through kafka-python."""
import time

from kafka import KafkaAdminClient, KafkaConsumer, OffsetAndMetadata, TopicPartition

from harness import eventually, test
from records import Record, sample, same
from suites import confluent
from suites.confluent_groups import ADMIN, GROUPS


def member(context, group, topic, **config):
    reader = KafkaConsumer(bootstrap_servers=context.bootstrap, group_id=group, enable_auto_commit=False,
                           auto_offset_reset="earliest", session_timeout_ms=6000, heartbeat_interval_ms=300,
                           metadata_max_age_ms=1000, **config)
    reader.subscribe([topic])
    # An answer to SyncGroup that comes between two polls is lost on this client: its first rebalance has to find the
    # topic, and a poll to last longer than a rebalance.
    reader.partitions_for_topic(topic)
    return reader


def poll(readers):
    found = []
    for reader in readers:
        for messages in reader.poll(timeout_ms=300).values():
            found += messages
    return found


def owned(reader):
    return {place.partition for place in reader.assignment()}


def poll_until(readers, what, condition, seconds_max=30):
    eventually(what, lambda: (poll(readers), condition())[1], seconds_max)


def read(reader, count, seconds_max=30):
    messages, end = [], time.monotonic() + seconds_max
    while len(messages) < count:
        assert time.monotonic() < end, f"{len(messages)} of {count} records within {seconds_max} s"
        messages += poll([reader])
    return [Record(m.key, m.value, list(m.headers), m.timestamp) for m in messages]


@test("kafka_python.group_of_two", GROUPS)
def group_of_two(context):
    topic, group = confluent.create_topic(context, "python-group", partitions=4), context.topic("group")
    first = member(context, group, topic)
    poll_until([first], "one member owns everything", lambda: owned(first) == {0, 1, 2, 3})
    second = member(context, group, topic)
    poll_until([first, second], "two members share",
               lambda: (len(owned(first)), len(owned(second))) == (2, 2) and not owned(first) & owned(second))
    second.close()
    poll_until([first], "the member that stays owns everything", lambda: owned(first) == {0, 1, 2, 3})
    first.close()


@test("kafka_python.group_commits_and_resumes", GROUPS)
def commits_and_resumes(context):
    topic, group, written = confluent.create_topic(context, "python-resume"), context.topic("group"), sample(80, sparse=False)
    confluent.produce(context, topic, written)
    at = TopicPartition(topic, 0)
    first = member(context, group, topic, max_poll_records=30)
    before = read(first, 30)
    first.commit({at: OffsetAndMetadata(30, "so far", -1)})
    assert first.committed(at) == 30
    first.close()
    second = member(context, group, topic)
    same(written, before + read(second, 50))
    second.close()


@test("kafka_python.group_admin", ADMIN)
def group_admin(context):
    topic, group = confluent.create_topic(context, "python-admin"), context.topic("group")
    confluent.produce(context, topic, sample(20, sparse=False))
    reader = member(context, group, topic, client_id="python-client")
    read(reader, 20)
    reader.commit()
    client = KafkaAdminClient(bootstrap_servers=context.bootstrap)
    try:
        described = client.describe_groups([group])[group]
        assert described["group_state"] == "Stable" and described["protocol_type"] == "consumer", described
        assert [m["client_id"] for m in described["members"]] == ["python-client"], described
        offsets = client.list_group_offsets(group)[group]
        assert offsets[TopicPartition(topic, 0)].offset == 20, offsets
        assert group in [found["group_id"] for found in client.list_groups()]
        reader.close()
        eventually("the group can be deleted", lambda: client.describe_groups([group])[group]["group_state"] == "Empty")
        client.delete_groups([group])
        assert group not in [found["group_id"] for found in client.list_groups()]
    finally:
        client.close()
