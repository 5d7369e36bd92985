/** What answers pay, and a miner that rests while that is too little; clock and workers are the simulator's. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bytesToHex } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'
import { createSim } from '@weightless/env/sim'
import type { Ledger } from '@weightless/ledger'
import { encodeWork, sealedInMemory, workOver } from '../testing/sealedFlow.ts'
import { payFrom } from './readPay.ts'
import { type MinerStatus, startMiner } from './startMiner.ts'

const minerId = bytesToHex(keccak256(new Uint8Array([7])))

test('half of what is released is paid, and the base reward while the chunk is paid for', () => {
  const stream = { locked: 1_000n, claimable: 0n, paid: 0n, sinceSeconds: 100n, endSeconds: 200n }
  assert.equal(payFrom(stream, 100n, 0n), 0n)
  assert.equal(payFrom(stream, 150n, 7n), 257n)
  assert.equal(payFrom(stream, 300n, 7n), 500n)
  assert.equal(payFrom({ ...stream, sinceSeconds: 0n, endSeconds: 0n }, 300n, 7n), 0n, 'a chunk that is not full')
  assert.equal(payFrom({ ...stream, locked: 500n, claimable: 250n, paid: 250n }, 150n, 0n), 125n)
  assert.equal(payFrom({ ...stream, locked: 0n, claimable: 2n, paid: 998n }, 300n, 0n), 1n)
})

describe('a miner that looks at what it earns', () => {
  test('rests while nothing pays, asks once an epoch, begins when something does, and hands in nothing for less', async () => {
    const sim = createSim({ seed: 3 })
    const env = sim.boot('miner')
    let work = workOver(8, 500n, 1n)
    const pays = new Map<number, bigint>()
    let asked = 0
    const tips: bigint[] = []
    const ledger = {
      rpc: { request: () => Promise.resolve(encodeWork(work)) },
      submit: ({ args, tipPerGasMax }: { args: [{ recallPosition: bigint }]; tipPerGasMax: bigint }) => {
        assert.equal(Math.floor(Number(args[0].recallPosition) / 1024), 2, 'the segment that pays')
        tips.push(tipPerGasMax)
        return Promise.resolve({ blockNumber: 1n, transactionHash: '0x01', gasUsed: 1n })
      },
    } as unknown as Ledger
    const read = (wanted: readonly number[]): Promise<bigint[]> => {
      if (wanted.length > 1) asked++
      return Promise.resolve(wanted.map((segment) => pays.get(segment) ?? 0n))
    }
    const tell = async (): Promise<void> => {
      const miner = startMiner({
        ...{ env, ledger, mine: '0x00', minerId, segments: sealedInMemory(minerId, 8, () => true), pollMs: 100 },
        ...{ prove: () => Promise.resolve([]), pay: { read, leastWei: 1_000n } },
      })
      const during = async (ms: number): Promise<MinerStatus> => {
        await env.clock.sleep(ms)
        return miner.status()
      }
      const rested = await during(1_000)
      assert.deepEqual([rested.state, rested.nonces, asked], ['resting', 0, 1])
      pays.set(2, 33_000_000n)
      assert.equal((await during(1_000)).nonces, 0, 'within an epoch it does not ask again')
      work = workOver(8, 500n, 2n)
      const busy = await during(2_000)
      assert.deepEqual([busy.state, asked], ['mining', 2])
      assert.ok(busy.accepted > 0 && busy.accepted === tips.length)
      assert.ok(
        tips.every((tip) => tip === 10n),
        'a tenth of the pay over the gas of an answer',
      )
      await miner.close()
    }
    await sim.run(tell(), 10_000_000)
  })
})
