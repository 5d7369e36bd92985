// What people do with OpenAI's own client, against any base URL: OPENAI_BASE_URL, OPENAI_API_KEY, MODEL.
import assert from 'node:assert/strict'
import OpenAI from 'openai'
import { runExactCases } from './openaiExactCases.mjs'

export async function runOpenaiCases({ baseURL, apiKey, model }) {
  const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 })
  const messages = [
    { role: 'system', content: 'You answer briefly.' },
    { role: 'user', content: 'Name a colour, naïvely: 🎨' },
  ]
  const seen = {}

  const models = await client.models.list()
  assert.ok(models.data.some(({ id }) => id === model))
  assert.equal((await client.models.retrieve(model)).id, model)

  const request = { model, messages, max_tokens: 16, seed: 42, temperature: 0.7, top_p: 0.9 }
  const whole = await client.chat.completions.create(request)
  assert.equal(whole.object, 'chat.completion')
  assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens)
  seen.text = whole.choices[0].message.content

  const { data: stream, response } = await client.chat.completions
    .create({ ...request, stream: true, stream_options: { include_usage: true } })
    .withResponse()
  assert.match(response.headers.get('x-weightless-receipt'), /^chatcmpl-/)
  let text = ''
  let usage
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? ''
    usage = chunk.usage ?? usage
  }
  assert.equal(text, seen.text, 'streamed and whole answers differ')
  assert.deepEqual(usage, whole.usage)

  const listed = await client.chat.completions.create({ ...request, logprobs: true, top_logprobs: 2, stop: ['zzz'] })
  assert.equal(listed.choices[0].logprobs.content.length >= 1, true)

  await assert.rejects(client.chat.completions.create({ ...request, n: 17 }), (error) => {
    return error instanceof OpenAI.BadRequestError && error.code === 'invalid_value' && error.param === 'n'
  })
  await assert.rejects(client.chat.completions.create({ ...request, model: 'nobody-has-this' }), OpenAI.NotFoundError)
  const stranger = new OpenAI({ baseURL, apiKey: 'sk-wrong', maxRetries: 0 })
  await assert.rejects(stranger.chat.completions.create(request), OpenAI.AuthenticationError)

  const long = await client.chat.completions.create({ ...request, max_tokens: 400, stream: true })
  let chunks = 0
  for await (const _ of long) {
    chunks++
    if (chunks === 4) break
  }
  assert.equal(chunks, 4)
  seen.usage = whole.usage
  await runCompletions(client, model)
  await runResponses(client, model)
  seen.receipts = await runExactCases(client, model)
  return seen
}

async function runCompletions(client, model) {
  const request = { model, prompt: 'Once upon a time', max_tokens: 12, seed: 42, temperature: 0.7 }
  const whole = await client.completions.create({ ...request, logprobs: 2 })
  assert.equal(whole.object, 'text_completion')
  assert.equal(whole.usage.completion_tokens, whole.choices[0].logprobs.tokens.length)
  let text = ''
  let usage
  for await (const chunk of await client.completions.create({
    ...request,
    stream: true,
    stream_options: { include_usage: true },
  })) {
    text += chunk.choices[0]?.text ?? ''
    usage = chunk.usage ?? usage
  }
  assert.equal(text, whole.choices[0].text, 'streamed and whole completions differ')
  assert.deepEqual(usage, whole.usage)
  await assert.rejects(client.completions.create({ ...request, echo: true }), (error) => error.param === 'echo')
}

async function runResponses(client, model) {
  const request = {
    model,
    instructions: 'You answer briefly.',
    input: 'Name a colour.',
    max_output_tokens: 12,
    seed: 42,
  }
  const whole = await client.responses.create(request)
  assert.ok(['completed', 'incomplete'].includes(whole.status))
  assert.equal(whole.usage.total_tokens, whole.usage.input_tokens + whole.usage.output_tokens)
  let text = ''
  let last
  for await (const event of await client.responses.create({ ...request, stream: true })) {
    if (event.type === 'response.output_text.delta') text += event.delta
    last = event
  }
  assert.equal(text, whole.output_text, 'streamed and whole responses differ')
  assert.equal(last.type, `response.${whole.status}`)
  assert.equal(last.response.output[0].content[0].text, whole.output_text)
  // The client's own accumulator, which is strict about the order of events.
  const collected = await client.responses.stream(request).finalResponse()
  assert.equal(collected.output_text, whole.output_text)
  const next = await client.responses.create({
    ...request,
    input: [{ role: 'user', content: request.input }, ...whole.output, { role: 'user', content: 'Another one.' }],
  })
  assert.equal(next.object, 'response')
  await assert.rejects(client.responses.create({ ...request, previous_response_id: whole.id }), (error) => {
    return error.status === 400 && error.param === 'previous_response_id'
  })
}

if (import.meta.filename === process.argv[1]) {
  const { OPENAI_BASE_URL: baseURL, OPENAI_API_KEY: apiKey, MODEL: model } = process.env
  console.log(JSON.stringify(await runOpenaiCases({ baseURL, apiKey, model })))
}
