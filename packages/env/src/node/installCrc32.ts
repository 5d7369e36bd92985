/** Gives layer 0 the machine's own CRC-32 (many times faster than JavaScript); imported for its effect by every thread. */
import { crc32 } from 'node:zlib'
import { setCrc32 } from '@weightless/codec'
import { loadNative } from './loadNative.ts'

/** What is shorter costs more to hand over than to sum. */
const nativeBytesMin = 1_024

const native = loadNative()
// Node has it from 20.15 and 22.2 on; without it the JavaScript stays.
const plain = typeof crc32 === 'function' ? (bytes: Uint8Array, crc: number) => crc32(bytes, crc) : undefined
if (plain && native?.hasCrc32()) {
  setCrc32((bytes, crc) => (bytes.length < nativeBytesMin ? plain(bytes, crc) : native.crc32(bytes, crc)))
} else if (plain) setCrc32(plain)
