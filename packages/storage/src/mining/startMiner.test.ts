/** The miner against a chain that changes its mind, goes away and refuses; clock and workers are the simulator's. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bytesToHex, type Hex } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'
import { createSim } from '@weightless/env/sim'
import { type Ledger, LedgerUnreachableError, TransactionRevertedError } from '@weightless/ledger'
import { encodeWork, sealedInMemory, workOver } from '../testing/sealedFlow.ts'
import { createMinerSlot } from './minerMethods.ts'
import type { Work } from './readWork.ts'
import { type Miner, type MinerOptions, startMiner } from './startMiner.ts'
import type { AnswerOutcome } from './submitAnswer.ts'

const minerId = bytesToHex(keccak256(new Uint8Array([7])))
const segments = sealedInMemory(minerId, 8, () => true)
const idle = (epoch: bigint): Work => ({ ...workOver(8, 1n, epoch), poraTarget: 0n })

type Script = {
  work: Work | 'away'
  /** Called for each answer; throws what the ledger would. */
  take(contextOf: { nonce: Hex; recallPosition: bigint }): void
  options?: Partial<MinerOptions>
  story(miner: Miner, script: Script, sleep: (ms: number) => Promise<void>): Promise<void>
}

async function play(script: Script): Promise<AnswerOutcome[]> {
  const sim = createSim({ seed: 11 })
  const env = sim.boot('miner')
  const outcomes: AnswerOutcome[] = []
  const ledger = {
    rpc: {
      request: () => {
        if (script.work !== 'away') return Promise.resolve(encodeWork(script.work))
        return Promise.reject(new LedgerUnreachableError({ method: 'eth_call', url: 'http://chain' } as never))
      },
    },
    submit: ({ args }: { args: [{ nonce: Hex; recallPosition: bigint }] }) => {
      script.take(args[0])
      return Promise.resolve({ blockNumber: 1n, transactionHash: '0x01', gasUsed: 1n })
    },
  } as unknown as Ledger
  const tell = async (): Promise<void> => {
    const onAnswer = (outcome: AnswerOutcome): void => void outcomes.push(outcome)
    const parts = { env, ledger, mine: '0x00' as Hex, minerId, segments, prove: () => Promise.resolve([]), onAnswer }
    const miner = startMiner({ ...parts, pollMs: 100, ...script.options })
    await script.story(miner, script, (ms) => env.clock.sleep(ms))
    await miner.close()
  }
  await sim.run(tell(), 10_000_000)
  return outcomes
}

describe('a miner', () => {
  test('mines while there is work, rests while there is none, and never answers for an epoch that is over', async () => {
    const epochs: (bigint | 'none')[] = []
    let current: bigint | 'none' = 1n
    await play({
      work: workOver(8, 2_000n, 1n),
      take: () => void epochs.push(current),
      async story(miner, script, sleep) {
        await sleep(500)
        assert.equal(miner.status().state, 'mining')
        const before = epochs.length
        assert.ok(before > 0)
        script.work = idle(1n)
        await sleep(250)
        current = 'none'
        const rested = miner.status().nonces
        await sleep(2_000)
        assert.equal(miner.status().state, 'idle')
        assert.equal(miner.status().nonces, rested)
        current = 2n
        script.work = workOver(8, 2_000n, 2n)
        await sleep(500)
        assert.ok(epochs.includes(2n))
        assert.equal(miner.status().epoch, 2n)
      },
    })
    assert.ok(!epochs.includes('none'))
  })

  test('rests while it is told to, and is steered over the node’s RPC', async () => {
    const slot = createMinerSlot()
    const context = { signal: new AbortController().signal, origin: undefined }
    const call = async (name: string, ...params: unknown[]) => slot.methods[name]!(params, context)
    assert.deepEqual(await call('miner_start'), { result: false })
    await play({
      work: workOver(8, 2_000n),
      take: () => undefined,
      async story(miner, _script, sleep) {
        const takeBack = slot.offer(miner)
        await sleep(500)
        assert.ok(miner.status().answers > 0)
        assert.deepEqual(await call('miner_stop'), { result: true })
        await sleep(200)
        const { nonces, answers } = miner.status()
        await sleep(1_000)
        assert.deepEqual([miner.status().state, miner.status().nonces], ['paused', nonces])
        assert.equal(miner.status().answers, answers)
        assert.deepEqual(await call('miner_setStartPosition', 2 ** 25), { result: true })
        assert.deepEqual(await call('miner_start'), { result: true })
        await sleep(500)
        assert.equal(miner.status().state, 'mining')
        assert.ok(miner.status().answers > answers)
        takeBack()
      },
    })
    assert.deepEqual(await call('miner_stop'), { result: false })
    const foreign = await slot.methods.miner_stop!([], { ...context, origin: 'https://evil.example' })
    assert.ok('fault' in foreign)
  })

  test('goes on when the chain answers again', async () => {
    await play({
      work: workOver(8, 2_000n),
      take: () => undefined,
      async story(miner, script, sleep) {
        await sleep(300)
        const before = miner.status().accepted
        script.work = 'away'
        await sleep(1_000)
        assert.equal(miner.status().state, 'away')
        script.work = workOver(8, 2_000n)
        await sleep(1_000)
        assert.equal(miner.status().state, 'mining')
        assert.ok(miner.status().accepted > before)
      },
    })
  })

  test('tells what the contract refuses, passes over what cannot be handed in, and tries another', async () => {
    const seen = new Set<string>()
    let [calls, twice] = [0, 0]
    const outcomes = await play({
      work: workOver(8, 2_000n),
      take({ nonce, recallPosition }) {
        const name = `${nonce} ${recallPosition}`
        if (seen.has(name)) twice++
        seen.add(name)
        calls++
        if (calls === 1) throw new LedgerUnreachableError({ method: 'eth_sendRawTransaction', url: 'x' } as never)
        const reason = { errorName: 'Error', args: [], text: 'Epoch has enough submissions' }
        if (calls === 2) throw new TransactionRevertedError(reason, { to: undefined })
      },
      async story(miner, _script, sleep) {
        await sleep(1_000)
        const { answers, accepted, refused } = miner.status()
        assert.equal(refused, 1)
        assert.equal(answers, accepted + refused)
        assert.ok(accepted > 1)
      },
    })
    assert.deepEqual(outcomes[0], { kind: 'refused', reason: 'Epoch has enough submissions' })
    assert.equal(outcomes[1]!.kind, 'accepted')
    assert.equal(twice, 0)
  })

  test('says when the place of its data cannot be proved, and sends nothing', async () => {
    let sent = 0
    const outcomes = await play({
      work: workOver(8, 2_000n),
      take: () => void sent++,
      options: { prove: () => Promise.resolve(undefined) },
      story: (_miner, _script, sleep) => sleep(500),
    })
    assert.ok(outcomes.length > 0 && outcomes.every(({ kind }) => kind === 'unproved'))
    assert.equal(sent, 0)
  })

  test('takes no more than its share of the time, and nothing where its shards are too many', async () => {
    const noncesWith = async (options: Partial<MinerOptions>): Promise<number> => {
      let nonces = 0
      await play({
        work: workOver(8, 10n ** 9n),
        take: () => undefined,
        options,
        async story(miner, _script, sleep) {
          await sleep(1_500)
          nonces = miner.status().nonces
        },
      })
      return nonces
    }
    const [whole, tenth] = [await noncesWith({}), await noncesWith({ share: 0.1 })]
    assert.ok(tenth > whole / 20 && tenth < whole / 5, `${tenth} of ${whole}`)
    assert.equal(await noncesWith({ segments: { ...segments, numShard: 512 } }), 0)
  })
})
