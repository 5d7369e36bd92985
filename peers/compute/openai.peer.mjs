// OpenAI's client of npm, unmodified, against the devnet's gateway.
import { readFileSync } from 'node:fs'
import { runOpenaiCases } from './openaiCases.mjs'

const { compute } = JSON.parse(readFileSync(process.env.WEIGHTLESS_DEVNET, 'utf8'))
const model = compute.providers.flatMap(({ models }) => models)[0]
const seen = await runOpenaiCases({ baseURL: `${compute.gatewayUrl}/v1`, apiKey: compute.apiKey, model })
console.log(`${model} said ${JSON.stringify(seen.text)} for ${seen.usage.total_tokens} tokens`)
