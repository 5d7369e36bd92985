/**
 * Games of challenges through any sequence of moves: every bond is up or somebody's credit, who let the time pass has lost,
 * and a case costs its provider once. Spec: spec/dispute.md 13
 */
import assert from 'node:assert/strict'
import { createDefender } from '@weightless/dispute'
import { stepArgument } from '@weightless/dispute/contract/accusationArguments'
import { type ProbeRun, runProbe } from '@weightless/dispute/referee/probeJob.cases'
import fc from 'fast-check'
import type { Hex } from 'viem'
import { createDisputeRig, type DisputeRig, probeOptions, stakedWei } from '../disputeRig.ts'
import { presets } from '../presets.ts'
import { inputHashOf, requestShape } from '../requestShape.ts'
import { type Model, secondsToWait } from './model.ts'

type Turn = 'challenger' | 'provider' | 'over'
type Game = {
  id: Hex
  who: number
  job: bigint
  turn: Turn
  deadline: bigint
  asked: 'step' | 'choice'
  isShaped: boolean
}
type Stage = DisputeRig & { honest: ProbeRun; shown: ReturnType<typeof stepArgument> }
type World = Stage & {
  games: Game[]
  credits: Map<Hex, bigint>
  convicted: Set<bigint>
  stake: bigint
  answerSeconds: bigint
  bond: bigint
  isExcusedAgain: boolean
}
type Step = { name: string; who: number; job: bigint; pick: number }

const { disputeBondWei, answerSeconds, faultPercent, lockSeconds, challengeSeconds } = presets.weightless
/** The one whose request had a schema. */
const shapedJob = 2n
const now = ({ rig }: World) => rig.evm.block.timestamp
const challengers = (world: World) => [world.accuser, world.user] as const
const isOpen = ({ turn }: Game) => turn !== 'over'
const timeOf = (world: World) => now(world) + world.answerSeconds * BigInt(world.games.filter(isOpen).length)
const pickGame = ({ games }: World, pick: number): Game | undefined => games[pick % (games.length || 1)]

function pass(world: World, game: Game, turn: Turn): void {
  game.turn = turn
  game.deadline = timeOf(world)
}

function pay(world: World, winner: Hex): void {
  world.credits.set(winner, (world.credits.get(winner) ?? 0n) + world.bond)
}

const steps: { [name: string]: (world: World, step: Step) => Promise<void> } = {
  async challenge(world, { who, job }) {
    const { rig, honest } = world
    // Signed at the beginning: a late challenge is refused.
    const shaped = job === shapedJob ? { inputHash: inputHashOf(requestShape) } : {}
    const receipt = { ...world.receiptFor(honest, job), ...shaped, timestamp: startOf(world) }
    const from = challengers(world)[who]!
    const value = disputeBondWei
    const exhibit = await world.exhibitOf(receipt)
    const sent = await rig.send(rig.contracts.disputeGame, 'challenge', [exhibit], { from, value })
    const isKnown = world.games.some((game) => game.who === who && game.job === job)
    const isLate = now(world) > receipt.timestamp + lockSeconds + challengeSeconds
    assert.equal(sent.ok, !isKnown && !isLate && !world.convicted.has(job))
    if (!sent.ok) return
    const game: Game = { id: sent.value, who, job, turn: 'challenger', deadline: 0n, asked: 'step', isShaped: false }
    world.games.push(game)
    game.deadline = timeOf(world)
  },
  async ask(world, { pick, who }) {
    const game = pickGame(world, pick)
    if (!game) return
    const from = challengers(world)[who]!
    const sent = await world.rig.send(world.rig.contracts.disputeGame, 'askStep', [game.id, 1], { from })
    assert.equal(sent.ok, game.turn === 'challenger' && game.who === who && now(world) <= game.deadline)
    if (!sent.ok) return
    pass(world, game, 'provider')
    game.asked = 'step'
  },
  async askChoice(world, { pick, who }) {
    const game = pickGame(world, pick)
    if (!game) return
    const from = challengers(world)[who]!
    const args = [game.id, 4, 17, world.facts] as const
    const sent = await world.rig.send(world.rig.contracts.disputeGame, 'askRoot', args, { from })
    const isTurn = game.turn === 'challenger' && game.who === who && now(world) <= game.deadline
    assert.equal(sent.ok, isTurn && !game.isShaped)
    if (!sent.ok) return
    pass(world, game, 'provider')
    game.asked = 'choice'
  },
  /** Says that masks had a part in the choice: whoever asked about it asks on. */
  async excuse(world, { pick }) {
    const game = pickGame(world, pick)
    if (!game) return
    const from = world.provider.address
    const sent = await world.rig.send(world.rig.contracts.disputeGame, 'excuseShape', [game.id, requestShape], { from })
    const isAsked = game.turn === 'provider' && game.asked === 'choice'
    const isNew = !game.isShaped || world.isExcusedAgain
    const isExcusable = isOpen(game) && !world.convicted.has(game.job) && game.job === shapedJob && isNew
    assert.equal(sent.ok, isExcusable && (!isAsked || now(world) <= game.deadline))
    if (!sent.ok) return
    game.isShaped = true
    if (isAsked) pass(world, game, 'challenger')
  },
  async answer(world, { pick }) {
    const game = pickGame(world, pick)
    if (!game) return
    const from = world.provider.address
    const sent = await world.rig.send(world.rig.contracts.disputeGame, 'showStep', [game.id, world.shown], { from })
    assert.equal(sent.ok, game.turn === 'provider' && game.asked === 'step' && now(world) <= game.deadline)
    if (sent.ok) pass(world, game, 'challenger')
  },
  async finish(world, { pick }) {
    const game = pickGame(world, pick)
    if (!game) return
    const sent = await world.rig.send(world.rig.contracts.disputeGame, 'finish', [game.id], { from: world.accuser })
    const isConvicted = world.convicted.has(game.job)
    assert.equal(sent.ok, isOpen(game) && (isConvicted || now(world) > game.deadline))
    if (!sent.ok) return
    const isGuilty = isConvicted || game.turn === 'provider'
    game.turn = 'over'
    pay(world, isGuilty ? challengers(world)[game.who]! : world.provider.address)
    if (!isGuilty || isConvicted) return
    world.convicted.add(game.job)
    world.stake -= (world.stake * faultPercent!) / 100n
  },
  async withdraw(world, { pick }) {
    const from = [...challengers(world), world.provider.address][pick % 3]!
    const sent = await world.rig.send(world.rig.contracts.disputeGame, 'withdrawCredit', [], { from })
    assert.equal(sent.ok, (world.credits.get(from) ?? 0n) > 0n)
    world.credits.set(from, 0n)
  },
  async wait(world, { pick }) {
    const moments = world.games.filter(isOpen).map(({ deadline }) => deadline)
    world.rig.evm.advance(1, secondsToWait(now(world), moments, pick))
  },
}

const starts = new WeakMap<DisputeRig['rig'], bigint>()
const startOf = ({ rig }: Stage) => starts.get(rig)!

export const bondModel: Model<Stage, Step> = {
  name: 'bond',
  plants: ['answer-one-second', 'bond-one-wei', 'excused-again'],
  sequence: fc.array(
    fc.record({
      name: fc.constantFrom(...Object.keys(steps), 'challenge', 'challenge', 'excuse', 'finish', 'wait'),
      who: fc.integer({ min: 0, max: 1 }),
      job: fc.bigInt({ min: 1n, max: 3n }),
      pick: fc.integer({ min: 0, max: 1500 }),
    }),
    { minLength: 15, maxLength: 35, size: 'max' },
  ),
  async prepare(openRig) {
    const stage = await createDisputeRig(openRig)
    await stage.vouch()
    starts.set(stage.rig, stage.rig.evm.block.timestamp)
    const honest = runProbe(stage.model, probeOptions)
    return { ...stage, honest, shown: stepArgument((await createDefender(honest.defence).step(1))!) }
  },
  async play(stage, sequence, plant) {
    const world: World = {
      ...stage,
      games: [],
      credits: new Map(),
      convicted: new Set(),
      stake: stakedWei,
      answerSeconds: answerSeconds + (plant === 'answer-one-second' ? 1n : 0n),
      bond: disputeBondWei + (plant === 'bond-one-wei' ? 1n : 0n),
      isExcusedAgain: plant === 'excused-again',
    }
    for (const step of sequence) {
      await steps[step.name]!(world, step)
      await checkWorld(world)
    }
  },
}

async function checkWorld(world: World): Promise<void> {
  const { rig, games, credits, bond } = world
  const owed = [...credits.values()].reduce((sum, wei) => sum + wei, 0n)
  const up = BigInt(games.filter(isOpen).length) * bond
  assert.equal(await rig.evm.balance(rig.contracts.disputeGame.address), up + owed)
  for (const account of [...challengers(world), world.provider.address]) {
    const { value } = await rig.must(rig.contracts.disputeGame, 'credits', [account])
    assert.equal(value, credits.get(account) ?? 0n)
  }
  assert.equal(await world.slashable(), world.stake)
}
