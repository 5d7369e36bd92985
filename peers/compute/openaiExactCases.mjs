// What OpenAI's own client asks of an exact engine beyond a free answer. Returns the ids of the receipts, for whoever verifies them.
import assert from 'node:assert/strict'

const schema = {
  type: 'object',
  properties: {
    colour: { type: 'string', enum: ['red', 'green', 'blue'] },
    amount: { type: 'integer' },
    bright: { type: 'boolean' },
  },
  required: ['colour', 'amount', 'bright'],
  additionalProperties: false,
}
const paint = { type: 'function', function: { name: 'paint', description: 'Paints a wall.', parameters: schema } }

function checkValue({ colour, amount, bright, ...others }) {
  assert.ok(schema.properties.colour.enum.includes(colour))
  assert.ok(Number.isInteger(amount))
  assert.equal(typeof bright, 'boolean')
  assert.deepEqual(others, {})
}

export async function runExactCases(client, model) {
  const messages = [{ role: 'user', content: 'Paint the wall in a colour, how much, and bright or not?' }]
  const request = { model, messages, max_tokens: 200, seed: 42, temperature: 0.7 }
  const receipts = {}
  const ask = async (name, change) => {
    const { data, response } = await client.chat.completions.create({ ...request, ...change }).withResponse()
    receipts[name] = response.headers.get('x-weightless-receipt')
    return data
  }

  const alone = await ask('alone', { max_tokens: 12 })
  const two = await ask('several', { max_tokens: 12, n: 2 })
  assert.equal(two.choices.length, 2)
  assert.equal(two.choices[0].message.content, alone.choices[0].message.content)
  assert.notEqual(two.choices[1].message.content, two.choices[0].message.content)
  assert.equal(two.usage.prompt_tokens, alone.usage.prompt_tokens)

  const greedy = { max_tokens: 4, temperature: 0, logprobs: true }
  const chosen = ({ choices }) => new Set(choices[0].logprobs.content.map(({ token }) => token))
  const one = await ask('biased', { ...greedy, logit_bias: { 70: 100, 71: 100 } })
  const other = await ask('banned', { ...greedy, logit_bias: { 70: -100, 71: 100 } })
  assert.ok(chosen(one).size <= 2 && chosen(other).size === 1)
  const last = await ask('banned other', { ...greedy, logit_bias: { 70: 100, 71: -100 } })
  assert.notDeepEqual(chosen(last), chosen(other))
  await ask('penalised', { max_tokens: 12, presence_penalty: 1.5, frequency_penalty: 0.5 })

  const { data: parsed, response } = await client.chat.completions
    .create({
      ...request,
      response_format: { type: 'json_schema', json_schema: { name: 'wall', strict: true, schema } },
    })
    .withResponse()
  receipts.schema = response.headers.get('x-weightless-receipt')
  checkValue(JSON.parse(parsed.choices[0].message.content))

  const tool_choice = { type: 'function', function: { name: 'paint' } }
  const called = await ask('called', { tools: [paint], tool_choice })
  assert.equal(called.choices[0].finish_reason, 'tool_calls')
  const [call] = called.choices[0].message.tool_calls
  assert.equal(call.function.name, 'paint')
  checkValue(JSON.parse(call.function.arguments))
  // The client's own accumulator of streamed calls.
  const streamed = await client.chat.completions
    .stream({ ...request, tools: [paint], tool_choice })
    .finalChatCompletion()
  assert.deepEqual(streamed.choices[0].message.tool_calls[0].function.arguments, call.function.arguments)
  const result = { role: 'tool', tool_call_id: call.id, content: 'painted' }
  await ask('result', { messages: [...messages, called.choices[0].message, result], tools: [paint], max_tokens: 8 })

  await runResponses(client, model, receipts)
  await assert.rejects(
    client.chat.completions.create({
      ...request,
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'x', schema: { type: 'string', pattern: '(?<=a)b' } },
      },
    }),
    (error) => error.status === 400 && error.code === 'unsupported_parameter' && /pattern/.test(error.message),
  )
  return receipts
}

/** The same by the Responses API, through the client's own accumulator of events. */
async function runResponses(client, model, receipts) {
  const input = [{ role: 'user', content: 'Paint the wall in a colour, how much, and bright or not?' }]
  const request = { model, input, max_output_tokens: 200, seed: 42, temperature: 0.7 }
  const format = { type: 'json_schema', name: 'wall', strict: true, schema }
  const { data: parsed, response } = await client.responses.parse({ ...request, text: { format } }).withResponse()
  receipts['response schema'] = response.headers.get('x-weightless-receipt')
  checkValue(JSON.parse(parsed.output_text))

  const { type, function: painting } = paint
  const tools = [{ type, strict: true, ...painting }]
  const forced = { ...request, tools, tool_choice: { type, name: 'paint' } }
  const whole = await client.responses.create(forced)
  receipts['response call'] = whole.id
  const [call] = whole.output
  assert.deepEqual(
    [whole.status, whole.output.length, call.type, call.name],
    ['completed', 1, 'function_call', 'paint'],
  )
  checkValue(JSON.parse(call.arguments))
  const stream = client.responses.stream(forced)
  let snapshot = ''
  stream.on('response.function_call_arguments.delta', (event) => {
    snapshot = event.snapshot
  })
  const final = await stream.finalResponse()
  receipts['response call streamed'] = final.id
  assert.deepEqual([final.output[0].arguments, snapshot], [call.arguments, call.arguments])

  const result = { type: 'function_call_output', call_id: call.call_id, output: 'painted' }
  const next = { ...request, input: [...input, ...whole.output, result], tools, max_output_tokens: 8 }
  receipts['response result'] = (await client.responses.create(next)).id
  await assert.rejects(
    client.responses.create({ ...request, tools: [{ type: 'web_search' }] }),
    (error) => error.status === 400 && error.param === 'tools',
  )
}
