// The codecs that kafkajs leaves to others, in its form: `compress` gets its encoder, `decompress` bytes.
'use strict'

const snappy = require('kafkajs-snappy')
const lz4 = require('lz4-napi')
const zstd = require('@bokuweb/zstd-wasm')

// `ready` is no codec: it is not enumerable, so that a loop over the codecs does not meet it.
Object.defineProperty(module.exports, 'ready', { value: zstd.init() })

module.exports.Snappy = snappy()

module.exports.LZ4 = {
  compress: encoder => lz4.compressFrame(encoder.buffer),
  decompress: bytes => lz4.decompressFrame(bytes),
}

module.exports.ZSTD = {
  compress: async encoder => Buffer.from(zstd.compress(encoder.buffer)),
  decompress: async bytes => Buffer.from(zstd.decompress(bytes)),
}
