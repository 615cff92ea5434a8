// A client around kafkajs, steered by lines of JSON: see steered.py, which says what the commands mean.
'use strict'

const readline = require('readline')
const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = require('kafkajs')
const codecs = require('./codecs')

for (const [name, codec] of Object.entries(codecs)) {
  CompressionCodecs[CompressionTypes[name]] = () => codec
}

const logCreator = () => ({ namespace, log }) =>
  process.stderr.write(`${namespace} ${log.message} ${log.error || ''} ${log.stack || ''}\n`)

function kafka(clientId = 'kafkajs') {
  return new Kafka({ brokers: [process.argv[2]], clientId, logLevel: logLevel.WARN, logCreator })
}

const COMPRESSION = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}

const admin = kafka().admin()
const producers = new Map()
const members = new Map()

const bytes = text => (text === null ? null : Buffer.from(text, 'base64'))
const text = data => (data === null || data === undefined ? null : Buffer.from(data).toString('base64'))

function toMessage([key, value, pairs, timestamp], partition) {
  const headers = {}
  for (const [name, data] of pairs) {
    headers[name] = [...(headers[name] || []), bytes(data)]
  }
  return { key: bytes(key), value: bytes(value), headers, timestamp: `${timestamp}`, partition }
}

function toRecord({ key, value, headers, timestamp }) {
  const pairs = Object.entries(headers || {}).flatMap(([name, data]) =>
    (Array.isArray(data) ? data : [data]).map(one => [name, text(one)]))
  return [text(key), text(value), pairs, Number(timestamp)]
}

async function producer(idempotent) {
  if (!producers.has(idempotent)) {
    const made = kafka().producer({ idempotent })
    await made.connect()
    producers.set(idempotent, made)
  }
  return producers.get(idempotent)
}

// A member that hears of every record; `owned` follows its assignment.
async function subscribed(clientId, group, topic, hear) {
  const consumer = kafka(clientId).consumer({
    groupId: group, sessionTimeout: 6000, heartbeatInterval: 300, maxWaitTimeInMs: 200,
  })
  const member = { consumer, owned: [], records: [] }
  consumer.on(consumer.events.GROUP_JOIN, event => { member.owned = event.payload.memberAssignment[topic] || [] })
  consumer.on(consumer.events.REBALANCING, () => { member.owned = [] })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ autoCommit: false, eachMessage: async ({ partition, message }) => hear(member, partition, message) })
  return member
}

const commands = {
  create: ({ topic, partitions }) =>
    admin.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }], waitForLeaders: true }),

  delete_topic: ({ topic }) => admin.deleteTopics({ topics: [topic] }),

  async produce({ topic, partition, codec, idempotent = false, records }) {
    const sender = await producer(idempotent)
    const [{ baseOffset }] = await sender.send({
      topic,
      acks: -1,
      compression: COMPRESSION[codec],
      messages: records.map(record => toMessage(record, partition)),
    })
    return records.map((_, index) => Number(baseOffset) + index)
  },

  // kafkajs has no reader without a group: one that nobody else is in, which commits nothing.
  async consume({ topic, partition, offset, count }) {
    const found = []
    let done
    const all = new Promise(resolve => { done = resolve })
    const group = `consume-${process.pid}-${topic}-${offset}`
    const member = await subscribed('kafkajs', group, topic, (_, from, message) => {
      if (from !== partition || Number(message.offset) < offset) return
      found.push([Number(message.offset), toRecord(message)])
      if (found.length === count) done()
    })
    member.consumer.seek({ topic, partition, offset: `${offset}` })
    await all
    await member.consumer.disconnect()
    return found
  },

  async join({ member, group, topic, client_id: clientId }) {
    const hear = (joined, partition, message) =>
      joined.records.push([partition, Number(message.offset), toRecord(message)])
    members.set(member, await subscribed(clientId, group, topic, hear))
  },

  owned: ({ member }) => members.get(member).owned,
  records: ({ member }) => members.get(member).records.splice(0),

  commit: ({ member, topic, partition, offset, metadata }) =>
    members.get(member).consumer.commitOffsets([{ topic, partition, offset: `${offset}`, metadata }]),

  seek: ({ member, topic, partition, offset }) =>
    members.get(member).consumer.seek({ topic, partition, offset: `${offset}` }),

  pause: ({ member, topic, partition }) => members.get(member).consumer.pause([{ topic, partitions: [partition] }]),
  resume: ({ member, topic, partition }) => members.get(member).consumer.resume([{ topic, partitions: [partition] }]),
  leave: ({ member }) => members.get(member).consumer.disconnect(),

  async offsets({ group, topic }) {
    const [{ partitions }] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
    return Object.fromEntries(partitions.map(p => [p.partition, [Number(p.offset), p.metadata]]))
  },

  async ends({ topic }) {
    const found = await admin.fetchTopicOffsets(topic)
    return Object.fromEntries(found.map(p => [p.partition, Number(p.high)]))
  },

  async describe({ group }) {
    const { groups: [{ state, protocol, members: found }] } = await admin.describeGroups([group])
    return { state, protocol, clients: found.map(m => m.clientId) }
  },

  groups: async () => (await admin.listGroups()).groups.map(g => g.groupId),
  delete_group: ({ group }) => admin.deleteGroups([group]),
}

async function main() {
  await codecs.ready
  await admin.connect()
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line)
    let answer
    try {
      answer = { ok: await commands[asked.do](asked) }
    } catch (error) {
      answer = { error: `${error.stack}` }
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`)
  }
  process.exit(0)
}

main().catch(error => {
  process.stderr.write(`${error.stack}\n`)
  process.exit(1)
})
