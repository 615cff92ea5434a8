"""What every steered client is put through; `register` makes tests of it under the client's name."""
from harness import CODECS, RECORDS, eventually, test
from records import sample, same
from steered import Member
from suites import confluent
from suites.confluent_groups import ADMIN, GROUPS


def register(name, start, installed=None, programs=(), without=(), shape=lambda record: record,
             seen=lambda record: record):
    """The scenarios as tests of one client.

    `start` makes the client of a context, `installed` is what of it setup put below `target/clients`, if it did; `without` names
    scenarios that its library cannot do; `shape` is what of a record the library can carry, `seen` how it shows it.
    """
    def add(scenario, run, needs, each=None):
        if scenario not in without:
            function = (lambda context: run(context, start)) if each is None else \
                (lambda context, value: run(context, start, value))
            test(f"{name}.{scenario}", needs, programs, each=each, installed=installed)(function)

    records = [shape(record) for record in sample(sparse=False)]
    add("roundtrip", lambda context, start, codec: roundtrip(context, start(context), codec, records, shape, seen),
        GROUPS, CODECS)
    add("idempotent", lambda context, start: idempotent(context, start(context), records, shape),
        [*GROUPS, "InitProducerId"])
    add("topics", topics, [*RECORDS, "DeleteTopics"])
    add("group_of_two", group_of_two, GROUPS)
    add("group_commits_and_resumes", commits_and_resumes, ADMIN)
    add("seek", seek, GROUPS)
    add("pause", pause, GROUPS)
    add("group_admin", group_admin, ADMIN)


def roundtrip(context, client, codec, written, shape, seen):
    """Its own records come back, to it and to confluent; what confluent wrote comes to it."""
    topic, count = confluent.create_topic(context, f"steered-{codec}"), len(written)
    assert client.produce(topic, written, codec=codec) == list(range(count)), "offsets are dense and in order"
    offsets, read = client.consume(topic, count)
    assert offsets == list(range(count))
    same(shaped(written, seen), shaped(read, shape))
    same(written, shaped(confluent.consume(context, topic)[1], shape))
    confluent.produce(context, topic, written, **{"compression.type": codec})
    offsets, read = client.consume(topic, count - 37, offset=count + 37)
    assert offsets == list(range(count + 37, 2 * count)), "from an offset inside a batch"
    same(shaped(written[37:], seen), shaped(read, shape))


def shaped(records, shape):
    return [shape(record) for record in records]


def idempotent(context, client, written, shape):
    topic = confluent.create_topic(context, "steered-idempotent")
    for first in range(0, len(written), 20):
        offsets = client.produce(topic, written[first:first + 20], codec="gzip", idempotent=True)
        assert offsets == list(range(first, first + 20)), offsets
    same(written, shaped(confluent.consume(context, topic)[1], shape))


def topics(context, start):
    client, topic = start(context), context.topic("steered-topics")
    client.ask("create", topic=topic, partitions=3)
    eventually("it is there", lambda: confluent.led(context, topic, 3))
    assert client.ends(topic) == {0: 0, 1: 0, 2: 0}
    client.produce(topic, sample(5, sparse=False), partition=2)
    assert client.ends(topic) == {0: 0, 1: 0, 2: 5}
    client.ask("delete_topic", topic=topic)
    eventually("it is gone", lambda: topic not in confluent.admin(context).list_topics(timeout=10).topics)


def group_of_two(context, start):
    """A second member takes its share, in a process of its own, and gives it back when it leaves."""
    topic, group = confluent.create_topic(context, "steered-group", partitions=4), context.topic("group")
    first = Member(start(context), "first", group, topic)
    eventually("one member owns everything", lambda: first.owned() == {0, 1, 2, 3})
    second = Member(start(context), "second", group, topic)
    eventually("two members share", lambda: sorted([*first.owned(), *second.owned()]) == [0, 1, 2, 3]
               and len(first.owned()) == len(second.owned()) == 2)
    second.leave()
    eventually("the member that stays owns everything", lambda: first.owned() == {0, 1, 2, 3})
    first.leave()


def received(member, count, what="the records came"):
    eventually(what, lambda: len(member.receive()) >= count)
    assert len(member.received) == count, f"{len(member.received)} records, not {count}"
    return [record for _, _, record in member.received]


def commits_and_resumes(context, start):
    topic, group, written = confluent.create_topic(context, "steered-resume"), context.topic("group"), sample(80)
    confluent.produce(context, topic, written[:50])
    client = start(context)
    first = Member(client, "first", group, topic)
    received(first, 50)
    first.ask("commit", offset=30, metadata="so far")
    assert client.offsets(group, topic)[0][0] == 30
    first.leave()
    confluent.produce(context, topic, written[50:])
    second = Member(client, "second", group, topic)
    received(second, 50)
    assert [offset for _, offset, _ in second.received] == list(range(30, 80)), "it goes on where the other committed"
    assert client.ends(topic)[0] - client.offsets(group, topic)[0][0] == 50, "the lag"
    second.leave()


def seek(context, start):
    topic, group = confluent.create_topic(context, "steered-seek"), context.topic("group")
    confluent.produce(context, topic, sample(60))
    member = Member(start(context), "one", group, topic)
    received(member, 60)
    member.ask("seek", offset=20)
    received(member, 100)
    assert [offset for _, offset, _ in member.received] == [*range(60), *range(20, 60)]
    member.leave()


def pause(context, start):
    topic, group, written = confluent.create_topic(context, "steered-pause", 2), context.topic("group"), sample(10)
    member = Member(start(context), "one", group, topic)
    eventually("it owns both", lambda: member.owned() == {0, 1})
    confluent.produce(context, topic, written)
    received(member, 10)
    member.ask("pause")
    # A fetch that was on its way when the partition was paused may still carry it; one after the second marker does not.
    for marker in range(2):
        confluent.produce(context, topic, written[:1], partition=1)
        received(member, 11 + marker)
    confluent.produce(context, topic, written)
    confluent.produce(context, topic, written[:1], partition=1)
    received(member, 13)
    assert member.received[-1][0] == 1, "a paused partition gives nothing"
    member.ask("resume")
    received(member, 23)
    assert [(partition, offset) for partition, offset, _ in member.received[13:]] == [(0, n) for n in range(10, 20)]
    member.leave()


def group_admin(context, start):
    topic, group = confluent.create_topic(context, "steered-admin", partitions=2), context.topic("group")
    confluent.produce(context, topic, sample(20))
    client = start(context)
    member = Member(client, "one", group, topic, client_id="the-client")
    received(member, 20)
    member.ask("commit", offset=20, metadata="")
    described = client.ask("describe", group=group)
    assert described["state"] == "Stable" and described["clients"] == ["the-client"], described
    assert described.get("protocol") != "", described
    assert group in client.ask("groups")
    offsets = client.offsets(group, topic)
    assert offsets[0][0] == 20 and offsets.get(1, (-1,))[0] == -1, offsets
    member.leave()
    eventually("the group is empty", lambda: client.ask("describe", group=group)["state"] == "Empty")
    client.ask("delete_group", group=group)
    assert group not in client.ask("groups")
