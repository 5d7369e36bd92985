// What people do with OpenAI's own client, against any base URL: OPENAI_BASE_URL, OPENAI_API_KEY, MODEL.
import assert from 'node:assert/strict'
import OpenAI from 'openai'

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

  await assert.rejects(client.chat.completions.create({ ...request, n: 2 }), (error) => {
    return error instanceof OpenAI.BadRequestError && error.code === 'unsupported_parameter' && error.param === 'n'
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
  return seen
}

if (import.meta.filename === process.argv[1]) {
  const { OPENAI_BASE_URL: baseURL, OPENAI_API_KEY: apiKey, MODEL: model } = process.env
  console.log(JSON.stringify(await runOpenaiCases({ baseURL, apiKey, model })))
}
