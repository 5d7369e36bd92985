/**
 * Planted cheats against what the levels state: sampled answers are found with their share, within three standard
 * deviations, copies always, and honest answers never accused.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, describe, test } from 'node:test'
import { bytesToHex, type Hex, hexToBytes } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import {
  type Bundle,
  type ChatOpening,
  compareAnswers,
  feeOf,
  inputHash,
  outputHash,
  priceId,
  type Receipt,
  requestHash,
  samplerHash,
  seedOf,
  signReceipt,
  verifyWithModel,
} from '@weightless/receipt'
import { loadModel, type Model, runChat } from '@weightless/tensor'
import { privateKeyToAccount } from 'viem/accounts'
import type { GatewayContext } from '../gatewayContext.ts'
import { createCheckBook } from './checkBook.ts'
import { sampleAnswer } from './sampleAnswer.ts'

const weights = new Uint8Array(readFileSync(new URL('../../../../../vectors/tensor/tiny-random.gguf', import.meta.url)))
const account = privateKeyToAccount(`0x${'42'.repeat(32)}`)
const settlement: Hex = `0x${'51'.repeat(20)}`
const modelRoot = bytesToHex(fileRoot(weights))
const runs = process.env.WEIGHTLESS_HEAVY ? 10_000 : 120
const share = 0.25

type Cheat = { model?: Model; temperature?: number; opening?: (honest: ChatOpening) => Partial<ChatOpening> }

describe('the rates of the levels', () => {
  let honest: Model
  const cheats: Record<string, Cheat> = {}

  before(async () => {
    honest = await loadModel(weights.slice())
    const flipped = weights.slice()
    flipped[flipped.length - 64]! ^= 1
    cheats['weight bit'] = { model: await loadModel(flipped) }
    cheats.sampler = { temperature: 0.9 }
    cheats.token = {
      opening: ({ outputTokens: [first, ...rest] }) => ({ outputTokens: [(first! + 1) % 200, ...rest] }),
    }
    cheats.text = { opening: ({ outputText }) => ({ outputText: `${outputText}!` }) }
    cheats.finish = { opening: ({ finishReason }) => ({ finishReason: finishReason === 'stop' ? 'length' : 'stop' }) }
  })

  async function answer(seed: number, { model = honest, temperature = 0.8, opening: change }: Cheat = {}) {
    const asked = {
      salt: bytesToHex(Uint8Array.from({ length: 32 }, (_, i) => (seed * 31 + i) & 0xff)),
      messages: [{ role: 'user', content: `${seed}` }],
      stop: [],
      sampler: { temperature: 0.8, topP: 0.95, maxTokens: 4 },
      seed: { kind: 'seed' as const, value: BigInt(seed) },
      price: { model: 'tiny', inputWeiPerToken: 3n, outputWeiPerToken: 5n, updatedAt: 1n },
    }
    const sampler = samplerHash(asked.sampler)
    const request = requestHash(asked.messages, asked.stop, sampler)
    const word = seedOf(asked.seed, request)
    const job = { ...asked, ...asked.sampler, temperature, seed32: hexToBytes(word) }
    const run = await runChat(model, job, { trace: 'operators' })
    const made = { ...asked, outputTokens: run.outputTokens, outputText: run.text, finishReason: run.finishReason }
    const opening: ChatOpening = { ...made, ...change?.(made) }
    const provider = account.address.toLowerCase() as Hex
    const usage = {
      promptTokens: BigInt(run.promptTokens.length),
      completionTokens: BigInt(opening.outputTokens.length),
    }
    const receipt: Receipt = {
      ...{ version: 1, serviceClass: 1, check: 1, chainId: 1n, user: `0x${'01'.repeat(20)}`, provider, modelRoot },
      ...{ programId: honest.programId, tokenizerRoot: honest.tokenizerRoot, sampler, seed: word },
      inputHash: inputHash(request, asked.salt),
      outputHash: outputHash(opening.outputTokens, opening.outputText, opening.finishReason, opening.salt),
      ...{ traceRoot: bytesToHex(run.trace!.root), ...usage, priceId: priceId(provider, asked.price) },
      ...{ fee: feeOf(asked.price, usage), jobNonce: BigInt(seed), timestamp: 1n },
    }
    const signature = await signReceipt(receipt, settlement, account)
    return { settlement, receipt, opening, signature } satisfies Bundle<ChatOpening>
  }

  /** Outcomes of `runs` answers at level `sampled`, under random bits of a seed. */
  async function outcomes(bundles: readonly Bundle<ChatOpening>[], seed: number): Promise<Map<string, number>> {
    let state = seed >>> 0
    const byte = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state >>> 24
    }
    const checks = createCheckBook()
    const counter = { add: () => undefined }
    const context = {
      checks,
      env: {
        random: { bytes: (count: number) => Uint8Array.from({ length: count }, byte) },
        log: { error: () => undefined },
      },
      metrics: { checksAgreed: counter, checksRefuted: counter },
      health: { distrust: () => undefined },
      referee: { judge: (bundle: Bundle<ChatOpening>) => verifyWithModel(bundle, honest) },
    } as unknown as GatewayContext
    const counts = new Map<string, number>()
    for (let run = 0; run < runs; run++) {
      const bundle = Promise.resolve(bundles[run % bundles.length])
      sampleAnswer(context, { jobId: `${run}`, bundle }, { keyId: 'key', share })
      await checks.settled()
      const { outcome } = checks.of('key', `${run}`)!
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
    }
    return counts
  }

  const within = (count: number): boolean => Math.abs(count - runs * share) <= 3 * Math.sqrt(runs * share * (1 - share))

  test('at sampled, cheats are found with the share that was bought, and honest answers never accused', async (t) => {
    const cheated = await Promise.all(Object.values(cheats).map((cheat, i) => answer(i, cheat)))
    const found = await outcomes(cheated, 7)
    const honestly = await outcomes([await answer(1), await answer(2)], 8)
    t.diagnostic(
      `${runs} runs, share ${share}: found ${found.get('differs')}, false alarms ${honestly.get('differs') ?? 0}`,
    )
    assert.ok(within(found.get('differs') ?? 0), `${found.get('differs')}`)
    assert.equal(found.get('agreed'), undefined)
    assert.ok(within(honestly.get('agreed') ?? 0), `${honestly.get('agreed')}`)
    assert.equal(honestly.get('differs'), undefined)
  })

  test('at refereed and full every cheat differs from an honest answer, and honest ones never do', async () => {
    for (let seed = 1; seed <= runs / 20; seed++) {
      const right = await answer(seed)
      assert.equal(compareAnswers(right, await answer(seed)), undefined)
      for (const [name, cheat] of Object.entries(cheats)) {
        const wrong = await answer(seed, cheat)
        assert.notEqual(compareAnswers(right, wrong), undefined, `${name} ${seed}`)
        assert.equal((await verifyWithModel(wrong, honest)).accepted, false, `${name} ${seed}`)
      }
    }
  })
})
