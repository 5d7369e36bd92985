/**
 * Writes down every call of a kernel that the engine makes in this process: what JavaScript had written into the memory before it, its
 * arguments and result, and the digest of all pages that it changed; and every digest that JavaScript took, of memory or of its own
 * bytes. `replayKernels.py` makes the same calls elsewhere. A record is the length of its JSON (u32), the JSON, and the bytes it tells of.
 */
import { createHash, hash } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import type { Hex } from '@weightless/codec'
import { setHasher } from '@weightless/crypto'
import type { Trace } from '@weightless/tensor'

const pageBytes = 4096
const stripeBytes = 65_536
/** Calls between two digests of the whole memory, which also tell of pages that a call should have left alone. */
const callsPerWhole = 64
/** Longer messages of JavaScript's own are files that were read, not what was computed. */
const messageBytesMax = 65_536

type Kernel = (...values: number[]) => number | undefined
type Held = { id: number; memory: WebAssembly.Memory; shadow: Buffer; calls: number }

export type KernelRecord = {
  /** Tells of a trace whose root must follow from the digests of memory: with the token that went in at each step. */
  trace(name: string, tokens: readonly number[], trace: Trace): void
  /** Tells of the root of a training's state, which must follow likewise. */
  state(name: string, root: Hex): void
  /** Ends the record, with a digest of every memory. @returns what was recorded, and which kernels nobody called */
  close(): { calls: number; kernels: number; memories: number; idle: string[] }
}

/** From now on, in this process; once. */
export function recordKernels(path: string): KernelRecord {
  const tape = openTape(path)
  const [known, called] = [new Set<string>(), new Set<string>()]
  recordCalls(tape, known, called)
  recordDigests(tape)
  return {
    trace(name, tokens, { root, operators }) {
      const [hex, ...lists] = [root, ...operators!].map((digests) => Buffer.from(digests).toString('hex'))
      tape.write({ t: 'trace', name, tokens, operators: lists, root: hex })
    },
    state: (name, root) => tape.write({ t: 'state', name, root: root.slice(2) }),
    close() {
      const calls = tape.close()
      return { calls, kernels: called.size, memories: tape.memories.length, idle: [...known.difference(called)] }
    },
  }
}

type Tape = ReturnType<typeof openTape>

function openTape(path: string) {
  const file = openSync(path, 'w')
  const memories: Held[] = []

  function write(head: Record<string, unknown>, parts: readonly Uint8Array[] = []): void {
    const json = Buffer.from(JSON.stringify(head))
    const length = Buffer.alloc(4)
    length.writeUInt32LE(json.length)
    for (const part of [length, json, ...parts]) for (let at = 0; at < part.length; ) at += writeSync(file, part, at)
  }

  /** What JavaScript has written since the last record. */
  function writeChanges(held: Held): void {
    const pages = takeChanges(held)
    const size = held.shadow.length / stripeBytes
    if (pages.length > 0) write({ t: 'write', memory: held.id, size, pages }, pagesOf(held, pages))
  }

  /** What a call has changed. */
  function writeResult(held: Held, head: Record<string, unknown>): void {
    const changed = takeChanges(held)
    const digest = digestOf(pagesOf(held, changed))
    write({ ...head, memory: held.id, size: held.shadow.length / stripeBytes, changed, digest })
  }

  const writeWhole = (held: Held) => write({ t: 'whole', memory: held.id, digest: digestOf([held.shadow]) })

  return {
    memories,
    write,
    writeChanges,
    writeResult,
    writeWhole,
    hold(memory: WebAssembly.Memory): Held {
      const known = memories.find((candidate) => candidate.memory === memory)
      if (known !== undefined) return known
      const held = { id: memories.length, memory, shadow: Buffer.alloc(0), calls: 0 }
      memories.push(held)
      return held
    },
    /** @returns the number of calls */
    close(): number {
      for (const held of memories) {
        writeChanges(held)
        writeWhole(held)
      }
      closeSync(file)
      return memories.reduce((sum, { calls }) => sum + calls, 0)
    },
  }
}

/** Numbers of the pages that differ from those last seen, which are then seen. */
function takeChanges(held: Held): number[] {
  const now = Buffer.from(held.memory.buffer)
  if (now.length > held.shadow.length) held.shadow = Buffer.concat([held.shadow], now.length)
  const pages: number[] = []
  for (let stripe = 0; stripe < now.length; stripe += stripeBytes) {
    if (now.compare(held.shadow, stripe, stripe + stripeBytes, stripe, stripe + stripeBytes) === 0) continue
    for (let at = stripe; at < stripe + stripeBytes; at += pageBytes) {
      if (now.compare(held.shadow, at, at + pageBytes, at, at + pageBytes) !== 0) pages.push(at / pageBytes)
    }
    now.copy(held.shadow, stripe, stripe, stripe + stripeBytes)
  }
  return pages
}

function pagesOf(held: Held, pages: readonly number[]): Uint8Array[] {
  return pages.map((page) => held.shadow.subarray(page * pageBytes, (page + 1) * pageBytes))
}

/** Puts itself between the engine and every module that it makes on a memory. */
function recordCalls(tape: Tape, known: Set<string>, called: Set<string>): void {
  const instantiate = WebAssembly.instantiate as (
    bytes: Uint8Array<ArrayBuffer>,
    imports?: { env?: { memory?: WebAssembly.Memory } },
  ) => Promise<WebAssembly.WebAssemblyInstantiatedSource>
  let modules = 0

  function wrap(held: Held, module: number, name: string, kernel: Kernel): Kernel {
    known.add(name)
    return (...values) => {
      tape.writeChanges(held)
      const result = kernel(...values)
      called.add(name)
      const [given, made] = [values, result === undefined ? [] : [result]].map(bitsOf)
      tape.writeResult(held, { t: 'call', module, name, values: given, result: made })
      if (++held.calls % callsPerWhole === 0) tape.writeWhole(held)
      return result
    }
  }

  Object.assign(WebAssembly, {
    async instantiate(...[bytes, imports]: Parameters<typeof instantiate>) {
      const memory = imports?.env?.memory
      if (memory === undefined) return instantiate(bytes, imports)
      const held = tape.hold(memory)
      const number = modules++
      tape.writeChanges(held)
      const { instance, module } = await instantiate(bytes, imports)
      tape.writeResult(held, { t: 'module', module: number, bytes: Buffer.from(bytes).toString('base64') })
      const exports = Object.entries(instance.exports).map(([name, value]) => [
        name,
        typeof value === 'function' ? wrap(held, number, name, value as Kernel) : value,
      ])
      return { module, instance: { exports: Object.fromEntries(exports) } }
    },
  })
}

function recordDigests(tape: Tape): void {
  setHasher({
    sha256(message) {
      const digest = hash('sha256', message, 'buffer')
      const held = tape.memories.find(({ memory }) => memory.buffer === message.buffer)
      if (held !== undefined) {
        tape.writeChanges(held)
        const { byteOffset: at, length } = message
        tape.write({ t: 'digest', memory: held.id, at, length, digest: digest.toString('hex') })
      } else if (message.length <= messageBytesMax) {
        tape.write({ t: 'message', length: message.length, digest: digest.toString('hex') }, [message])
      }
      return digest
    },
    createSha256: () => createHash('sha256'),
  })
}

function digestOf(parts: readonly Uint8Array[]): string {
  const hasher = createHash('sha256')
  for (const part of parts) hasher.update(part)
  return hasher.digest('hex')
}

/** Numbers as the bits of f64, so that nothing is lost. */
function bitsOf(values: readonly number[]): string {
  return Buffer.from(Float64Array.from(values).buffer).toString('hex')
}
