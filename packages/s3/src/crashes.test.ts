/**
 * The gateway in the simulator: power fails at any write, sectors are lost, the disk returns errors. What was
 * acknowledged is there afterwards, byte for byte; what was not is there whole or not at all; nothing is left over.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { before, describe, test } from 'node:test'
import type { Env } from '@weightless/env'
import { createSim, type Sim } from '@weightless/env/sim'
import type { Ledger } from '@weightless/ledger'
import { createHashStream } from './body/checksums.ts'
import { startS3Gateway } from './index.ts'
import { createMemoryBlobs, type MemoryBlobs } from './testing/memoryBlobs.ts'
import { signRequest, testCredentials } from './testing/signAndSend.ts'

const roundsMax = 6
const seeds = 6
const md5 = (text: string) => createHash('md5').update(text).digest('hex')

/** What the client knows: of each key the values that it may have now; '' is none. */
type Promised = {
  values: Map<string, Set<string>>
  /** Of each open upload its key and the part that was acknowledged. */
  uploads: Map<string, { key: string; text: string }>
}

describe('crashes', () => {
  // The simulator waits for no real work, so hashers are made before.
  before(async () => {
    const streams = await Promise.all(Array.from({ length: 12 }, () => createHashStream('MD5')))
    for (const stream of streams) stream.digest()
  })

  test(`acknowledged objects and parts survive, ${seeds} seeds`, async () => {
    let crashes = 0
    for (let seed = 1; seed <= seeds; seed++) {
      const sim = createSim({ seed })
      const blobs = createMemoryBlobs()
      const promised: Promised = { values: new Map(), uploads: new Map() }
      for (let round = 0; round < roundsMax; round++) {
        const isCalm = round === roundsMax - 1
        const env = sim.boot('gate')
        sim.faults.sectorLossChance = 0.3
        sim.faults.diskErrorChance = !isCalm && sim.random.chance(0.25) ? 0.02 : 0
        if (!isCalm && round > 0) sim.disk('gate').crashAtChange(1 + sim.random.integer(60))
        await sim.run(Promise.race([work(env, sim, blobs, promised, isCalm), sim.whenDown('gate')]))
        if (!sim.isAlive('gate')) crashes++
        sim.crash('gate')
        sim.disk('gate').crashAtChange(0)
      }
    }
    assert.ok(crashes > seeds, `${crashes} crashes are too few to say anything`)
  })
})

async function work(env: Env, sim: Sim, blobs: MemoryBlobs, promised: Promised, isCalm: boolean): Promise<void> {
  const ledger = { address: `0x${'11'.repeat(20)}` } as Ledger
  const options = { env, disk: env.disk.folder('s3'), indexerUrl: '', ledger, blobs, credentials: [testCredentials] }
  const gateway = await startS3Gateway({ ...options, host: 'gate' }).catch((fault) => {
    // An error of the disk is no corruption: it goes away.
    assert.match(String(fault.code), /^env\/disk|store\/log-failed/, String(fault))
  })
  if (!gateway) return
  const client = sim.boot('client')
  const send = async (method: string, path: string, query: Record<string, string> = {}, body = '') => {
    const url = 'http://gate:9000'
    const request = await signRequest(url, method, path, { query, body, signedMs: client.clock.nowMs() })
    const headers = Object.fromEntries(request.headers)
    const answer = await client.network.fetch(url + request.path, { method, headers, body: request.body })
    return { status: answer.status, text: await answer.text(), etag: answer.headers.etag }
  }
  await send('PUT', '/box')
  await check(send, promised)
  for (let step = 0; step < 12; step++) await act(send, sim, promised, `at event ${sim.eventCount()}, step ${step}`)
  await check(send, promised)
  if (!isCalm) return
  for (const [uploadId, { key, text }] of promised.uploads) {
    if (text !== '') assert.equal((await complete(send, key, uploadId, text)).status, 200)
    else await send('DELETE', `/box/${key}`, { uploadId })
    if (text !== '') assert.equal((await send('GET', `/box/${key}`)).text, text)
  }
  // An upload whose end was not acknowledged may still be open; nothing else has files.
  const { text: open } = await send('GET', '/box', { uploads: '' })
  for (const folder of await env.disk.list('s3/parts')) assert.ok(open.includes(folder), 'files of no upload are left')
  assert.deepEqual(await env.disk.list('s3/spool'), [])
}

type Send = (
  method: string,
  path: string,
  query?: Record<string, string>,
  body?: string,
) => Promise<{ status: number; text: string; etag: string | undefined }>

async function check(send: Send, { values, uploads }: Promised): Promise<void> {
  for (const [key, possible] of values) {
    const { status, text, etag } = await send('GET', `/box/${key}`)
    assert.ok(status === 200 || status === 404, text)
    const found = status === 200 ? text : ''
    assert.ok(possible.has(found), `${key} is none of what was put: ${found.slice(0, 60)}`)
    if (status === 200 && !etag!.includes('-')) assert.equal(etag, `"${md5(found)}"`)
    values.set(key, new Set([found]))
  }
  for (const [uploadId, { key, text }] of uploads) {
    const listed = await send('GET', `/box/${key}`, { uploadId })
    assert.equal(listed.status, 200, `${uploadId} was acknowledged: ${listed.text}`)
    if (text !== '') assert.ok(listed.text.includes(md5(text)), 'an acknowledged part is gone')
  }
}

async function act(send: Send, sim: Sim, { values, uploads }: Promised, text: string): Promise<void> {
  const key = `k${sim.random.integer(4)}`
  const before = values.get(key) ?? new Set([''])
  const choice = sim.random.integer(5)
  const content = choice === 0 ? text.repeat(20_000) : text
  if (choice <= 1) {
    values.set(key, new Set([...before, content]))
    if ((await send('PUT', `/box/${key}`, {}, content)).status === 200) values.set(key, new Set([content]))
  } else if (choice === 2) {
    values.set(key, new Set([...before, '']))
    if ((await send('DELETE', `/box/${key}`)).status === 204) values.set(key, new Set(['']))
  } else if (choice === 3 || uploads.size === 0) {
    const begun = await send('POST', `/box/${key}`, { uploads: '' })
    const uploadId = /<UploadId>(\w+)/.exec(begun.text)?.[1]
    if (begun.status !== 200 || uploadId === undefined) return
    uploads.set(uploadId, { key, text: '' })
    if ((await send('PUT', `/box/${key}`, { uploadId, partNumber: '1' }, text)).status === 200) {
      uploads.set(uploadId, { key, text })
    }
  } else {
    const [uploadId, upload] = [...uploads][0]!
    uploads.delete(uploadId)
    const current = values.get(upload.key) ?? new Set([''])
    values.set(upload.key, new Set([...current, upload.text]))
    const done = await complete(send, upload.key, uploadId, upload.text)
    if (done.status === 200 && upload.text !== '') values.set(upload.key, new Set([upload.text]))
  }
}

function complete(send: Send, key: string, uploadId: string, text: string): ReturnType<Send> {
  const part = `<Part><PartNumber>1</PartNumber><ETag>${md5(text)}</ETag></Part>`
  const document = `<CompleteMultipartUpload>${part}</CompleteMultipartUpload>`
  return send('POST', `/box/${key}`, { uploadId }, document)
}
