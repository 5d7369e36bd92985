/**
 * Key-value nodes over one log: one dies at every write, one runs on, one begins at the end. Uploads are lost or come late,
 * events come twice and out of order, blocks are taken back. Chain and storage are `scriptedLog`, a stand-in; all else is real.
 */
import { type Hex, hexToBytes, textToBytes } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { createSim, type Sim } from '@weightless/env/sim'
import { openReplica, type Replica } from '@weightless/kv/replica'
import { createScriptedLog, type ScriptedLog, submitTransaction } from '@weightless/kv/testing/scriptedLog'
import { claim, type Scenario } from './scenario.ts'

export const kvReplay: Scenario = {
  name: 'kv/replay',
  claim:
    'Every transaction is decided in the end, as the rules say and alike on all nodes, whatever dies, is lost or is taken back.',
  plants: ['kv-wait-for-ever', 'kv-ignore-order', 'kv-keep-reverted', 'skip-fsync', 'swap-write-order'],
  fires: [
    ...(['crash', 'kill', 'write torn', 'write forgotten', 'sectors lost', 'folder change forgotten'] as const),
    ...(['block taken back', 'event repeated', 'event out of order', 'upload lost', 'upload late'] as const),
  ],
  run: runReplay,
}

type Sent = { seq: number; sender: Hex; stream: number; value: string; isLost: boolean; releaseAt: number }

async function runReplay(seed: number, onSim: (sim: Sim) => void): Promise<void> {
  const sim = createSim({ seed, faults: { sectorLossChance: 0.3 } })
  onSim(sim)
  const log = createScriptedLog()
  const story: Story = { sent: [], round: 0 }
  const steady = sim.boot('steady')
  const other = await sim.run(open(steady, log))
  for (story.round = 0; story.round < roundsMax; story.round++) {
    const isCalm = story.round === roundsMax - 1
    sim.faults.diskErrorChance = 0
    const env = sim.boot('mortal')
    if (!isCalm) sim.disk('mortal').crashAtChange(1 + sim.random.integer(60))
    await sim.run(Promise.race([live(sim, env, log, story, isCalm), sim.whenDown('mortal')]))
    sim.disk('mortal').crashAtChange(0)
    if (isCalm) break
    if (sim.random.chance(0.5)) sim.kill('mortal')
    else sim.crash('mortal')
  }
  await sim.run(settle(steady, log, other, story, 'the steady node'))
  const fresh = sim.boot('fresh')
  const third = await sim.run(open(fresh, log))
  await sim.run(settle(fresh, log, third, story, 'the fresh node'))
  claim(other.head().digest === third.head().digest, 'two nodes that saw the same log disagree')
  await sim.run(Promise.all([other.close(), third.close()]))
}

type Story = { sent: Sent[]; round: number }

function open(env: Env, log: ScriptedLog): Promise<Replica> {
  const limits = { patienceMs: 2_000, graceSeconds: 20 }
  const index = { memoryBytesMax: 6_000, cacheBytesMax: 20_000 }
  return openReplica({
    env,
    disk: env.disk,
    folder: 'kv',
    source: log,
    content: log,
    streams: 'all',
    startBlock: 0,
    limits,
    index,
  })
}

async function live(sim: Sim, env: Env, log: ScriptedLog, story: Story, isCalm: boolean): Promise<void> {
  const replica = await open(env, log)
  for (let step = 0; step < stepsMax && !isCalm; step++) {
    act(sim, log, story)
    await env.clock.sleep(sim.random.integer(400))
  }
  if (isCalm) await settle(env, log, replica, story, 'the mortal node')
  await replica.close()
}

/** Something happens on the chain. */
function act(sim: Sim, log: ScriptedLog, story: Story): void {
  const { random } = sim
  if (random.chance(0.07) && story.sent.length > 2) {
    const kept = story.sent.slice(0, story.sent.length - 1 - random.integer(3))
    log.takeBack(kept.length, { isSilent: random.chance(0.3) })
    story.sent = kept
    sim.fire('block taken back')
  }
  if (random.chance(0.15)) {
    const again = log.submissions().slice(-3)
    const isInOrder = random.chance(0.5)
    log.give({ block: log.block(), final: false, submissions: isInOrder ? again : [...again].reverse() })
    sim.fire(isInOrder || again.length < 2 ? 'event repeated' : 'event out of order')
  }
  if (random.chance(0.1)) log.give({ block: Math.max(0, log.block() - 6), final: false, submissions: [] })
  const isHeldBack = random.chance(0.25)
  const isLost = isHeldBack && random.chance(0.5)
  if (isHeldBack) sim.fire(isLost ? 'upload lost' : 'upload late')
  const sent = {
    sender: random.pick(senders),
    stream: random.integer(3),
    value: `v${story.round}.${story.sent.length}.${random.integer(1e9)}`,
  }
  const write = {
    streamId: streams[sent.stream]!,
    key: textToBytes(`k${random.integer(3)}`),
    value: textToBytes(sent.value),
  }
  const seq = submitTransaction(log, sent.sender, { writes: [write] }, { isHeldBack })
  story.sent.push({ seq, ...sent, isLost, releaseAt: story.sent.length + 1 + random.integer(4) })
  for (const one of story.sent) if (!one.isLost && one.releaseAt <= story.sent.length) log.release(one.seq)
}

/** Time passes; then all is decided, and as the model says. */
async function settle(env: Env, log: ScriptedLog, replica: Replica, story: Story, who: string): Promise<void> {
  for (const one of story.sent) if (!one.isLost) log.release(one.seq)
  log.passSeconds(1_000)
  const expected = decideByModel(story.sent)
  const isSettled = () =>
    replica.undecided() === 0 && story.sent.every(({ seq }, at) => replica.result(seq) === expected.results[at])
  for (let wait = 0; wait < 600 && !isSettled(); wait++) await env.clock.sleep(100)
  for (const [at, { seq }] of story.sent.entries()) {
    const result = replica.result(seq)
    claim(
      result === expected.results[at],
      `${who} says of transaction ${seq} ${result}, which is ${expected.results[at]}`,
    )
  }
  claim(replica.result(story.sent.length) === undefined, `${who} knows a transaction that was taken back`)
  for (const [at, { seq, stream, value }] of story.sent.entries()) {
    if (expected.results[at] !== 'Commit') continue
    const found = [...replica.state.walk(streams[stream]!, { version: BigInt(seq) })]
    const isThere = found.some((one) => one?.ref.kind === 'inline' && Buffer.from(one.ref.bytes).toString() === value)
    claim(isThere, `${who} lost the value of transaction ${seq}`)
  }
}

/** The rules in their simplest form: whose transaction is the first to be had owns the stream. */
function decideByModel(sent: readonly Sent[]): { results: string[] } {
  const owners = new Map<number, Hex>()
  const results = sent.map(({ sender, stream, isLost }) => {
    const owner = owners.get(stream)
    if (owner && owner !== sender) return 'SenderNoWritePermission'
    if (isLost) return 'DataUnavailable'
    owners.set(stream, sender)
    return 'Commit'
  })
  return { results }
}

const senders: readonly Hex[] = ['a', 'b'].map((digit): Hex => `0x${digit.repeat(40)}`)
const streams = [1, 2, 3].map((at) => hexToBytes(`0x${String(at).padStart(64, '0')}`))
const roundsMax = 4
const stepsMax = 8
