/** What Amazon's SDK, Amazon's command line and rclone really sent, sent again byte for byte, at the time they sent it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { openTestGateway } from './testing/openTestGateway.ts'
import { sendRaw } from './testing/sendRaw.ts'

type Recording = {
  startMs: number
  accessKeyId: string
  secretAccessKey: string
  exchanges: {
    method: string
    path: string
    headers: [string, string][]
    bodyGzip?: string
    status: number
    etag?: string
  }[]
}

describe('recorded clients', () => {
  for (const [name, exchangesMin] of [
    ['awsSdk', 25],
    ['awsCli', 20],
    ['rclone', 20],
  ] as const) {
    test(name, async () => {
      const file = new URL(`../../../vectors/s3/${name}.json`, import.meta.url)
      const { startMs, exchanges, accessKeyId, secretAccessKey } = JSON.parse(readFileSync(file, 'utf8')) as Recording
      assert.ok(exchanges.length >= exchangesMin)
      const gateway = await openTestGateway({ startMs, credentials: [{ accessKeyId, secretAccessKey }] })
      try {
        for (const { method, path, headers, bodyGzip, status, etag } of exchanges) {
          const body = bodyGzip === undefined ? new Uint8Array(0) : gunzipSync(Buffer.from(bodyGzip, 'base64'))
          const answer = await sendRaw(Number(new URL(gateway.url).port), { method, path, headers, body })
          assert.deepEqual([answer.status, answer.headers.etag], [status, etag], `${method} ${path}: ${answer.text}`)
        }
        // Signed for that time, they are worth nothing later.
        gateway.clock.nowMs += 8 * 86_400_000
        const { method, path, headers } = exchanges[1]!
        const late = await sendRaw(Number(new URL(gateway.url).port), {
          method,
          path,
          headers,
          body: new Uint8Array(0),
        })
        assert.equal(late.status, 403)
      } finally {
        await gateway.close()
      }
    })
  }
})
