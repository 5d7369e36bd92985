/** Writes requests to the module and reads its answers: little-endian fixed-width integers, lengths as u32; the mirror of crate/src/wire.rs. */
import { WeightlessError } from '@weightless/codec'

const u64Max = (1n << 64n) - 1n
const u256Max = (1n << 256n) - 1n

/** A growing request; every field is checked here, so that a wrong argument is named and not misread by the module. */
export class RequestWriter {
  #bytes: Uint8Array<ArrayBuffer>
  #view: DataView
  #length = 0

  /** @param bytesExpected - room to begin with; it grows when that is too little */
  constructor(bytesExpected = 1024) {
    this.#bytes = new Uint8Array(bytesExpected)
    this.#view = new DataView(this.#bytes.buffer)
  }

  u8(value: number): void {
    this.#room(1)
    this.#bytes[this.#length++] = value
  }

  flag(value: boolean): void {
    this.u8(value ? 1 : 0)
  }

  u32(value: number): void {
    this.#room(4)
    this.#view.setUint32(this.#length, value, true)
    this.#length += 4
  }

  /** A number that JavaScript holds exactly, sent as u64. */
  integer(name: string, value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new EvmInputError({ field: name, value: String(value) })
    this.u64(name, BigInt(value))
  }

  u64(name: string, value: bigint): void {
    if (value < 0n || value > u64Max) throw new EvmInputError({ field: name, value: String(value) })
    this.#room(8)
    this.#view.setBigUint64(this.#length, value, true)
    this.#length += 8
  }

  /** 32 bytes, big-endian. */
  u256(name: string, value: bigint): void {
    if (value < 0n || value > u256Max) throw new EvmInputError({ field: name, value: String(value) })
    this.#room(32)
    for (let word = 3, rest = value; word >= 0; word--, rest >>= 64n) {
      this.#view.setBigUint64(this.#length + 8 * word, rest & u64Max, false)
    }
    this.#length += 32
  }

  /** Bytes whose length both sides know. */
  fixed(name: string, bytes: Uint8Array, length: number): void {
    if (bytes.length !== length) throw new EvmInputError({ field: name, bytes: bytes.length, bytesExpected: length })
    this.#raw(bytes)
  }

  bytes(bytes: Uint8Array): void {
    this.u32(bytes.length)
    this.#raw(bytes)
  }

  /** A presence byte, then the value if there is one. */
  optional<T>(value: T | undefined, write: (value: T) => void): void {
    this.flag(value !== undefined)
    if (value !== undefined) write(value)
  }

  list<T>(items: readonly T[], write: (item: T) => void): void {
    this.u32(items.length)
    for (const item of items) write(item)
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  #raw(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + bytes))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
  }
}

/** Reads an answer in order. Byte fields are views of the answer's own buffer, not copies. */
export class AnswerReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  u8(): number {
    return this.#view.getUint8(this.#at++)
  }

  flag(): boolean {
    return this.u8() !== 0
  }

  u32(): number {
    const value = this.#view.getUint32(this.#at, true)
    this.#at += 4
    return value
  }

  u64(): bigint {
    const value = this.#view.getBigUint64(this.#at, true)
    this.#at += 8
    return value
  }

  u128(): bigint {
    const low = this.u64()
    const high = this.u64()
    return high === 0n ? low : (high << 64n) | low
  }

  /** 32 bytes, big-endian. */
  u256(): bigint {
    let value = 0n
    for (let word = 0; word < 4; word++, this.#at += 8) {
      value = (value << 64n) | this.#view.getBigUint64(this.#at, false)
    }
    return value
  }

  fixed(length: number): Uint8Array {
    const bytes = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return bytes
  }

  bytes(): Uint8Array {
    return this.fixed(this.u32())
  }

  text(): string {
    return new TextDecoder().decode(this.bytes())
  }

  optional<T>(read: () => T): T | undefined {
    return this.flag() ? read() : undefined
  }

  list<T>(read: () => T): T[] {
    const count = this.u32()
    const items: T[] = new Array(count)
    for (let index = 0; index < count; index++) items[index] = read()
    return items
  }
}

/** An argument has the wrong length or range, or the module could not decode the request. */
export class EvmInputError extends WeightlessError {
  constructor(facts: { field?: string; value?: string; bytes?: number; bytesExpected?: number; reason?: string }) {
    super('evm/input', 'The execution engine was given a value that it cannot take.', facts)
  }
}
