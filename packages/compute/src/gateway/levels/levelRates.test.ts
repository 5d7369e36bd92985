/**
 * Planted cheats against what the levels state: sampled answers are found with their share, within three standard
 * deviations, copies always, and honest answers never accused.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, describe, test } from 'node:test'
import { bytesToHex } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import { type Bundle, type ChatOpening, compareAnswers, verifyWithModel } from '@weightless/receipt'
import { jobOf, signChat } from '@weightless/receipt/signedChat.cases'
import { loadModel, type Model, readGguf, runChat } from '@weightless/tensor'
import type { GatewayContext } from '../gatewayContext.ts'
import { createCheckBook } from './checkBook.ts'
import { sampleAnswer } from './sampleAnswer.ts'

const bard = new URL('../../../../tensor/models/weightless-bard-1m.gguf', import.meta.url)
const weights = new Uint8Array(readFileSync(bard))
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
    const { tensors } = await readGguf(weights)
    flipped[tensors.get('blk.3.ffn_down.weight')!.offset + 2]! ^= 1
    cheats['weight bit'] = { model: await loadModel(flipped) }
    cheats.sampler = { temperature: 0.9 }
    cheats.token = {
      opening: ({ outputTokens: [first, ...rest] }) => ({ outputTokens: [(first! + 1) % 200, ...rest] }),
    }
    cheats.text = { opening: ({ outputText }) => ({ outputText: `${outputText}!` }) }
    cheats.finish = { opening: ({ finishReason }) => ({ finishReason: finishReason === 'stop' ? 'length' : 'stop' }) }
  })

  async function answer(number: number, { model = honest, temperature = 0.8, opening }: Cheat = {}) {
    const messages = [{ role: 'user', content: `${number}` }]
    const asked = { number, messages, sampler: { temperature: 0.8, topP: 0.95, maxTokens: 4 } }
    const run = await runChat(model, { ...jobOf(asked), temperature }, { trace: 'operators' })
    return signChat(honest, modelRoot, asked, run, opening)
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
    const kinds = Object.values(cheats)
    const cheated = await Promise.all(
      Array.from({ length: 8 * kinds.length }, (_, i) => answer(i, kinds[i % kinds.length])),
    )
    const found = await outcomes(cheated, 7)
    const honestly = await outcomes(await Promise.all(Array.from({ length: 40 }, (_, i) => answer(i))), 8)
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
