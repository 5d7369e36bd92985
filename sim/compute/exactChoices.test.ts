/** Biases, penalties and several answers on the exact engine, through provider and gateway: every receipt is re-executed. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Bundle, type ChatOpening, choicesOf } from '@weightless/receipt'
import { loadModel } from '@weightless/tensor'
import { createExactStage, eventsOf, headers, weights } from './exactStage.ts'

const { tokenizer } = await loadModel(weights)
const asked = {
  model: 'tiny',
  messages: [{ role: 'user', content: 'Say something.' }],
  max_tokens: 16,
  seed: 5,
  temperature: 0.9,
}

const stage = createExactStage()
const { ask, bundleOf, verify, verified } = stage
const reasonOf = async (answer: Response) => {
  const { error } = (await answer.json()) as { error: { code: string; param: string | null } }
  return `${answer.status} ${error.code} ${error.param}`
}

describe('an exact engine with biases, penalties and several answers', () => {
  before(stage.open)
  after(stage.close)

  test('a token with a bias of −100 does not come, one with 100 always does, and the receipt says so', async () => {
    const free = await bundleOf(await ask(asked))
    const banned = free.opening.outputTokens[0]!
    const answer = await ask({ ...asked, logit_bias: { [banned]: -100, 7: 0 } })
    const bundle = await verified(answer)
    assert.ok(!bundle.opening.outputTokens.includes(banned))
    assert.deepEqual(bundle.opening.sampler.logitBias, [[banned, -100]])
    const wanted = free.opening.outputTokens[3]!
    const always = await verified(await ask({ ...asked, logit_bias: { [wanted]: 100 } }))
    assert.deepEqual(new Set(always.opening.outputTokens), new Set([wanted]))
    const unbiased = { ...bundle, opening: { ...bundle.opening, sampler: free.opening.sampler } }
    const verdict = await verify(unbiased)
    assert.equal(verdict.accepted ? '' : verdict.fault, 'commitment')
  })

  test('penalties keep an answer from repeating itself', async () => {
    const greedy = { ...asked, temperature: 0, max_tokens: 40 }
    const distinct = ({ opening }: Bundle<ChatOpening>) => new Set(opening.outputTokens).size
    const likely = (await bundleOf(await ask(greedy))).opening.outputTokens[0]!
    const pushed = { ...greedy, logit_bias: { [likely]: 1.5 } }
    const plain = await verified(await ask(pushed))
    const frequency = await verified(await ask({ ...pushed, frequency_penalty: 2 }))
    const presence = await verified(await ask({ ...pushed, presence_penalty: 2, frequency_penalty: 0 }))
    assert.ok(distinct(frequency) > distinct(plain), `${distinct(plain)} < ${distinct(frequency)}`)
    assert.ok(distinct(presence) > distinct(plain), `${distinct(plain)} < ${distinct(presence)}`)
    assert.deepEqual(Object.keys(presence.opening.sampler), [
      'temperature',
      'topP',
      'maxTokens',
      'presencePenalty',
      'logitBias',
    ])
  })

  test('several answers: the first is the one that comes alone, the prompt is counted once, one receipt for all', async () => {
    const alone = (await (await ask(asked)).json()) as Completion
    const answer = await ask({ ...asked, n: 3 })
    const whole = (await answer.json()) as Completion
    assert.deepEqual(
      whole.choices.map(({ index }) => index),
      [0, 1, 2],
    )
    const texts = whole.choices.map(({ message }) => message!.content)
    assert.equal(texts[0], alone.choices[0]!.message!.content)
    assert.equal(new Set(texts).size, 3)
    const bundle = await verified(answer)
    assert.deepEqual(
      choicesOf(bundle.opening).map(({ outputText }) => outputText),
      texts,
    )
    assert.equal(whole.usage.prompt_tokens, alone.usage.prompt_tokens)
    const count = choicesOf(bundle.opening).reduce((sum, { outputTokens }) => sum + outputTokens.length, 0)
    assert.equal(whole.usage.completion_tokens, count)
    assert.equal(bundle.receipt.fee, BigInt(whole.usage.prompt_tokens) * 1_000n + BigInt(count) * 2_000n)
  })

  test('several answers streamed, and of a raw prompt', async () => {
    const whole = (await (await ask({ ...asked, n: 3 })).json()) as Completion
    const stream = await ask({ ...asked, n: 3, stream: true, stream_options: { include_usage: true } })
    const events = eventsOf(await stream.text())
    for (const { index, message, finish_reason } of whole.choices) {
      const own = events.flatMap(({ choices }) => choices).filter((choice) => choice.index === index)
      assert.equal(own.map(({ delta }) => delta.content ?? '').join(''), message!.content)
      assert.equal(own.at(-1).finish_reason, finish_reason)
    }
    assert.deepEqual(events.at(-1).usage, whole.usage)
    await verified(stream)
    const { messages: _, ...rest } = asked
    const prompt = { ...rest, prompt: 'Once', n: 2, logit_bias: { 3: 5 } }
    const completion = await ask(prompt, 'completions')
    const { choices } = (await completion.json()) as Completion
    assert.deepEqual(
      choices.map(({ index, text }) => [index, typeof text]),
      [
        [0, 'string'],
        [1, 'string'],
      ],
    )
    await verified(completion)
  })

  test('a client that leaves pays what it was sent of each answer', async () => {
    const leaving = new AbortController()
    const noStop = Object.fromEntries(tokenizer.tables.stopTokens.map((token) => [token, -100]))
    const body = JSON.stringify({ ...asked, n: 2, max_tokens: 300, stream: true, logit_bias: noStop })
    const answer = await fetch(`${stage.gatewayUrl()}/v1/chat/completions`, {
      method: 'POST',
      headers,
      body,
      signal: leaving.signal,
    })
    const reader = answer.body!.getReader()
    await reader.read()
    await reader.read()
    leaving.abort()
    const { opening } = await verified(answer)
    for (const { finishReason, outputTokens } of choicesOf(opening)) {
      assert.ok(finishReason === 'cancelled' || finishReason === 'length')
      assert.ok(outputTokens.length <= 300)
    }
  })

  test('lies about one of several answers are named', async () => {
    const bundle = await bundleOf(await ask({ ...asked, n: 2 }))
    const { opening } = bundle
    const [second] = opening.more!
    const lies: Partial<ChatOpening>[] = [
      { more: [{ ...second!, outputText: `${second!.outputText}!` }] },
      { more: [{ ...second!, outputTokens: second!.outputTokens.slice(1) }] },
      { traceRoots: opening.traceRoots!.toReversed() },
      { shape: { ...opening.shape!, schema: '{}' } },
    ]
    for (const lie of lies) {
      const verdict = await verify({ ...bundle, opening: { ...opening, ...lie } })
      assert.equal(verdict.accepted ? '' : verdict.fault, 'commitment', Object.keys(lie).join())
    }
  })

  test('what cannot be is refused by name', async () => {
    const cases: [object, string][] = [
      [{ n: 17 }, '400 invalid_value n'],
      [{ n: 0 }, '400 invalid_value n'],
      [{ logit_bias: { 5: 101 } }, '400 invalid_value logit_bias.5'],
      [{ logit_bias: { five: 1 } }, '400 invalid_value logit_bias.five'],
      [{ logit_bias: { '05': 1 } }, '400 invalid_value logit_bias.05'],
      [{ logit_bias: { [tokenizer.vocabSize]: 1 } }, '400 invalid_request null'],
      [{ presence_penalty: 2.1 }, '400 invalid_value presence_penalty'],
      [{ frequency_penalty: '1' }, '400 invalid_value frequency_penalty'],
      [
        { logit_bias: Object.fromEntries(Array.from({ length: 1_025 }, (_, at) => [at, 1])) },
        '400 invalid_value logit_bias',
      ],
    ]
    for (const [change, expected] of cases) {
      assert.equal(await reasonOf(await ask({ ...asked, ...change })), expected, Object.keys(change).join())
    }
  })
})

type Completion = {
  choices: { index: number; finish_reason: string; message?: { content: string }; text?: string }[]
  usage: { prompt_tokens: number; completion_tokens: number }
}
