/** A dispute's questions asked on chain, where the provider must answer in time: each is proved to be about what it committed to. Spec: spec/dispute.md §13 */
import { bytesToHex, type Hex, hexToBytes } from '@weightless/codec'
import type { DisputeQuestion } from '@weightless/compute/wire'
import { abis } from '@weightless/contracts'
import type { ModelFacts } from '@weightless/dispute/contract/modelFacts'
import { createKnownNodes, type KnownNodes } from '@weightless/dispute/tree/knownNodes'
import type { WorkingPlan } from '@weightless/dispute/working/rules'
import type { LedgerEvent } from '@weightless/ledger'
import { hashReceipt, type Receipt } from '@weightless/receipt'
import type { adjustBits, samplerBits } from '@weightless/receipt/commitments'
import { encodeAbiParameters, keccak256 } from 'viem'
import type { SendOptions } from '../../account/openAccount.ts'
import type { ClientContext } from '../../clientContext.ts'
import { contractAddress } from '../../networkConfig.ts'

export type Exhibit = {
  receipt: Receipt
  signature: Hex
  sampler: ReturnType<typeof samplerBits>
  adjust: ReturnType<typeof adjustBits>
  model: ModelFacts
}

export type GameOptions = {
  /** How often the chain is asked whether the provider has answered; 1,000 by default. */
  pollMs?: number
  onQuestion?: (question: DisputeQuestion) => void
  send?: SendOptions
  signal?: AbortSignal
}

export type Game = {
  id: Hex
  /** As over HTTP: the answer, or undefined once the time is over. */
  ask(question: DisputeQuestion): Promise<unknown>
  /** Whether a bond is up. */
  isOpen(): boolean
  /** Whether the provider let the time pass. */
  isSilent(): boolean
}

const providersTurn = 2

/**
 * The bond goes up with the first question.
 * @param plan - how the working of an operator at a position is laid out
 * @throws {TransactionRevertedError} from `ask`
 */
export function openGame(
  context: ClientContext,
  exhibit: Exhibit,
  plan: Table['plan'],
  options: GameOptions = {},
): Game {
  const { config, ledger } = context
  const { receipt } = exhibit
  const at = { address: contractAddress(config, 'disputeGame'), abi: abis.disputeGame } as const
  const receiptHash = hashReceipt(receipt, contractAddress(config, 'receiptSettlement').toLowerCase() as Hex)
  const types = [{ type: 'bytes32' }, { type: 'address' }]
  const id = keccak256(encodeAbiParameters(types, [receiptHash, ledger.address]))
  const steps = Number(receipt.promptTokens + receipt.completionTokens) - 1
  const trace = createKnownNodes(hexToBytes(receipt.traceRoot), steps)
  const table: Table = { context, at, id, model: exhibit.model, plan, trace, workings: new Map(), options }
  let state: 'new' | 'open' | 'silent' = 'new'

  async function begin(): Promise<void> {
    const value = await ledger.read({ ...at, functionName: 'bondWei' })
    await ledger.submit({ ...at, functionName: 'challenge', args: [exhibit], value }, options.send)
    state = 'open'
  }

  return {
    id,
    isOpen: () => state !== 'new',
    isSilent: () => state === 'silent',
    async ask(question) {
      if (state === 'silent') return undefined
      options.signal?.throwIfAborted()
      if (state === 'new') await begin()
      options.onQuestion?.(question)
      const { blockNumber } = await submitQuestion(table, question)
      if (await untilAnswered(table)) return answerOf(table, question, blockNumber)
      state = 'silent'
      return undefined
    },
  }
}

type Working = { tree: KnownNodes; signed: { root: Hex; signature: Hex } }

/** What is known of a game. */
type Table = {
  context: ClientContext
  at: { address: Hex; abi: typeof abis.disputeGame }
  id: Hex
  model: ModelFacts
  plan: (operator: number, position: number) => Pick<WorkingPlan, 'chunks'>
  trace: KnownNodes
  /** By position and operator. */
  workings: Map<string, Working>
  options: GameOptions
}

function submitQuestion({ context, at, id, model, trace, workings, options }: Table, question: DisputeQuestion) {
  const { ledger } = context
  if (question.ask === 'trace') {
    const { level, index } = question
    const args = [id, level, index, ...proofOf(trace, level, index)] as const
    return ledger.submit({ ...at, functionName: 'askTrace', args }, options.send)
  }
  const { position } = question
  if (question.ask === 'step') {
    return ledger.submit({ ...at, functionName: 'askStep', args: [id, position] }, options.send)
  }
  const { operator } = question
  if (question.ask === 'root') {
    return ledger.submit({ ...at, functionName: 'askRoot', args: [id, position, operator, model] }, options.send)
  }
  const working = workings.get(`${position} ${operator}`)
  if (!working) throw new TypeError('a working is asked about before its root')
  const [level, index] = question.ask === 'chunk' ? [0, question.chunk] : [question.level, question.index]
  const root = { operator, ...working.signed }
  const args = [id, position, root, model, level, index, ...proofOf(working.tree, level, index)] as const
  return ledger.submit({ ...at, functionName: 'askWorking', args }, options.send)
}

/** False when the time is over. */
async function untilAnswered({ context: { ledger, env }, at, id, options }: Table): Promise<boolean> {
  for (;;) {
    const { turn, deadline } = await ledger.read({ ...at, functionName: 'gameOf', args: [id] })
    if (turn !== providersTurn) return true
    const { timestampSeconds } = await ledger.block('latest')
    if (timestampSeconds > deadline) return false
    await env.clock.sleep(options.pollMs ?? 1_000, options.signal)
  }
}

/** The answer in the form that a provider gives it over HTTP. */
async function answerOf(table: Table, question: DisputeQuestion, fromBlock: bigint): Promise<unknown> {
  const { context, at, id, plan, trace, workings } = table
  const toBlock = await context.ledger.blockNumber()
  const eventNames = ['StepShown', 'RootShown', 'ChunkShown', 'HashesShown']
  const range = { ...at, eventNames, fromBlock, toBlock }
  const events: readonly LedgerEvent<typeof abis.disputeGame>[] = await context.ledger.getEvents(range)
  const event = events.find((each) => 'gameId' in each.args && each.args.gameId === id)
  if (event?.eventName === 'StepShown') {
    const { token, operators, path } = event.args.step
    return { token: Number(token), operators, path }
  }
  if (event?.eventName === 'RootShown' && question.ask === 'root') {
    const { position, operator } = question
    const { root, signature } = event.args
    const tree = createKnownNodes(hexToBytes(root), plan(operator, position).chunks)
    workings.set(`${position} ${operator}`, { tree, signed: { root, signature } })
    return { root, signature }
  }
  if (event?.eventName === 'ChunkShown') return { bytes: event.args.data }
  if (event?.eventName !== 'HashesShown' || (question.ask !== 'trace' && question.ask !== 'hashes')) return undefined
  const { hashes } = event.args
  const tree = question.ask === 'trace' ? trace : workings.get(`${question.position} ${question.operator}`)?.tree
  tree?.learn(question.level, question.index, hashes.map(hexToBytes))
  return { hashes }
}

function proofOf(tree: KnownNodes, level: number, index: number): [Hex, Hex[]] {
  const { hash, path } = tree.proofOf(level, index)
  return [bytesToHex(hash), path.map(bytesToHex)]
}
