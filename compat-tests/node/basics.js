const { Partitioners } = require('kafkajs')
const { TYPES, NAMES } = require('./codecs')
const { emit, text } = require('./emit')
const { read } = require('./reader')

const PARTITIONS = 3
const RECORDS = 6
const BASE_TIME = 1_700_000_000_000
const STEP_MS = 1000
const TOO_LARGE = 2_000_000
const PATIENCE_MS = 20_000

// Record `number` of one way to produce: keys, values and headers of every kind, most of all the odd ones.
function sample(codec, variant, number) {
  const values = { 2: null, 3: Buffer.alloc(0), 4: Buffer.alloc(3000, 'x') }
  const headers = { 0: {}, 5: { a: ['1', '2'], empty: '' } }
  return {
    partition: number % PARTITIONS,
    key: number === 1 ? null : `key-${number}`,
    value: number in values ? values[number] : `${codec}-${variant}-${number}`,
    headers: headers[number] ?? { codec },
    timestamp: String(BASE_TIME + (variant * RECORDS + number) * STEP_MS),
  }
}

async function basics(kafka, prefix) {
  const topic = `${prefix}-codecs`
  const admin = kafka.admin({ retry: { retries: 0 } })
  await admin.connect()
  await create(kafka, admin, topic)
  await produce(kafka, topic)
  await readAll(kafka, topic)
  await seek(kafka, admin, topic)
  await failures(kafka, admin, prefix, topic)
  await admin.disconnect()
}

async function create(kafka, admin, topic) {
  const codes = [await createTopic(admin, topic, PARTITIONS), await createTopic(admin, topic, PARTITIONS)]
  emit({ step: 'create', codes, partitions: await partitions(admin, topic) })
  const brief = `${topic}-brief`
  const deleted = () => code(admin.deleteTopics({ topics: [brief] }))
  emit({ step: 'delete', codes: [await createTopic(admin, brief, 1), await deleted(), await deleted()] })
  const auto = `${topic}-auto`
  const offsets = await send(kafka, auto, [sample('none', 0, 0)], 'none', false)
  emit({ step: 'auto create', offsets, partitions: await partitions(admin, auto) })
}

async function produce(kafka, topic) {
  for (const [index, codec] of NAMES.entries()) {
    for (const [extra, idempotent] of [false, true].entries()) {
      const records = [...Array(RECORDS).keys()].map(number => sample(codec, 2 * index + extra, number))
      emit({ step: 'produce', codec, idempotent, offsets: await send(kafka, topic, records, codec, idempotent) })
    }
  }
}

// Offsets of the records: kafkajs tells the first of each partition, and the rest follows.
async function send(kafka, topic, messages, codec, idempotent) {
  const producer = kafka.producer({ idempotent, createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const sent = await producer.send({ topic, messages, compression: TYPES[codec], acks: -1 })
  await producer.disconnect()
  const next = Object.fromEntries(sent.map(({ partition, baseOffset }) => [partition, Number(baseOffset)]))
  return messages.map(({ partition }) => next[partition]++)
}

async function readAll(kafka, topic) {
  const records = await take(kafka, topic, { 0: 0, 1: 0, 2: 0 }, NAMES.length * 2 * RECORDS)
  records.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
  for (const { partition, offset, key, value, headers, timestamp } of records) {
    const flat = Object.entries(headers).flatMap(([name, values]) => [values].flat().map(one => [name, text(one)]))
    const shown = { key: text(key), value: text(value), headers: flat, timestamp: Number(timestamp) }
    emit({ step: 'read', partition, offset: Number(offset), ...shown })
  }
}

async function take(kafka, topic, positions, count) {
  const records = []
  await read(kafka, topic, positions, record => records.push(record) >= count)
  return records.slice(0, count)
}

async function seek(kafka, admin, topic) {
  const following = await take(kafka, topic, { 0: 3 }, 2)
  emit({ step: 'seek', offsets: following.map(record => Number(record.offset)) })
  // Offset 3 of partition 0 is record 3 of the second way to produce; a little later comes the next one.
  const times = { 'before all': 0, exact: BASE_TIME + 9 * STEP_MS, between: BASE_TIME + 9 * STEP_MS + 1 }
  const line = { step: 'time' }
  for (const [name, time] of Object.entries({ ...times, 'after all': BASE_TIME * 2 })) {
    line[name] = await offsetForTime(admin, topic, 0, time)
  }
  emit(line)
}

// Null where no record is as late; the library then gives the end offset.
async function offsetForTime(admin, topic, partition, time) {
  const one = list => Number(list.find(entry => entry.partition === partition).offset)
  const found = one(await admin.fetchTopicOffsetsByTimestamp(topic, time))
  return found === one(await admin.fetchTopicOffsets(topic)) ? null : found
}

async function failures(kafka, admin, prefix, topic) {
  const failed = (name, code) => emit({ step: 'error', case: name, code })
  const large = { partition: 0, value: Buffer.alloc(TOO_LARGE, 'x') }
  failed('too large', await sendError(kafka, topic, large))
  failed('unknown topic', await sendError(kafka, `${prefix}-missing`, { value: 'x' }))
  failed('bad topic name', await createTopic(admin, `${prefix} bad/name`, 1))
  failed('no partitions', await createTopic(admin, `${prefix}-none`, 0))
}

async function sendError(kafka, topic, message) {
  const options = { allowAutoTopicCreation: false, retry: { retries: 0 } }
  const producer = kafka.producer({ ...options, createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const failed = await code(producer.send({ topic, messages: [message] }))
  await producer.disconnect()
  return failed
}

const createTopic = (admin, topic, numPartitions) =>
  code(admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1 }], waitForLeaders: false }))

// Waits until the broker knows of a topic that was created a moment ago.
async function partitions(admin, topic) {
  for (const deadline = Date.now() + PATIENCE_MS; ; await new Promise(resolve => setTimeout(resolve, 20))) {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      return topics[0].partitions.map(partition => partition.partitionId).sort()
    } catch (error) {
      if (Date.now() > deadline) throw error
    }
  }
}

// Kafka's error code; 0 is success. kafkajs wraps it, alone or with others, and turns "exists already" into `false`.
async function code(call) {
  try {
    return (await call) === false ? 36 : 0
  } catch (error) {
    const causes = [error, error.cause, ...(error.errors ?? []), error.originalError]
    const protocol = causes.find(cause => cause?.code !== undefined)
    if (!protocol) throw error
    return protocol.code
  }
}

module.exports = { basics }
