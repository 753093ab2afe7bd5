// kafkajs put through its paces; the commands and lines are those of python/client.py:
//
//   basics BOOTSTRAP PREFIX                  topics, every codec, reading, seeking, errors
//   member BOOTSTRAP TOPIC GROUP             a group member driven by lines on the standard input
//   load BOOTSTRAP TOPIC CODEC FILE          the records of a file into a topic
//   drain BOOTSTRAP TOPIC...                 digests of all records of each topic

const { Kafka, logLevel } = require('kafkajs')

const COMMANDS = {
  basics: require('./basics').basics,
  member: require('./member').member,
  load: require('./bulk').load,
  drain: require('./bulk').drain,
}

// A loaded machine needs more patience than kafkajs has by itself.
const RETRY = { initialRetryTime: 50, maxRetryTime: 1000, retries: 30 }

async function main(command, bootstrap, ...args) {
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING, retry: RETRY })
  await COMMANDS[command](kafka, ...args)
}

main(...process.argv.slice(2)).then(
  () => process.exit(0),
  error => {
    console.error(error)
    process.exit(1)
  }
)
