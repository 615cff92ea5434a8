"""Consumer groups through confluent-kafka: rebalances of both kinds, commits, static members, administration."""
import time

from confluent_kafka import Consumer, ConsumerGroupState, ConsumerGroupTopicPartitions, KafkaException, TopicPartition

from harness import RECORDS, eventually, test
from records import sample, same
from suites.confluent import admin, create_topic, produce, record_of

GROUPS = [*RECORDS, "FindCoordinator", "JoinGroup", "SyncGroup", "Heartbeat", "LeaveGroup", "OffsetCommit", "OffsetFetch"]
ADMIN = [*GROUPS, "ListGroups", "DescribeGroups", "DeleteGroups"]


class Member:
    """A consumer that polls when asked and knows what it owns."""

    def __init__(self, context, group, topic, **config):
        self.owned, self.rebalances = set(), 0
        self.consumer = Consumer({
            "bootstrap.servers": context.bootstrap, "group.id": group, "enable.auto.commit": False,
            "auto.offset.reset": "earliest", "session.timeout.ms": 6000, "heartbeat.interval.ms": 300,
            "topic.metadata.refresh.interval.ms": 1000, **config})
        self.cooperative = config.get("partition.assignment.strategy") == "cooperative-sticky"
        self.consumer.subscribe([topic], on_assign=self.assigned, on_revoke=self.revoked, on_lost=self.revoked)

    def assigned(self, consumer, partitions):
        self.rebalances += 1
        numbers = {p.partition for p in partitions}
        if self.cooperative:
            self.owned |= numbers
            consumer.incremental_assign(partitions)
        else:
            self.owned = numbers
            consumer.assign(partitions)

    def revoked(self, consumer, partitions):
        self.owned -= {p.partition for p in partitions}
        if self.cooperative:
            consumer.incremental_unassign(partitions)
        else:
            consumer.unassign()

    def poll(self):
        message = self.consumer.poll(0.02)
        if message is not None and message.error():
            raise KafkaException(message.error())
        return message

    def close(self):
        self.consumer.close()


def poll_until(members, what, condition, seconds_max=30):
    def step():
        for member in members:
            member.poll()
        return condition()

    eventually(what, step, seconds_max)


def shares(members, partitions, each):
    """Whether the members own disjoint shares of that size that make up everything."""
    owned = [member.owned for member in members]
    return all(len(share) == each for share in owned) and set().union(*owned) == set(range(partitions))


STRATEGIES = ["range", "roundrobin", "cooperative-sticky"]


@test("confluent.group_of_two", GROUPS, each=STRATEGIES)
def group_of_two(context, strategy):
    topic, group = create_topic(context, f"group-{strategy}", partitions=4), context.topic("group")
    config = {"partition.assignment.strategy": strategy}
    first = Member(context, group, topic, **config)
    poll_until([first], "one member owns everything", lambda: shares([first], 4, 4))
    second = Member(context, group, topic, **config)
    poll_until([first, second], "two members share", lambda: shares([first, second], 4, 2))
    second.close()
    poll_until([first], "the member that stays owns everything", lambda: shares([first], 4, 4))
    first.close()


@test("confluent.group_of_five", GROUPS, each=STRATEGIES)
def group_of_five(context, strategy):
    topic, group = create_topic(context, f"group-five-{strategy}", partitions=10), context.topic("group")
    members = [Member(context, group, topic, **{"partition.assignment.strategy": strategy}) for _ in range(5)]
    poll_until(members, "five members share", lambda: shares(members, 10, 2), 40)
    for member in members:
        member.close()


def read(member, count, seconds_max=30):
    messages, end = [], time.monotonic() + seconds_max
    while len(messages) < count:
        assert time.monotonic() < end, f"{len(messages)} of {count} records within {seconds_max} s"
        message = member.poll()
        if message is not None:
            messages.append(message)
    return messages


@test("confluent.group_commits_and_resumes", GROUPS, each=["sync", "async", "auto"])
def commits_and_resumes(context, how):
    topic, group, written = create_topic(context, f"resume-{how}"), context.topic("group"), sample(100)
    produce(context, topic, written)
    config = {"enable.auto.commit": True, "auto.commit.interval.ms": 100} if how == "auto" else {}
    first = Member(context, group, topic, **config)
    before = read(first, 40)
    if how != "auto":
        offsets = [TopicPartition(topic, 0, 40, metadata="half way")]
        first.consumer.commit(offsets=offsets, asynchronous=how == "async")
        eventually("the commit arrived", lambda: committed(first, topic).offset == 40)
        assert committed(first, topic).metadata == "half way"
    first.close()
    second = Member(context, group, topic)
    after = read(second, 60)
    same(written, [record_of(message) for message in before + after])
    low, high = second.consumer.get_watermark_offsets(TopicPartition(topic, 0))
    assert (low, high - committed(second, topic).offset) == (0, 60), "the lag"
    second.close()


def committed(member, topic):
    return member.consumer.committed([TopicPartition(topic, 0)], timeout=10)[0]


@test("confluent.group_static_member", GROUPS)
def static_member(context):
    topic, group = create_topic(context, "static", partitions=4), context.topic("group")
    config = {"session.timeout.ms": 20000}
    first = Member(context, group, topic, **{"group.instance.id": "one", **config})
    second = Member(context, group, topic, **{"group.instance.id": "two", **config})
    poll_until([first, second], "two members share", lambda: shares([first, second], 4, 2))
    owned, rebalances = set(second.owned), first.rebalances
    second.close()
    again = Member(context, group, topic, **{"group.instance.id": "two", **config})
    poll_until([first, again], "it has its share again", lambda: again.owned == owned)
    assert first.rebalances == rebalances, "the other member saw a rebalance"
    first.close()
    again.close()


@test("confluent.group_seek_and_pause", GROUPS)
def seek_and_pause(context):
    topic, group, written = create_topic(context, "seek"), context.topic("group"), sample(60)
    produce(context, topic, written)
    member = Member(context, group, topic)
    read(member, 60)
    member.consumer.seek(TopicPartition(topic, 0, 20))
    same(written[20:], [record_of(message) for message in read(member, 40)])
    member.consumer.pause([TopicPartition(topic, 0)])
    produce(context, topic, written[:10])
    assert all(member.poll() is None for _ in range(20)), "a paused partition gives nothing"
    member.consumer.resume([TopicPartition(topic, 0)])
    same(written[:10], [record_of(message) for message in read(member, 10)])
    member.close()


@test("confluent.group_admin", ADMIN)
def group_admin(context):
    topic, group = create_topic(context, "group-admin", partitions=2), context.topic("group")
    produce(context, topic, sample(30))
    client = admin(context)
    member = Member(context, group, topic, **{"client.id": "the-client"})
    read(member, 30)
    member.consumer.commit(offsets=[TopicPartition(topic, 0, 12)], asynchronous=False)
    described = client.describe_consumer_groups([group])[group].result(20)
    assert described.state == ConsumerGroupState.STABLE and described.partition_assignor == "range", described.state
    (one,) = described.members
    assert one.client_id == "the-client" and len(one.assignment.topic_partitions) == 2
    listed = client.list_consumer_groups(states={ConsumerGroupState.STABLE}).result(20)
    assert group in [found.group_id for found in listed.valid]
    member.close()
    eventually("the group is empty",
               lambda: client.describe_consumer_groups([group])[group].result(20).state == ConsumerGroupState.EMPTY)
    wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 7), TopicPartition(topic, 1, 0)])
    client.alter_consumer_group_offsets([wanted])[group].result(20)
    found = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(20)
    assert sorted((p.partition, p.offset) for p in found.topic_partitions) == [(0, 7), (1, 0)]
    client.delete_consumer_groups([group])[group].result(20)
    listed = client.list_consumer_groups().result(20)
    assert group not in [found.group_id for found in listed.valid]
