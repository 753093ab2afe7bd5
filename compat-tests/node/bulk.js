const { createHash } = require('crypto')
const { readFileSync } = require('fs')
const { Partitioners } = require('kafkajs')
const { TYPES } = require('./codecs')
const { emit } = require('./emit')
const { read } = require('./reader')

const BATCH_BYTES = 900_000

// The file holds partition, key length, key, value length, value; numbers are 32 bits, big-endian.
async function load(kafka, topic, codec, file) {
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  let records = 0
  for (const messages of batches(readFileSync(file))) {
    await producer.send({ topic, messages, compression: TYPES[codec] })
    records += messages.length
  }
  await producer.disconnect()
  emit({ step: 'load', records })
}

function* batches(bytes) {
  let batch = []
  let size = 0
  for (const record of recordsOf(bytes)) {
    batch.push(record)
    size += record.key.length + record.value.length
    if (size > BATCH_BYTES) {
      yield batch
      batch = []
      size = 0
    }
  }
  if (batch.length) yield batch
}

function* recordsOf(bytes) {
  let at = 0
  const field = () => {
    const start = at + 4
    at = start + bytes.readInt32BE(at)
    return bytes.subarray(start, at)
  }
  while (at < bytes.length) {
    const partition = bytes.readInt32BE(at)
    at += 4
    yield { partition, key: field(), value: field() }
  }
}

async function drain(kafka, ...topics) {
  const admin = kafka.admin()
  await admin.connect()
  for (const topic of topics) {
    const ends = await admin.fetchTopicOffsets(topic)
    const positions = Object.fromEntries(ends.map(({ partition, low }) => [partition, low]))
    const total = ends.reduce((sum, { offset, low }) => sum + Number(offset) - Number(low), 0)
    const digest = new Digest()
    await read(kafka, topic, positions, record => digest.add(record) === total)
    emit({ step: 'drain', topic, ...digest.result() })
  }
  await admin.disconnect()
}

// What a topic holds: the multiset of its records, and the order within each partition.
class Digest {
  records = []
  partitions = new Map()

  add({ partition, key, value }) {
    const length = Buffer.alloc(4)
    length.writeInt32BE(key.length)
    const digest = createHash('sha256').update(length).update(key).update(value).digest()
    if (!this.partitions.has(partition)) this.partitions.set(partition, createHash('sha256'))
    this.partitions.get(partition).update(digest)
    return this.records.push(digest)
  }

  result() {
    const multiset = createHash('sha256')
    this.records.sort(Buffer.compare).forEach(digest => multiset.update(digest))
    const order = Object.fromEntries([...this.partitions].map(([partition, chain]) => [partition, chain.digest('hex')]))
    return { records: this.records.length, multiset: multiset.digest('hex'), order }
  }
}

module.exports = { load, drain }
