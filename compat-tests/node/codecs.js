// kafkajs compresses with gzip alone; the other codecs are handed to it here, all of them without native code.

const { CompressionCodecs, CompressionTypes } = require('kafkajs')
const SnappyCodec = require('kafkajs-snappy')
const lz4 = require('lz4js')
const zstd = require('@bokuweb/zstd-wasm')
const fzstd = require('fzstd')

// lz4js neither says nor checks that blocks are independent, which Kafka's Java readers insist on. Its batches are
// single blocks, so that they are: flags 0x60 instead of 0x40, and the checksum of the new frame descriptor.
const LZ4_FLAGS_AT = 4
const LZ4_INDEPENDENT_BLOCKS = 0x60
const LZ4_CHECKSUM_AT = 6
const LZ4_CHECKSUM_OF_60_70 = 0x73

const Lz4Codec = () => ({
  async compress(encoder) {
    const frame = Buffer.from(lz4.compress(encoder.buffer))
    frame[LZ4_FLAGS_AT] = LZ4_INDEPENDENT_BLOCKS
    frame[LZ4_CHECKSUM_AT] = LZ4_CHECKSUM_OF_60_70
    return frame
  },
  decompress: async buffer => Buffer.from(lz4.decompress(buffer)),
})

// A second start would pull the memory from under a compression that has begun.
let started
const ZstdCodec = () => ({
  async compress(encoder) {
    await (started ??= zstd.init())
    return Buffer.from(zstd.compress(encoder.buffer, 3))
  },
  decompress: async buffer => Buffer.from(fzstd.decompress(buffer)),
})

CompressionCodecs[CompressionTypes.Snappy] = SnappyCodec
CompressionCodecs[CompressionTypes.LZ4] = Lz4Codec
CompressionCodecs[CompressionTypes.ZSTD] = ZstdCodec

const TYPES = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}

module.exports = { TYPES, NAMES: Object.keys(TYPES) }
