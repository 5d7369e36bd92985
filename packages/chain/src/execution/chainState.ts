/**
 * The durable chain: blocks and state nodes, written together. A block counts once both are synced; on open the head is
 * the last block whose state is whole, and nothing is executed again.
 */
import { bytesEqual, bytesToHex, concatBytes, uintToBytes, WeightlessError } from '@weightless/codec'
import type { Disk, Log } from '@weightless/env'
import { createEvm, type DirtyNode, type Evm } from '@weightless/evm'
import { type NodeStore, openNodeStore } from '@weightless/store'
import type { Block } from './block.ts'
import { type BlockStore, openBlockStore } from './blockStore.ts'
import { createGenesis, type Genesis, type GenesisAlloc } from './genesis.ts'
import { emptyTrieRoot } from './header.ts'
import { type HeadWitness, openHeadWitness } from './headWitness.ts'
import { DataFolderCorruptError, openDataFolder } from './openDataFolder.ts'

export type ChainState = {
  evm: Evm
  blocks: BlockStore
  head(): Block
  /** Adds `block` to the head; durable when it resolves. */
  commit(block: Block, dirtyNodes: readonly DirtyNode[]): Promise<void>
  /** Writes nodes of a state that no block has yet. */
  commitNodes(dirtyNodes: readonly DirtyNode[]): Promise<void>
  rewind(number: number): Promise<void>
  close(): Promise<void>
}

export type ChainStateOptions = { disk: Disk; log: Log; chainId: number; alloc: GenesisAlloc; genesisTimestamp: number }

/** @throws {DataFolderNewerError | DataFolderForeignError | DataFolderCorruptError | LogCorruptError} */
export async function openChainState(options: ChainStateOptions): Promise<ChainState> {
  const { disk } = options
  const opened: { close(): Promise<void> }[] = []
  try {
    const nodes = await openNodeStore(disk, 'state')
    opened.push(nodes)
    const evm = await createEvm((key) => nodes.get(key))
    const genesis = createGenesis(evm, options.alloc, options.genesisTimestamp)
    await openDataFolder(disk, options.chainId, genesis.block.hash)
    const witness = await openHeadWitness(disk, options.log)
    opened.push(witness)
    const blocks = await openBlockStore(disk, 'blocks', options.log)
    opened.push(blocks)
    const state = new DurableChain(evm, nodes, blocks, witness)
    if (witness.last() === undefined) await state.begin(genesis)
    await settleHead(state, witness, options.log)
    return state
  } catch (error) {
    for (const part of opened.reverse()) await part.close()
    throw error
  }
}

class DurableChain implements ChainState {
  readonly evm: Evm
  readonly blocks: BlockStore
  readonly #nodes: NodeStore
  readonly #witness: HeadWitness
  /** A commit failed (full disk), so the block log may hold a block that does not count. */
  #unfinished = false

  constructor(evm: Evm, nodes: NodeStore, blocks: BlockStore, witness: HeadWitness) {
    this.evm = evm
    this.blocks = blocks
    this.#nodes = nodes
    this.#witness = witness
  }

  head(): Block {
    return this.blocks.block(this.blocks.height)!
  }

  hasState(root: Uint8Array): boolean {
    return bytesEqual(root, emptyTrieRoot) || this.#nodes.get(root) !== undefined
  }

  async commit(block: Block, dirtyNodes: readonly DirtyNode[]): Promise<void> {
    // Both files sync side by side: whichever a crash leaves behind, the head is the last block that both have.
    if (this.#unfinished) await this.blocks.rewind(this.blocks.height)
    this.#unfinished = true
    const meta = concatBytes([uintToBytes(BigInt(block.header.number), 8), block.hash])
    const [publish] = await Promise.all([this.blocks.append(block), this.#nodes.commit(dirtyNodes, meta)])
    this.#unfinished = false
    publish()
    this.#witness.note(block.header.number, block.hash)
  }

  /** Writes the genesis block, or what a crash in the middle of writing it has left out. */
  async begin({ block, dirtyNodes }: Genesis): Promise<void> {
    if (this.blocks.height < 0) return await this.commit(block, dirtyNodes)
    if (!this.hasState(block.header.stateRoot)) await this.commitNodes(dirtyNodes)
  }

  async commitNodes(dirtyNodes: readonly DirtyNode[]): Promise<void> {
    await this.#nodes.commit(dirtyNodes, this.#nodes.meta() ?? new Uint8Array(0))
  }

  async rewind(number: number): Promise<void> {
    // The witness goes first: it may lag behind the logs, never lead them.
    await this.#witness.noteDurably(number, this.blocks.hash(number)!)
    await this.blocks.rewind(number)
  }

  async close(): Promise<void> {
    await this.blocks.close()
    await this.#nodes.close()
    await this.#witness.close()
  }
}

/** Steps back over a block whose state did not reach the disk, then checks the head against the witness. */
async function settleHead(state: DurableChain, witness: HeadWitness, log: Log): Promise<void> {
  const height = state.blocks.height
  let number = height
  while (number >= 0 && !state.hasState(state.blocks.block(number)!.header.stateRoot)) number--
  const acknowledged = witness.last()
  const missing = acknowledged !== undefined && number < acknowledged.number
  if (missing && height >= acknowledged.number) throw new StateMissingError({ block: acknowledged.number })
  if (number < 0 || missing) {
    throw new DataFolderCorruptError({
      file: 'blocks',
      reason: `ends at block ${height}, block ${acknowledged?.number ?? 0} was acknowledged`,
    })
  }
  if (acknowledged && !bytesEqual(state.blocks.hash(acknowledged.number)!, acknowledged.hash)) {
    throw new DataFolderCorruptError({ file: 'blocks', reason: `block ${acknowledged.number} is another one` })
  }
  if (number < height) {
    log.warn('unfinished block dropped', { number: height })
    await state.blocks.rewind(number)
  }
  const head = state.blocks.block(number)!
  log.info('chain loaded', { number, hash: bytesToHex(head.hash), transactions: state.blocks.transactionCount })
}

export class StateMissingError extends WeightlessError {
  constructor(facts: { block: number }) {
    super('chain/state-missing', 'The state of an acknowledged block is not in the state files.', facts, {
      hint: 'The folder `state` is damaged; restore it from a copy, or run `weightless reset`.',
    })
  }
}
