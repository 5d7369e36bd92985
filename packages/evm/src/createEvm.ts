/** Makes an execution engine over a host that can read trie nodes. */
import {
  decodeAccessList,
  decodeAccount,
  decodeBlock,
  decodeCall,
  decodeEstimate,
  decodeProof,
  decodeState,
} from './decodeAnswer.ts'
import { decodeBlockTrace, decodeCallTrace, decodeSteps } from './decodeTrace.ts'
import { encodeAccountQuery, encodeBlock, encodeBlockSteps, encodeCall, encodeStateChanges } from './encodeRequest.ts'
import { createEngineInstance, type EngineOptions } from './engineInstance.ts'
import type { Evm, ReadNode } from './evm.ts'
import { evmWasmBase64 } from './evmWasm.generated.ts'
import { RequestWriter } from './wire.ts'

/** keccak256 of the RLP of nothing: the root of a state without accounts. */
export const emptyStateRoot: Uint8Array = Uint8Array.from(
  '56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'.match(/../g)!,
  (byte) => Number.parseInt(byte, 16),
)

let compiled: Promise<WebAssembly.Module> | undefined

/** Compiles the embedded module, once for all engines of this process. */
export function loadEvmModule(): Promise<WebAssembly.Module> {
  compiled ??= WebAssembly.compile(bytesOfBase64(evmWasmBase64))
  return compiled
}

/** A plain loop: `Uint8Array.from` with a mapping takes half a second for a module of this size. */
function bytesOfBase64(base64: string): Uint8Array<ArrayBuffer> {
  const characters = atob(base64)
  const bytes = new Uint8Array(characters.length)
  for (let index = 0; index < bytes.length; index++) bytes[index] = characters.charCodeAt(index)
  return bytes
}

/**
 * Creates an engine whose state is what `readNode` can read; `readNode` is called in the middle of execution and must
 * answer at once. What it throws comes out of the engine's call unchanged. One engine runs one call at a time.
 */
export async function createEvm(readNode: ReadNode, options: EngineOptions = {}): Promise<Evm> {
  const engine = createEngineInstance(await loadEvmModule(), readNode, options)
  const run = (operation: number, request: RequestWriter) => engine.run(operation, request.finish())
  return {
    execute: (block) => decodeBlock(run(0, encodeBlock(block))),
    call: (call) => decodeCall(run(1, encodeCall(call, undefined))),
    estimateGas: (call) => decodeEstimate(run(2, encodeCall(call, undefined))),
    createAccessList: (call) => decodeAccessList(run(3, encodeCall(call, undefined))),
    traceCall: (call) => decodeCallTrace(run(4, encodeCall(call, undefined))),
    traceCallSteps: (call, options = {}) => decodeSteps(run(5, encodeCall(call, options))),
    traceBlock: (block) => decodeBlockTrace(run(6, encodeBlock(block))),
    traceTransactionSteps: (block, index, options = {}) =>
      decodeSteps(engine.run(7, encodeBlockSteps(block, index, options))),
    getAccount: (stateRoot, address) => decodeAccount(run(10, encodeAccountQuery(stateRoot, address))),
    getStorage(stateRoot, address, slot) {
      const request = encodeAccountQuery(stateRoot, address)
      request.fixed('slot', slot, 32)
      return run(11, request).fixed(32)
    },
    getCode(codeHash) {
      const request = new RequestWriter()
      request.fixed('codeHash', codeHash, 32)
      return run(12, request).bytes()
    },
    getProof(stateRoot, address, slots) {
      const request = encodeAccountQuery(stateRoot, address)
      request.list(slots, (slot) => request.fixed('slot', slot, 32))
      return decodeProof(run(13, request))
    },
    applyState: (stateRoot, changes) => decodeState(run(14, encodeStateChanges(stateRoot, changes))),
  }
}
