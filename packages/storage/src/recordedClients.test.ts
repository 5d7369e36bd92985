/** What the unmodified published SDKs asked, in their order, asked again: every answer is the one they worked with. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { startStorage } from './index.ts'
import { createScriptedFlow } from './testing/scriptedFlow.ts'
import { chainId, flowAddress, makeFile, openFile, rpc, until, withEnv } from './testing/storageClient.ts'

type Answer = { result?: unknown; error?: unknown }
type Step = { submitted: number } | { method: string; params?: unknown[]; answer: Answer }
type Recording = { sizes: number[]; steps: Step[] }

for (const name of ['foundation-1.2.8', 'labs-0.3.3']) {
  test(`recorded requests of ${name}`, async () => {
    const path = new URL(`../../../vectors/storage/recorded-${name}.json`, import.meta.url)
    const { sizes, steps } = JSON.parse(readFileSync(path, 'utf8')) as Recording
    assert.ok(steps.length > 30)
    await withEnv(async ({ env, keep }) => {
      const source = createScriptedFlow()
      const { url } = await keep(startStorage({ env, source, flowAddress, chainId, port: 0 }))
      for (const step of steps) {
        if ('submitted' in step) {
          const seq = source.submit(openFile(makeFile(sizes[step.submitted]!)).tree)
          await until('seen', async () => (await rpc(url, 'zgs_getFileInfoByTxSeq', seq)).result !== null)
          continue
        }
        const { id, jsonrpc, ...answer } = await rpc(url, step.method, ...(expand(step.params ?? []) as unknown[]))
        assert.deepEqual([id, jsonrpc], [0.123456789012345, '2.0'])
        if (waitedForEntry(step)) continue
        assert.deepEqual(
          settle(answer),
          settle(expand(step.answer) as Answer),
          `${step.method} ${JSON.stringify(step.params)?.slice(0, 100)}`,
        )
      }
    })
  })
}

/** While the SDK waited for its submission the recorded node knew nothing; ours knows already. */
function waitedForEntry({ method, params, answer }: { method: string; params?: unknown[]; answer: Answer }): boolean {
  return (
    answer.result === null &&
    (method === 'zgs_getFileInfoByTxSeq' || (method === 'zgs_getFileInfo' && params?.[1] === true))
  )
}

/** Puts the bytes of the LIN file back where the recording names them. */
function expand(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(expand)
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, expand(inner)]))
  }
  const match = typeof value === 'string' ? /^LIN (\d+):(\d+):(\d+)$/.exec(value) : null
  if (!match) return value
  const [size, offset, length] = match.slice(1).map(Number) as [number, number, number]
  const padded = Buffer.alloc(length)
  padded.set(makeFile(size).subarray(offset, offset + length))
  return padded.toString('base64')
}

/** What differs from run to run: addresses, times, the height of the chain. */
function settle(answer: Answer): unknown {
  return JSON.parse(
    JSON.stringify(answer, (key, value: unknown) =>
      ['url', 'latency', 'since', 'logSyncHeight', 'logSyncBlock'].includes(key) ? typeof value : value,
    ),
  )
}
