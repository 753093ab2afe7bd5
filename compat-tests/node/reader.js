// Reading partitions from given offsets. kafkajs has no consumer without a group: each reading is a group of its own.

const { randomUUID } = require('crypto')

// Calls `take(record)` for every record of the partitions in `positions`, until it says `true`.
async function read(kafka, topic, positions, take) {
  const consumer = kafka.consumer({ groupId: `reader-${randomUUID()}`, maxWaitTimeInMs: 100, sessionTimeout: 30000 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const seek = ([partition, offset]) => consumer.seek({ topic, partition: Number(partition), offset: String(offset) })
  await new Promise((resolve, reject) => {
    // A coordinator that is still loading makes kafkajs start the consumer again, which forgets where it was sent.
    consumer.on(consumer.events.GROUP_JOIN, () => Object.entries(positions).forEach(seek))
    consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || reject(payload.error))
    const each = async ({ batch: { partition, messages } }) => {
      const wanted = partition in positions ? messages : []
      if (wanted.some(message => take({ ...message, partition }))) resolve()
    }
    consumer.run({ autoCommit: false, eachBatch: each }).catch(reject)
  })
  await consumer.disconnect()
}

module.exports = { read }
