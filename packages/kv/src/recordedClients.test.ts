/** What the unmodified published key-value clients asked, in their order, asked again: every answer is the one they worked with. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Hex, hexToBytes } from '@weightless/codec'
import { createNodeEnv } from '@weightless/env/node'
import { startKeyValueNode } from './startKeyValueNode.ts'
import { createScriptedLog } from './testing/scriptedLog.ts'
import { decodeStreamTags } from './wire/index.ts'

type Submitted = { content: string; tags: Hex; sender: Hex }
type Answer = { result?: { version?: number; size?: number } | unknown; error?: unknown }
type Step = { submitted: Submitted } | { method: string; params?: unknown[]; answer: Answer }
type Recording = { streamId: Hex; steps: Step[] }

const long = Buffer.from(Uint8Array.from({ length: 600_000 }, (_, at) => (at * 7 + (at >> 8) * 13) & 255))

for (const name of ['foundation-1.2.8', 'labs-0.3.3']) {
  test(`recorded key-value requests of ${name}`, async () => {
    const path = new URL(`../../../vectors/kv/recorded-${name}.json`, import.meta.url)
    const { streamId, steps } = JSON.parse(await readFile(path, 'utf8')) as Recording
    const dataFolder = await mkdtemp(join(tmpdir(), 'weightless-kv-'))
    const env = createNodeEnv({ dataFolder, log: 'silent' })
    const log = createScriptedLog()
    const network = { indexerUrl: '', flowAddress: streamId, chainId: 31337, source: log, content: log }
    const node = await startKeyValueNode({ env, port: 0, ...network })
    try {
      // Submissions of others that came before, so that versions are those of the recording.
      for (let seq = firstVersion(steps); seq > 0; seq--)
        log.submit(new Uint8Array([seq]), { sender: `0x${'1'.repeat(40)}` })
      let asked = 0
      for (const step of steps) {
        if ('submitted' in step) {
          const { content, tags, sender } = step.submitted
          const bytes = hexToBytes(content.replace('LIN', long.toString('hex')))
          const seq = log.submit(bytes, { sender, streamIds: decodeStreamTags(hexToBytes(tags))! })
          while (node.replica().result(seq) === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
          continue
        }
        if (isWaiting(step)) continue
        const { method, params, answer } = step
        const body = JSON.stringify({ jsonrpc: '2.0', id: 0.5, method, ...(params && { params }) })
        const headers = { 'content-type': 'application/json' }
        const response = await fetch(node.url, { method: 'POST', body, headers })
        const { id, jsonrpc, ...rest } = (await response.json()) as Answer & { id: unknown; jsonrpc: string }
        assert.deepEqual([id, jsonrpc], [0.5, '2.0'])
        if (method === 'kv_getHoldingStreamIds') assert.deepEqual(rest.result, [streamId])
        else assert.deepEqual(rest, expand(answer), body.slice(0, 200))
        asked++
      }
      assert.ok(asked > 25, `${asked} requests`)
    } finally {
      await node.close()
      await env.close()
      await rm(dataFolder, { recursive: true, force: true })
    }
  })
}

function firstVersion(steps: readonly Step[]): number {
  for (const step of steps) {
    if ('submitted' in step) continue
    const { version, size } = (step.answer.result ?? {}) as { version?: number; size?: number }
    if (size) return version!
  }
  throw new Error('the recording has no value')
}

/** The recorded node had not decided yet; ours has. */
function isWaiting({ method, params, answer }: Exclude<Step, { submitted: Submitted }>): boolean {
  const isKnown = ['a2V5MQ==', 'bG9uZw=='].includes(String(params?.[1]))
  return method === 'kv_getValue' && isKnown && (answer.result as { size: number }).size === 0
}

/** Puts the bytes of the long value back where the recording names them. */
function expand(answer: Answer): unknown {
  return JSON.parse(JSON.stringify(answer), (_, value: unknown) => {
    const match = typeof value === 'string' ? /^LIN (\d+):(\d+)$/.exec(value) : null
    if (!match) return value
    const [at, length] = match.slice(1).map(Number) as [number, number]
    return long.subarray(at, at + length).toString('base64')
  })
}
