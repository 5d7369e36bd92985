/** A game on chain between an accuser and a provider's defence, each move a transaction: the stage of challenges. */
import { bytesToHex } from '@weightless/codec'
import { accuse, createDefender, type Defence, type Defender, planStep } from '@weightless/dispute'
import { stepArgument } from '@weightless/dispute/contract/accusationArguments'
import { type ProbeRun, runProbe } from '@weightless/dispute/referee/probeJob.cases'
import { createKnownNodes } from '@weightless/dispute/tree/knownNodes'
import { type Hex, hexToBytes } from 'viem'
import { type DisputeReceipt, type DisputeRig, probeOptions } from './disputeRig.ts'

/** Gas of the dearest move. */
export type Played = {
  accused: Awaited<ReturnType<typeof accuse>>
  questions: number
  gasMax: bigint
  signed?: { root: Hex; signature: Hex }
}

/** Opens a game for the accuser. */
export async function challengeOn(stage: DisputeRig, receipt: DisputeReceipt, from = stage.accuser): Promise<Hex> {
  const { rig } = stage
  const { disputeGame } = rig.contracts
  const value = (await rig.must(disputeGame, 'bondWei', [])).value
  return (await rig.must(disputeGame, 'challenge', [await stage.exhibitOf(receipt)], { from, value })).value
}

/**
 * Plays until the accuser knows what is wrong: every question is asked, every answer given on chain.
 * @param own - the accuser's execution
 */
export async function playOnChain(
  stage: DisputeRig,
  run: ProbeRun,
  receipt: DisputeReceipt,
  gameId: Hex,
  own: ProbeRun = runProbe(stage.model, { ...probeOptions, forced: run.tokens }),
): Promise<Played> {
  const played = { questions: 0, gasMax: 0n, signed: undefined as Played['signed'] }
  const defender = defendOnChain(stage, run.defence, receipt, gameId, played)
  const accused = await accuse(run.job, own.execution, defender)
  const { signed, ...rest } = played
  return { accused, ...rest, ...(signed && { signed }) }
}

function defendOnChain(
  stage: DisputeRig,
  defence: Defence,
  receipt: DisputeReceipt,
  gameId: Hex,
  played: { questions: number; gasMax: bigint; signed: Played['signed'] },
): Defender {
  const { rig, accuser, provider, facts } = stage
  const { disputeGame } = rig.contracts
  const off = createDefender(defence)
  const trace = createKnownNodes(defence.job.traceRoot, defence.job.steps)
  const workings = new Map<string, ReturnType<typeof createKnownNodes>>()
  async function send(name: 'ask' | 'show', sending: ReturnType<typeof rig.must>): Promise<void> {
    const { gasUsed } = await sending
    if (gasUsed > played.gasMax) played.gasMax = gasUsed
    if (name === 'ask') played.questions++
  }
  const [asker, shower] = [{ from: accuser }, { from: provider.address }]
  const proof = (tree: typeof trace, level: number, index: number) => {
    const { hash, path } = tree.proofOf(level, index)
    return [bytesToHex(hash), path.map(bytesToHex)] as const
  }
  const showHashes = (hashes: readonly Uint8Array[]) =>
    send('show', rig.must(disputeGame, 'showHashes', [gameId, hashes.map(bytesToHex)], shower))
  async function askWorking(position: number, operator: number, level: number, index: number): Promise<void> {
    const root = { operator, ...played.signed! }
    const tree = workings.get(`${position} ${operator}`)!
    const args = [gameId, position, root, facts, level, index, ...proof(tree, level, index)] as const
    await send('ask', rig.must(disputeGame, 'askWorking', args, asker))
  }
  return {
    async traceHashes(level, index) {
      const args = [gameId, level, index, ...proof(trace, level, index)] as const
      await send('ask', rig.must(disputeGame, 'askTrace', args, asker))
      const hashes = (await off.traceHashes(level, index))!
      await showHashes(hashes)
      trace.learn(level, index, hashes)
      return hashes
    },
    async step(position) {
      await send('ask', rig.must(disputeGame, 'askStep', [gameId, position], asker))
      const step = (await off.step(position))!
      await send('show', rig.must(disputeGame, 'showStep', [gameId, stepArgument(step)], shower))
      return step
    },
    async workingRoot(position, operator) {
      await send('ask', rig.must(disputeGame, 'askRoot', [gameId, position, operator, facts], asker))
      const root = (await off.workingRoot(position, operator))!
      played.signed = await stage.signRoot(receipt, { position, operator }, bytesToHex(root))
      await send(
        'show',
        rig.must(disputeGame, 'showRoot', [gameId, played.signed.root, played.signed.signature], shower),
      )
      const { chunks } = planStep(defence.job, operator, position, 0)
      workings.set(`${position} ${operator}`, createKnownNodes(hexToBytes(played.signed.root), chunks))
      return root
    },
    async hashes(position, operator, level, index) {
      await askWorking(position, operator, level, index)
      const hashes = (await off.hashes(position, operator, level, index))!
      await showHashes(hashes)
      workings.get(`${position} ${operator}`)!.learn(level, index, hashes)
      return hashes
    },
    async chunk(position, operator, chunk) {
      await askWorking(position, operator, 0, chunk)
      const bytes = (await off.chunk(position, operator, chunk))!
      await send('show', rig.must(disputeGame, 'showChunk', [gameId, bytesToHex(bytes)], shower))
      return bytes
    },
  }
}
