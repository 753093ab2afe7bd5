// Reading partitions from given offsets. kafkajs has no consumer without a group: each reading is a group of its own.

const { randomUUID } = require('crypto')

// Calls `take(record)` for every record, until it says `true`.
async function read(kafka, topic, positions, take) {
  const consumer = kafka.consumer({ groupId: `reader-${randomUUID()}`, maxWaitTimeInMs: 100, sessionTimeout: 10000 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
    const each = async ({ batch }) => {
      const wanted = batch.messages.filter(m => Number(m.offset) >= (positions[batch.partition] ?? Infinity))
      if (wanted.some(message => take({ ...message, partition: batch.partition }))) resolve()
    }
    consumer.run({ autoCommit: false, eachBatch: each }).catch(reject)
    Object.entries(positions).forEach(([partition, offset]) =>
      consumer.seek({ topic, partition: Number(partition), offset: String(offset) })
    )
  })
  await consumer.disconnect()
}

module.exports = { read }
