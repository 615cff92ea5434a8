"""Clients in other languages: each is a small program around its library that does what lines of JSON say.

A line is `{"do": COMMAND, ...}`, its answer `{"ok": VALUE}` or `{"error": TEXT}`, one after the other. Bytes are base64,
a record is `[key, value, [[name, value], ...], milliseconds]`. The commands:

    create      topic, partitions                      delete_topic topic
    produce     topic, partition, codec, idempotent, records -> offsets
    consume     topic, partition, offset, count -> [[offset, record], ...]
    join        member, group, topic, client_id: a member that reads from now on, from the start where nothing is committed
    owned       member -> the partitions it has now    records member -> [[partition, offset, record], ...] since last asked
    commit      member, topic, partition, offset, metadata     seek member, topic, partition, offset
    pause, resume   member, topic, partition           leave member
    offsets     group, topic -> {partition: [offset, metadata]}    ends topic -> {partition: offset}
    describe    group -> {state, protocol if it tells, clients}    groups -> their ids      delete_group group
"""
import base64
import json
import os
import subprocess

from harness import Context, die_with_parent, text
from records import Record


class Steered:
    """One running client program."""

    def __init__(self, context: Context, command, environment=None):
        self.log = context.path("client.log")
        with open(self.log, "wb") as log:
            self.program = subprocess.Popen([*command, context.bootstrap], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=log, env={**os.environ, **(environment or {})},
                                            preexec_fn=die_with_parent)

    def ask(self, do, **words):
        line = json.dumps({"do": do, **words})
        self.program.stdin.write(line.encode() + b"\n")
        self.program.stdin.flush()
        answer = json.loads(self.program.stdout.readline() or '{"error": "the program is gone"}')
        if "error" in answer:
            with open(self.log, "rb") as log:
                raise AssertionError(f"{line[:300]}: {answer['error']}\n{text(log.read())}")
        return answer.get("ok")

    def produce(self, topic, records, partition=0, codec="none", **words):
        """Sends records; their offsets."""
        return self.ask("produce", topic=topic, partition=partition, codec=codec, records=[packed(r) for r in records],
                        **words)

    def consume(self, topic, count, offset=0, partition=0):
        """Reads that many records of a partition without a group; (offsets, records)."""
        found = self.ask("consume", topic=topic, partition=partition, offset=offset, count=count)
        return [offset for offset, _ in found], [unpacked(record) for _, record in found]

    def offsets(self, group, topic):
        """What the group committed: partition -> (offset, metadata)."""
        return {int(p): tuple(found) for p, found in self.ask("offsets", group=group, topic=topic).items()}

    def ends(self, topic):
        """The offset after the last record: partition -> offset."""
        return {int(p): offset for p, offset in self.ask("ends", topic=topic).items()}


class Member:
    """A member of a group in such a program."""

    def __init__(self, client, name, group, topic, **words):
        self.client, self.name, self.topic = client, name, topic
        self.received = []
        client.ask("join", member=name, group=group, topic=topic, **words)

    def owned(self):
        return set(self.client.ask("owned", member=self.name))

    def receive(self):
        """Everything received so far: (partition, offset, record) in the order of arrival."""
        for partition, offset, record in self.client.ask("records", member=self.name):
            self.received.append((partition, offset, unpacked(record)))
        return self.received

    def ask(self, do, partition=0, **words):
        return self.client.ask(do, member=self.name, topic=self.topic, partition=partition, **words)

    def leave(self):
        self.client.ask("leave", member=self.name)


def packed(record):
    headers = [[name, base64_of(value)] for name, value in record.headers]
    return [base64_of(record.key), base64_of(record.value), headers, record.timestamp]


def unpacked(fields):
    key, value, headers, timestamp = fields
    return Record(bytes_of(key), bytes_of(value), [(name, bytes_of(data)) for name, data in headers or []], timestamp)


def base64_of(data):
    return None if data is None else base64.b64encode(data).decode()


def bytes_of(data):
    return None if data is None else base64.b64decode(data)
