import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { alarmRateMax, boundsOf, describeAlarms } from './printBounds.ts'
import { drawsFrom } from './printedAnswer.cases.ts'
import { createPrintScale, type DeclaredSampler } from './weighPrint.ts'

describe('what is known of false alarms', () => {
  test('the bound of the rate is Clopper and Pearson’s', () => {
    // None: the n-th root of 0.05. Others: the quantiles of R's qbeta(0.95, k + 1, n − k).
    assert.ok(Math.abs(alarmRateMax({ weighed: 10_000, refused: 0 }) - (1 - 0.05 ** 1e-4)) < 1e-12)
    assert.ok(Math.abs(alarmRateMax({ weighed: 10, refused: 1 }) - 0.394163) < 1e-6)
    assert.ok(Math.abs(alarmRateMax({ weighed: 100, refused: 5 }) - 0.102253) < 1e-6)
    assert.equal(alarmRateMax({ weighed: 0, refused: 0 }), 1)
  })

  test('a model that nobody measured has the widest bounds, and no rate', () => {
    const { bounds, honest } = boundsOf(`0x${'00'.repeat(32)}`)
    assert.deepEqual([bounds.error, honest], [0.2, undefined])
    assert.match(describeAlarms(honest), /not known/)
    assert.equal(
      describeAlarms({ weighed: 5_000, refused: 0 }),
      'of 5000 honest answers of llama.cpp on a processor 0 were refused, so that its false alarms are below 0.060 % with 95 % confidence; of other engines no rate is known',
    )
  })

  test('the pages state what verdicts state', () => {
    const models = {
      'the small model': '0x9583d74a1ea703b9baaa86414acf63e80156a8ec3ca8f0578b302d5358dc067e',
      SmolLM2: '0x6a9a2e28432daea75365523a808e81a1ca3720e37117500f75e1b6259474a7fa',
    } as const
    const page = (path: string) => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8')
    const [spec, results] = [page('spec/fingerprint.md'), page('bench/RESULTS.md')]
    for (const [name, root] of Object.entries(models)) {
      const honest = boundsOf(root).honest!
      const weighed = honest.weighed.toLocaleString('en')
      const most = `${(100 * alarmRateMax(honest)).toPrecision(2)} %`
      assert.ok(spec.includes(`${weighed} of ${name} weighed, ${honest.refused} refused`), `spec: ${name}, ${weighed}`)
      assert.ok(spec.includes(`below ${most}`) && results.includes(`below ${most}`), `${name}: ${most}`)
      assert.ok(results.includes(`${weighed}, **${honest.refused}**`), `results: ${name}, ${weighed}`)
    }
  })
})

describe('how surprising the choice of tokens is', () => {
  const tokens = 60
  const declared: DeclaredSampler = { temperature: 1, topP: 1, cut: 'after-temperature', shown: 'model', asked: 5 }

  /** Answers drawn from logits of lots at one temperature, weighed by a sampler that is declared. */
  function choices(temperature: number, answers: number, positions: number): number[] {
    const draw = drawsFrom(11)
    return Array.from({ length: answers }, () => {
      const scale = createPrintScale(declared, () => true)
      for (let position = 0; position < positions; position++) {
        // From flat to nearly certain: what one sum of squares would misjudge.
        const steep = 0.2 + 12 * draw()
        const logits = Float32Array.from({ length: tokens }, () => steep * draw())
        const best = Math.max(...logits)
        const weights = Array.from(logits, (logit) => Math.exp((logit - best) / temperature))
        let point = draw() * weights.reduce((sum, weight) => sum + weight, 0)
        const chosen = weights.findIndex((weight) => {
          point -= weight
          return point <= 0
        })
        scale.add({ logits, chosen: Math.max(0, chosen), top: [] })
      }
      return scale.figures().choice
    })
  }
  test('honest choices are beyond c no more often than Chernoff has it, and others far more often', () => {
    const honest = choices(1, 1_000, 20)
    const beyond = (list: readonly number[], c: number) => list.filter((one) => Math.abs(one) > c).length / list.length
    for (const c of [2.5, 3, 3.5])
      assert.ok(beyond(honest, c) <= 7 * Math.exp((-c * c) / 2), `${c}: ${beyond(honest, c)}`)
    assert.equal(beyond(honest, 4.5), 0)
    assert.ok(Math.max(...honest) > 1.5 && Math.min(...honest) < -1.5, 'lots differ')
    const hot = choices(3, 200, 80)
    const cold = choices(0.2, 200, 80)
    assert.ok(beyond(hot, 4.5) > 0.9 && Math.min(...hot) > 0, `${beyond(hot, 4.5)}`)
    assert.ok(beyond(cold, 4.5) > 0.9 && Math.max(...cold) < 0, `${beyond(cold, 4.5)}`)
  })
})
