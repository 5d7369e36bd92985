/** What a miner loses who has lost data, and what fetching it from others does not bring back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesToHex, type Hex } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'
import { createSim, type Sim } from '@weightless/env/sim'
import type { Ledger } from '@weightless/ledger'
import { encodeWork, everySeal, noiseSegment, sealedInMemory, sealSegmentFor, workOver } from '../testing/sealedFlow.ts'
import type { MinableSegments } from './minableSegments.ts'
import { puzzleOf } from './readWork.ts'
import { openRecaller } from './recall.ts'
import { startMiner } from './startMiner.ts'

const idOf = (name: number): Hex => bytesToHex(keccak256(new Uint8Array([name])))

test('with half its segments deleted a miner wins half of another’s 2,000 answers, within 3 σ', async () => {
  const [segmentCount, difficulty, batches] = [32, 64n, 40]
  const sim = createSim({ seed: 5 })
  const env = sim.boot('miner')
  const puzzle = puzzleOf(workOver(segmentCount, difficulty), { numShard: 1, shardId: 0 })!
  const answersOf = async (name: number, keeps: (at: number) => boolean): Promise<number> => {
    const recaller = openRecaller(env, sealedInMemory(idOf(name), segmentCount, keeps), 50)
    let answers = 0
    for (let batch = 0; batch < batches; batch++) {
      const { hits } = await recaller.recall(puzzle, keccak256(new Uint8Array([name])), () => false)
      answers += hits.length
    }
    await recaller.close()
    return answers
  }
  const run = async (): Promise<[whole: number, half: number, none: number]> => [
    await answersOf(1, () => true),
    await answersOf(2, (at) => at % 2 === 1),
    await answersOf(3, () => false),
  ]
  const [whole, half, none] = await sim.run(run(), 10_000_000)
  // 2,000 nonces, each with one answer on average if its segment is there (a mean of 1 in 64 over 64 seals). A nonce that
  // is recalled gives a count of variance 1, one that may be missing 1/2 + 1/4; the difference to the half has 1/4 + 3/4.
  const nonces = 50 * batches
  const sigma = Math.sqrt(nonces)
  assert.ok(Math.abs(whole - nonces) < 3 * Math.sqrt(nonces), `${whole}`)
  assert.ok(Math.abs(half - whole / 2) < 3 * sigma, `${half} of ${whole}`)
  // The bound is narrow enough to tell half from 60 %.
  assert.ok(0.1 * whole > 3 * sigma)
  assert.equal(none, 0)
})

type Mined = { won: number; recalls: number }

/** Windows of a second, of which each miner counts those in which it found an answer. */
async function mineWindows(
  sim: Sim,
  host: string,
  segments: MinableSegments,
  { windows, workers = 1 }: { windows: number; workers?: number },
): Promise<Mined> {
  const env = sim.boot(host)
  const won = new Set<bigint>()
  const epochAt = (): bigint => BigInt(Math.floor(env.clock.monotonicMs() / 1_000))
  const startEpoch = epochAt()
  const minerId = idOf(9)
  const ledger = {
    rpc: { request: () => Promise.resolve(encodeWork(workOver(16, 16_000n, epochAt()))) },
    submit: () => {
      won.add(epochAt())
      return Promise.resolve({ blockNumber: 1n, transactionHash: '0x', gasUsed: 1n })
    },
  } as unknown as Ledger
  const prove = () => Promise.resolve([])
  const miner = startMiner({ env, ledger, mine: '0x00', minerId, segments, prove, workers, pollMs: 10 })
  while (epochAt() < startEpoch + BigInt(windows)) await env.clock.sleep(100)
  await miner.close()
  return { won: won.size, recalls: miner.status().recalls }
}

test('a miner that fetches what it lacks from the network misses the window', async () => {
  // The simulator's links: 20 ms each way, 1 Gbit/s; clock and links are virtual, puzzle and requests are real. Sealing what
  // was fetched takes 0.5 ms a segment, as measured with the fastest kernel; reading what is kept 0.2 ms. Both miners have one
  // worker, whose messages take 1 ms each in the simulator: that slows the keeper down more than the fetcher.
  const windows = 6
  const sim = createSim({ seed: 3, faults: { latencyMs: [20, 20] } })
  const owner = sim.boot('owner')
  const serving = owner.network.serve({
    port: 80,
    handler: (request) => Promise.resolve({ status: 200, body: noiseSegment(Number(request.path.slice(1))) }),
  })
  await sim.run(serving)
  const kept = sealedInMemory(idOf(9), 16, () => true)
  const contextDigests = Array.from({ length: 64 }, () => keccak256(new Uint8Array([1])))
  const slow = (
    host: string,
    read: (env: ReturnType<Sim['boot']>, at: number) => Promise<Uint8Array>,
  ): MinableSegments => ({
    ...{ numShard: 1, shardId: 0, has: () => true },
    readSealed: async (at) => ({ sealed: await read(hosts[host]!, at), contextDigests, sealedMask: everySeal }),
  })
  const hosts: { [host: string]: ReturnType<Sim['boot']> } = { keeper: owner, fetcher: sim.boot('line') }
  const keeper = slow('keeper', async (env, at) => {
    await env.clock.sleep(0.2)
    return (await kept.readSealed(at))!.sealed
  })
  const fetcher = slow('fetcher', async (env, at) => {
    const response = await env.network.fetch(`http://owner:80/${at}`)
    assert.deepEqual(await response.bytes(), noiseSegment(at))
    await env.clock.sleep(0.5)
    return sealSegmentFor(idOf(9), at)
  })
  const honest = await sim.run(mineWindows(sim, 'a', keeper, { windows }), 10_000_000)
  const fetching = await sim.run(mineWindows(sim, 'b', fetcher, { windows }), 10_000_000)
  assert.ok(honest.won >= windows - 1, `${honest.won}`)
  assert.ok(fetching.won <= 1, `${fetching.won}`)
})

test('asking for many segments at once brings a fetcher no further than its line carries', async () => {
  // One line of 100 Mbit/s for all requests: 21 ms a segment, whatever the number of workers that wait for it. The keeper has
  // one worker and one disk.
  const [windows, segmentMs] = [4, 262_144 / 12_500]
  const sim = createSim({ seed: 4 })
  const kept = sealedInMemory(idOf(9), 16, () => true)
  const slowly = (takeMs: number): MinableSegments => {
    let freeMs = 0
    const { clock } = sim.boot(`line of ${takeMs}`)
    return {
      ...kept,
      async readSealed(at) {
        freeMs = Math.max(freeMs, clock.monotonicMs()) + takeMs
        await clock.sleep(freeMs - clock.monotonicMs())
        return kept.readSealed(at)
      },
    }
  }
  const honest = await sim.run(mineWindows(sim, 'a', slowly(0.2), { windows }), 10_000_000)
  const fetching = await sim.run(mineWindows(sim, 'b', slowly(segmentMs), { windows, workers: 24 }), 10_000_000)
  assert.ok(honest.won >= windows - 1, `${honest.won}`)
  assert.ok(fetching.recalls <= (windows * 1_000) / segmentMs, `${fetching.recalls}`)
  // What is on the line when a window ends has been fetched in vain.
  assert.ok(fetching.recalls > (0.4 * windows * 1_000) / segmentMs, `its line was hardly used: ${fetching.recalls}`)
  assert.ok(honest.recalls > 10 * fetching.recalls, `${honest.recalls} to ${fetching.recalls}`)
  // 47 segments of 64 seals in a window, each an answer once in 16,000: one window in six.
  assert.ok(fetching.won <= windows / 3, `${fetching.won}`)
})
