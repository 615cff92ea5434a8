"""A client around aiokafka, steered by lines of JSON: see steered.py, which says what the commands mean."""
import asyncio
import base64
import json
import sys
import traceback

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.protocol.admin import DeleteGroupsRequest
from aiokafka.structs import OffsetAndMetadata

BOOTSTRAP = sys.argv[1]
MEMBERS = {}


def bytes_of(data):
    return None if data is None else base64.b64decode(data)


def base64_of(data):
    return None if data is None else base64.b64encode(data).decode()


def fields(message):
    headers = [[name, base64_of(value)] for name, value in message.headers]
    return [base64_of(message.key), base64_of(message.value), headers, message.timestamp]


class Member(ConsumerRebalanceListener):
    """Reads from now on, in a task of its own."""

    def __init__(self, topic, group, client_id):
        self.consumer = AIOKafkaConsumer(
            bootstrap_servers=BOOTSTRAP, group_id=group, client_id=client_id, enable_auto_commit=False,
            auto_offset_reset="earliest", session_timeout_ms=6000, heartbeat_interval_ms=300, fetch_max_wait_ms=200,
            metadata_max_age_ms=1000)
        self.consumer.subscribe([topic], listener=self)
        self.owned, self.received = set(), []

    async def start(self):
        await self.consumer.start()
        self.reading = asyncio.create_task(self.read())

    async def read(self):
        async for message in self.consumer:
            self.received.append([message.partition, message.offset, fields(message)])

    async def stop(self):
        self.reading.cancel()
        await self.consumer.stop()

    async def on_partitions_revoked(self, revoked):
        self.owned = set()

    async def on_partitions_assigned(self, assigned):
        self.owned = {place.partition for place in assigned}


class Commands:
    def __init__(self, admin):
        self.admin = admin

    async def create(self, topic, partitions):
        answer = await self.admin.create_topics([NewTopic(topic, partitions, 1)])
        assert [found[1] for found in answer.topic_errors] == [0], answer

    async def delete_topic(self, topic):
        answer = await self.admin.delete_topics([topic])
        assert [found[1] for found in answer.topic_error_codes] == [0], answer

    async def produce(self, topic, partition, codec, records, idempotent=False):
        producer = AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, acks="all", linger_ms=20, enable_idempotence=idempotent,
                                    compression_type=None if codec == "none" else codec)
        await producer.start()
        try:
            sent = []
            for key, value, headers, timestamp in records:
                pairs = [(name, bytes_of(data)) for name, data in headers]
                sent.append(await producer.send(topic, bytes_of(value), bytes_of(key), partition, timestamp, pairs))
            return [(await one).offset for one in sent]
        finally:
            await producer.stop()

    async def consume(self, topic, partition, offset, count):
        place, found = TopicPartition(topic, partition), []
        consumer = AIOKafkaConsumer(bootstrap_servers=BOOTSTRAP, auto_offset_reset="none", fetch_max_wait_ms=200)
        await consumer.start()
        try:
            consumer.assign([place])
            consumer.seek(place, offset)
            while len(found) < count:
                message = await consumer.getone()
                found.append([message.offset, fields(message)])
            return found
        finally:
            await consumer.stop()

    async def ends(self, topic):
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=BOOTSTRAP)
        await consumer.start()
        try:
            places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
            return {place.partition: offset for place, offset in (await consumer.end_offsets(places)).items()}
        finally:
            await consumer.stop()

    async def join(self, member, group, topic, client_id="aiokafka"):
        MEMBERS[member] = Member(topic, group, client_id)
        await MEMBERS[member].start()

    async def owned(self, member):
        return sorted(MEMBERS[member].owned)

    async def records(self, member):
        found, MEMBERS[member].received = MEMBERS[member].received, []
        return found

    async def commit(self, member, topic, partition, offset, metadata):
        await MEMBERS[member].consumer.commit({TopicPartition(topic, partition): OffsetAndMetadata(offset, metadata)})

    async def seek(self, member, topic, partition, offset):
        MEMBERS[member].consumer.seek(TopicPartition(topic, partition), offset)

    async def pause(self, member, topic, partition):
        MEMBERS[member].consumer.pause(TopicPartition(topic, partition))

    async def resume(self, member, topic, partition):
        MEMBERS[member].consumer.resume(TopicPartition(topic, partition))

    async def leave(self, member):
        await MEMBERS[member].stop()

    async def offsets(self, group, topic):
        found = await self.admin.list_consumer_group_offsets(group)
        return {place.partition: [at.offset, at.metadata] for place, at in found.items() if place.topic == topic}

    async def describe(self, group):
        (answer,) = await self.admin.describe_consumer_groups([group])
        ((error, _, state, _, protocol, members, *_),) = answer.groups
        assert error == 0, answer
        return {"state": state, "protocol": protocol, "clients": [member[1] for member in members]}

    async def groups(self):
        return [group for group, *_ in await self.admin.list_consumer_groups()]

    async def delete_group(self, group):
        # Its admin client has no method for it, but the request.
        coordinator = await self.admin.find_coordinator(group)
        answer = await self.admin._send_request(DeleteGroupsRequest([group]), coordinator)
        assert [found[1] for found in answer.results] == [0], answer


async def main():
    admin = AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    await admin.start()
    commands = Commands(admin)
    lines = asyncio.StreamReader(limit=1 << 26)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        words = json.loads(line)
        try:
            answer = {"ok": await getattr(commands, words.pop("do"))(**words)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
