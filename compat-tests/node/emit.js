// One line of the output; kafkajs keeps offsets and times as strings.

const emit = line => console.log(JSON.stringify(line))

// A value as text; a long run of one letter as its length and the letter.
function text(value) {
  if (value === null || value === undefined) return null
  const run = value.length >= 100 && value.every(byte => byte === value[0])
  return run ? `${value.length} ${String.fromCharCode(value[0])}` : value.toString()
}

module.exports = { emit, text }
