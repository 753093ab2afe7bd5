const readline = require('readline')
const { emit } = require('./emit')

// Says what it is assigned and what it reads; obeys `commit`, `commit OFFSET...` and `leave`.
async function member(kafka, topic, groupId) {
  const times = { sessionTimeout: 2000, heartbeatInterval: 200, rebalanceTimeout: 5000, maxWaitTimeInMs: 100 }
  const consumer = kafka.consumer({ groupId, ...times })
  const next = new Map()
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    const partitions = (payload.memberAssignment[topic] ?? []).sort()
    next.clear()
    emit({ event: 'assigned', partitions })
  })
  consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || process.exit(1))
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const eachMessage = async ({ partition, message }) => {
    next.set(partition, Number(message.offset) + 1)
    emit({ event: 'record', partition, offset: Number(message.offset) })
  }
  await consumer.run({ autoCommit: false, eachMessage })
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [command, ...offsets] = line.split(' ')
    if (command === 'leave') break
    const explicit = offsets.length ? offsets.map(Number).entries() : next.entries()
    const positions = [...explicit].map(([partition, offset]) => ({ topic, partition, offset: String(offset) }))
    await consumer.commitOffsets(positions)
    emit({ event: 'committed' })
  }
  await consumer.disconnect()
  emit({ event: 'left' })
}

module.exports = { member }
