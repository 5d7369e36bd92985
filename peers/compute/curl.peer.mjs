// curl against the devnet's gateway, as docs/clients.md shows it; says so and passes where there is no curl.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const { compute } = JSON.parse(readFileSync(process.env.WEIGHTLESS_DEVNET, 'utf8'))
const model = compute.providers.flatMap(({ models }) => models)[0]
const curl = (path, key, body) => {
  const data = body ? ['-H', 'content-type: application/json', '-d', JSON.stringify(body)] : []
  return spawnSync('curl', ['-sSN', '-H', `authorization: Bearer ${key}`, ...data, `${compute.gatewayUrl}${path}`], {
    encoding: 'utf8',
  })
}
const request = { model, messages: [{ role: 'user', content: 'Name a colour.' }], max_tokens: 12, temperature: 0 }
const whole = curl('/v1/chat/completions', compute.apiKey, request)
if (whole.error?.code === 'ENOENT') {
  console.log('not run: there is no curl here')
} else {
  const said = JSON.parse(whole.stdout).choices[0].message.content
  const { stdout } = curl('/v1/chat/completions', compute.apiKey, { ...request, stream: true })
  const events = stdout.split('\n\n').filter((event) => event.startsWith('data: {'))
  assert.equal(events.map((event) => JSON.parse(event.slice(6)).choices[0].delta.content ?? '').join(''), said)
  assert.equal(JSON.parse(curl('/v1/chat/completions', 'sk-wrong', request).stdout).error.code, 'invalid_api_key')
  console.log(`${model} said ${JSON.stringify(said)} to curl`)
}
