/** Gives layer 0 the machine's own CRC-32 (several times faster than JavaScript); imported for its effect by every thread. */
import { crc32 } from 'node:zlib'
import { setCrc32 } from '@weightless/codec'

// Node has it from 20.15 and 22.2 on; without it the JavaScript stays.
if (typeof crc32 === 'function') setCrc32((bytes, crc) => crc32(bytes, crc))
