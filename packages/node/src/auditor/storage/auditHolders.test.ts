/** Six real holders over HTTP with an indexer: one loses its row, one lies and signs for it, one is away; all others are clean. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Hex, uintToBytes } from '@weightless/codec'
import { checkEvidence, readEvidence } from '@weightless/compute'
import { encodeEvidence, type TargetEvidence } from '@weightless/compute/audit/evidence'
import { sprtStart } from '@weightless/compute/audit/sprt'
import { auditHolder } from '@weightless/compute/audit/storage/auditHolder'
import { findingOf } from '@weightless/contracts/drawTargets'
import { createNodeEnv, type NodeEnv } from '@weightless/env/node'
import { type HolderService, startHolder, startStorage } from '@weightless/storage'
import { codeFile } from '@weightless/storage/testing/codedFile'
import { createScriptedFlow } from '@weightless/storage/testing/scriptedFlow'
import { chainId, flowAddress, makeFile, openFile, until } from '@weightless/storage/testing/storageClient'
import { placementStage, type SignedPlacement, shownHeader, signShown } from '@weightless/storage/wire'
import { followSubmissions, type PaidFiles } from './followSubmissions.ts'
import { createHolderReader } from './readHolders.ts'

const redundancy = { dataRows: 4, parityRows: 2 }
const files = [openFile(makeFile(21 * 262_144 + 70_000)), openFile(makeFile(5 * 262_144).map((byte) => byte ^ 0x55))]
const source = createScriptedFlow()
const holders: HolderService[] = []
const beta: Hex = `0x${'5a'.repeat(32)}`
/** What the proxy before holder 5 does to a fragment and to the signature over it. */
let tamper: (frame: Uint8Array, signature: string) => { frame: Uint8Array; signature: string } | undefined
let folder: string
let env: NodeEnv
let indexer: Awaited<ReturnType<typeof startStorage>>
let proxy: { url: string; close(): Promise<void> }
let paid: PaidFiles
let isAway = false
const closers: (() => Promise<unknown>)[] = []

const keyOf = (index: number): Uint8Array => new Uint8Array(32).fill(index + 1)

async function start(index: number, publicUrl?: string): Promise<void> {
  holders[index] = await startHolder({
    ...{ env, source, flowAddress, chainId, port: 0, indexerUrls: [indexer.url], shard: null, announceMs: 200 },
    ...{ disk: env.disk.folder(`h${index}`), secretKey: keyOf(index), repair: { checkMs: 3_600_000 } },
    ...(publicUrl === undefined ? {} : { publicUrl }),
  })
}

/** Stands before holder 5 as its own address, and has its key. */
const serveProxy = () =>
  env.network.serve({
    port: 0,
    handler: async ({ path, query }) => {
      const asked = `${holders[5]!.url}${path}${query.size > 0 ? `?${query}` : ''}`
      const response = await env.network.fetch(asked)
      const body = await response.bytes(1 << 20)
      const signature = response.headers[shownHeader]
      const changed = signature === undefined ? undefined : tamper(body.slice(4), signature)
      if (!changed) {
        return { status: response.status, headers: signature === undefined ? {} : { [shownHeader]: signature }, body }
      }
      const headers = { [shownHeader]: changed.signature }
      return {
        status: 200,
        headers,
        body: Buffer.concat([uintToBytes(BigInt(changed.frame.length), 4), changed.frame]),
      }
    },
  })

/** Puts a file's rows on the six, has them sign, and tells everybody. */
async function place({ bytes, tree, root }: (typeof files)[number]): Promise<void> {
  const coded = codeFile(bytes, tree, redundancy)
  source.submit(tree)
  for (const [row, { url }] of holders.entries()) {
    const stored = await fetch(`${url}/fragments/${root}`, { method: 'POST', body: coded.body(row) as BodyInit })
    assert.equal(stored.status, 200)
  }
  const placement = coded.placement(
    holders.map(({ nodeId }) => nodeId),
    chainId,
  )
  const body = JSON.stringify({ ...placement, lastCommitment: coded.lastCommitment })
  const signatures: Hex[] = []
  for (const { url } of holders) {
    const answer = await fetch(`${url}/placement`, { method: 'POST', body })
    signatures.push(((await answer.json()) as { signature: Hex }).signature)
  }
  const signed: SignedPlacement = { ...placement, signatures }
  assert.equal(placementStage(signed), 'final')
  for (const url of [...holders.map((each) => each.url), indexer.url]) {
    const put = await fetch(`${url}/placement/${root}`, { method: 'PUT', body: JSON.stringify(signed) })
    assert.equal(put.status, 204)
  }
}

async function audit(index: number, round = 1n): Promise<TargetEvidence> {
  const reader = createHolderReader({ env, indexerUrl: indexer.url, chainId, files: paid })
  const id = holders[index]!.nodeId
  const { found } = await auditHolder(reader, { id, beta, before: sprtStart }, new AbortController().signal)
  const read = readEvidence(encodeEvidence({ round, auditor: `0x${'11'.repeat(20)}`, beta, targets: [found] }))
  assert.ok(read.ok, read.ok ? '' : read.detail)
  return read.value.targets[0]!
}

const check = (found: TargetEvidence) =>
  checkEvidence(
    { round: 1n, auditor: `0x${'11'.repeat(20)}`, beta, targets: [found] },
    { chainId: 1n, settlement: `0x${'22'.repeat(20)}`, openModel: async () => undefined },
  )

describe('audits of storage nodes', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weightless-holder-audits-'))
    env = createNodeEnv({ dataFolder: folder, log: 'silent' })
    indexer = await startStorage({
      env,
      source,
      flowAddress,
      chainId,
      port: 0,
      disk: env.disk.folder('gateway'),
      coded: { nodesExpected: 6 },
    })
    closers.push(() => indexer.close())
    proxy = await serveProxy()
    closers.push(() => proxy.close())
    tamper = () => undefined
    for (let index = 0; index < 6; index++) await start(index, index === 5 ? proxy.url : undefined)
    for (const [index, holder] of holders.entries()) {
      closers.push(async () => (index === 2 && isAway ? undefined : holder.close()))
    }
    await until('all announced', async () => {
      const nodes = (await (await fetch(`${indexer.url}/nodes`)).json()) as unknown[]
      return nodes.length === 6
    })
    for (const file of files) await place(file)
    paid = followSubmissions(env, source)
    closers.push(() => paid.close())
    await until(
      'the flow is known',
      async () => (await paid.find(files[1]!.root, files[1]!.bytes.length)) !== undefined,
    )
  })

  after(async () => {
    for (const close of closers.reverse()) await close()
    await env.close()
    await rm(folder, { recursive: true, force: true })
  })

  test('find all of them clean that have what they signed for, and what they showed is signed', async () => {
    for (const index of [0, 3, 5]) {
      const found = await audit(index)
      assert.equal(found.finding, findingOf.clean, JSON.stringify(found.outcomes[0]))
      assert.equal(found.outcomes.length, 8)
      assert.ok(found.outcomes.every(({ fragment }) => fragment?.shown))
      assert.ok(new Set(found.outcomes.map(({ fragment }) => `${fragment?.at} ${fragment?.stripe}`)).size > 1)
      assert.ok((await check(found)).every(({ agrees }) => agrees))
    }
  })

  test('find one that signs for another fragment with one reading, which anybody can judge', async () => {
    const { nodeId } = holders[5]!
    tamper = (frame) => {
      const read = frame.slice()
      read[read.length - 1]! ^= 1
      const view = new DataView(read.buffer)
      const stripe = Number(view.getBigUint64(12))
      const sizeBytes = Number(view.getBigUint64(4))
      const root = files.find(({ bytes }) => bytes.length === sizeBytes)!.root
      return {
        frame: read,
        signature: signShown({ chainId, root, sizeBytes, dataRows: 4, row: 5, stripe }, read, keyOf(5)),
      }
    }
    const found = await audit(5)
    assert.equal(found.finding, findingOf.faulty)
    assert.deepEqual(
      found.outcomes.map(({ verdict }) => verdict),
      ['wrong'],
    )
    assert.ok((await check(found)).every(({ agrees }) => agrees))
    // Nobody can make that up: neither with another frame, nor against another node, nor with a row that it never signed for.
    const [outcome] = found.outcomes
    const shown = outcome!.fragment!
    const forged = [
      { ...found, outcomes: [{ ...outcome!, fragment: { ...shown, frame: shown.frame!.with(9, 1) } }] },
      { ...found, id: holders[4]!.nodeId },
      { ...found, outcomes: [{ ...outcome!, fragment: { ...shown, stripe: shown.stripe ^ 1 } }] },
      {
        ...found,
        outcomes: [{ ...outcome!, fragment: { ...shown, placement: { ...shown.placement!, holders: [nodeId] } } }],
      },
    ]
    for (const other of forged) assert.ok((await check(other)).every(({ agrees }) => !agrees))
  })

  test('take bytes that nobody signed for a fragment that is not shown: no proof, and not one reading', async () => {
    tamper = (frame, signature) => ({ frame: frame.with(frame.length - 1, frame.at(-1)! ^ 1), signature })
    const found = await audit(5)
    assert.equal(found.finding, findingOf.faulty)
    assert.deepEqual(
      found.outcomes.map(({ verdict }) => verdict),
      ['missing', 'missing', 'missing'],
    )
    assert.ok(found.outcomes.every(({ fragment }) => fragment?.frame === undefined))
    tamper = () => undefined
  })

  test('find one that has lost what it signed for', async () => {
    const { fragments } = holders[1]!.holder
    for (const { fileKey } of fragments.files(8)) await fragments.records.removeAll(fileKey)
    const found = await audit(1)
    assert.equal(found.finding, findingOf.faulty)
    assert.ok(found.outcomes.every(({ verdict }) => verdict === 'missing'))
    assert.ok((await check(found)).every(({ agrees }) => agrees))
  })

  test('say that one is unreachable that is away, and nothing of files that nobody pays for any more', async () => {
    await holders[2]!.close()
    isAway = true
    assert.equal((await audit(2)).finding, findingOf.unreachable)
    source.setTime(1_000_000)
    source.payUntil(0, 900_000)
    source.payUntil(1, 1_030_000)
    assert.equal((await audit(1)).finding, findingOf.skipped)
  })
})
