/** Keeps one instance of the WebAssembly module alive: passes requests in, answers out, node reads to the host, and starts anew after a trap. */
import { bytesToHex, type Hex, WeightlessError } from '@weightless/codec'
import { decodeInvalidCode } from './decodeAnswer.ts'
import type { InvalidCode, ReadNode } from './evm.ts'
import { AnswerReader, EvmInputError } from './wire.ts'

export type EngineOptions = {
  /** Bound of the module's cache of trie nodes; default 64 MiB. */
  cacheBytesMax?: number
  /** `trust` skips the check that node bytes hash to their key; only to measure what the check costs. */
  nodes?: 'verify' | 'trust'
}

export type EngineInstance = {
  /** Runs one operation of `crate/src/lib.rs`; the answer is positioned after its status byte. */
  run(operation: number, request: Uint8Array): AnswerReader
}

type Exports = {
  memory: WebAssembly.Memory
  configure(cacheBytesMax: number, verify: number): void
  reserve(length: number): number
  run(operation: number, request: number, length: number): number
  release(answer: number): void
}

export function createEngineInstance(
  module: WebAssembly.Module,
  readNode: ReadNode,
  options: EngineOptions = {},
): EngineInstance {
  let hostFault: { error: unknown } | undefined
  let exports: Exports | undefined
  let busy = false

  /** The import: copies the node into the module's buffer if it fits; see crate/src/store.rs. */
  function readIntoModule(key: number, buffer: number, bufferLength: number): number {
    try {
      // The key is copied: the host may keep it, and memory moves when it grows.
      const node = readNode(new Uint8Array(exports!.memory.buffer, key, 32).slice())
      if (!node) return -1
      if (node.length <= bufferLength) new Uint8Array(exports!.memory.buffer, buffer, node.length).set(node)
      return node.length
    } catch (error) {
      hostFault = { error }
      return -2
    }
  }

  function start(): Exports {
    const instance = new WebAssembly.Instance(module, { host: { read_node: readIntoModule } })
    exports = instance.exports as Exports
    exports.configure(options.cacheBytesMax ?? 64 * 2 ** 20, options.nodes === 'trust' ? 0 : 1)
    return exports
  }

  function exchange(operation: number, request: Uint8Array): Uint8Array {
    const engine = exports ?? start()
    const at = engine.reserve(request.length) >>> 0
    new Uint8Array(engine.memory.buffer, at, request.length).set(request)
    const answerAt = engine.run(operation, at, request.length) >>> 0
    const length = new DataView(engine.memory.buffer).getUint32(answerAt, true)
    const answer = new Uint8Array(engine.memory.buffer, answerAt + 4, length - 4).slice()
    engine.release(answerAt)
    return answer
  }

  return {
    run(operation, request) {
      if (busy) throw new EvmInputError({ reason: 'readNode called the engine that is waiting for it' })
      busy = true
      hostFault = undefined
      let answer: AnswerReader
      try {
        answer = new AnswerReader(exchange(operation, request))
      } catch (cause) {
        // A trap leaves the instance's memory in an unknown state: the next call starts from a fresh one.
        exports = undefined
        throw new EvmTrapError({ operation, requestBytes: request.length }, cause)
      } finally {
        busy = false
      }
      const status = answer.u8()
      if (status === 3 && hostFault) throw (hostFault as { error: unknown }).error
      if (status !== 0) throw faultOf(status, answer)
      return answer
    },
  }
}

/** By number, as in crate/src/fault.rs. */
function faultOf(status: number, answer: AnswerReader): WeightlessError {
  if (status === 1) return new EvmNodeMissingError({ key: bytesToHex(answer.fixed(32)) })
  if (status === 2) return new EvmNodeCorruptError({ key: bytesToHex(answer.fixed(32)) })
  if (status === 4) return new EvmInputError({ reason: answer.text() })
  if (status === 5) {
    const index = answer.u32()
    return new EvmBlockInvalidError({ index, reason: decodeInvalidCode(answer), message: answer.text() })
  }
  return new EvmEngineError({ status, message: status === 6 ? answer.text() : undefined })
}

/** The host's `readNode` does not have a node or code that the state refers to. */
export class EvmNodeMissingError extends WeightlessError {
  constructor(facts: { key: Hex }) {
    super('evm/node-missing', 'The state refers to a trie node or code that the store does not have.', facts, {
      hint: 'The state is incomplete: restore it, or ask for a block whose state is kept.',
    })
  }
}

/** The host's bytes do not hash to the key they were asked for, or are no trie node. */
export class EvmNodeCorruptError extends WeightlessError {
  constructor(facts: { key: Hex }) {
    super('evm/node-corrupt', 'A stored trie node or code does not match its hash.', facts, {
      hint: 'The state file is damaged: restore it from a copy or build it anew from the blocks.',
    })
  }
}

/** `import` mode: a transaction of the block may not stand in it. `facts.index` counts from 0. */
export class EvmBlockInvalidError extends WeightlessError {
  constructor(facts: { index: number; reason: InvalidCode; message: string }) {
    super('evm/block-invalid', 'A transaction may not stand in this block.', facts)
  }
}

/** The module trapped: our bug, or memory ran out. The engine goes on with a fresh instance. */
export class EvmTrapError extends WeightlessError {
  constructor(facts: { operation: number; requestBytes: number }, cause: unknown) {
    super('evm/trap', 'The execution engine stopped in the middle of a call.', facts, { cause })
  }
}

/** revm failed in a way that is neither an invalid transaction nor a fault of the store. */
export class EvmEngineError extends WeightlessError {
  constructor(facts: { status: number; message: string | undefined }) {
    super('evm/engine', 'The execution engine failed.', facts)
  }
}
