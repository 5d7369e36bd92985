/** A store of trie nodes in memory, and an engine over it that keeps what it is given, as a chain would. */
import { bytesToHex } from '@weightless/codec'
import { createEvm } from '../createEvm.ts'
import type { EngineOptions } from '../engineInstance.ts'
import type { AccountChange, BlockInput, BlockOutput, Evm, StateOutput } from '../evm.ts'

export type MemoryState = {
  evm: Evm
  nodes: Map<string, Uint8Array>
  /** Executes and keeps the nodes. */
  execute(block: BlockInput): BlockOutput
  applyState(stateRoot: Uint8Array, changes: readonly AccountChange[]): StateOutput
}

export async function createMemoryState(options: EngineOptions = {}): Promise<MemoryState> {
  const nodes = new Map<string, Uint8Array>()
  const evm = await createEvm((key) => nodes.get(bytesToHex(key)), options)
  function keep<T extends StateOutput>(output: T): T {
    for (const { key, value } of output.dirtyNodes) nodes.set(bytesToHex(key), value)
    return output
  }
  return {
    evm,
    nodes,
    execute: (block) => keep(evm.execute(block)),
    applyState: (stateRoot, changes) => keep(evm.applyState(stateRoot, changes)),
  }
}
