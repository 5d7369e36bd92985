/** Fragments sealed where they lie: the same bytes for readers, sealed ones for the miner, whatever comes in between. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bytesEqual } from '@weightless/codec'
import { keccak256, type SealTag, unsealInPlace } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import { openFragmentStore } from '../holder/fragmentStore.ts'
import { toSubmission } from '../node/submission.ts'
import { codeFile } from '../testing/codedFile.ts'
import { makeFile, openFile, withEnv } from '../testing/storageClient.ts'
import { decodeFragmentFrame, encodeFragmentFrame } from '../wire/index.ts'
import { createFlowMap } from './flowMap.ts'
import { type SealableFragments, sealAtRest } from './sealAtRest.ts'

const file = openFile(makeFile(8 * 262_144 + 70_000))
const coded = codeFile(file.bytes, file.tree, { dataRows: 4, parityRows: 2 })
const key = 'ab'.repeat(20)
const tag: SealTag = {
  minerId: keccak256(new Uint8Array(1)),
  contextDigest: keccak256(new Uint8Array(2)),
  startSector: 4096,
}
const frameOf = (stripe: number, row = 0): Uint8Array => encodeFragmentFrame(coded.fragment(stripe, row)!)

async function open(env: Env): Promise<SealableFragments> {
  const events = { onStored: () => undefined, onLost: () => undefined }
  return sealAtRest(await openFragmentStore({ clock: env.clock, disk: env.disk, log: env.log }, events), env.tasks)
}

describe('sealing at rest', () => {
  test('readers get what came, the miner what is sealed, also after a restart', async () => {
    await withEnv(async ({ env, openAgain }) => {
      const first = await open(env)
      for (const stripe of [0, 1]) assert.ok(await first.add(key, stripe, frameOf(stripe)))
      assert.equal(await first.readSeals(key, 0), undefined)
      assert.equal(await first.seal(key, 0, tag), 'sealed')
      assert.equal(await first.seal(key, 7, tag), 'absent')
      await first.close()
      const again = await open(openAgain())
      assert.deepEqual(await again.read(key, 0, file.bytes.length), frameOf(0))
      assert.deepEqual(await again.read(key, 1, file.bytes.length), frameOf(1))
      const { seals, tag: kept } = (await again.readSeals(key, 0))!
      assert.deepEqual(kept, tag)
      const last = seals.slice(-4096)
      assert.ok(!bytesEqual(last, file.bytes.slice(262_144 - 4096, 262_144)))
      unsealInPlace(last, { ...tag, startSector: tag.startSector + 63 * 16 })
      assert.deepEqual(last, file.bytes.slice(262_144 - 4096, 262_144))
      await again.close()
    })
  })

  test('a new tag seals anew; parity and less than a seal stay plain', async () => {
    await withEnv(async ({ env }) => {
      const fragments = await open(env)
      await fragments.add(key, 0, frameOf(0))
      const other = { ...tag, contextDigest: keccak256(new Uint8Array(3)) }
      assert.equal(await fragments.seal(key, 0, tag), 'sealed')
      assert.equal(await fragments.seal(key, 0, other), 'sealed')
      assert.deepEqual((await fragments.readSeals(key, 0))!.tag, other)
      assert.deepEqual(await fragments.read(key, 0, file.bytes.length), frameOf(0))
      await fragments.add(key, 1, frameOf(1, 4))
      assert.equal(await fragments.seal(key, 1, tag), 'too-short')
      const short = { ...coded.fragment(0, 0)!, data: new Uint8Array(3840) }
      await fragments.add(key, 2, encodeFragmentFrame(short))
      assert.equal(await fragments.seal(key, 2, tag), 'too-short')
      await fragments.close()
    })
  })

  test('a fragment that comes while it is being sealed is what stays', async () => {
    await withEnv(async ({ env }) => {
      const fragments = await open(env)
      const old = encodeFragmentFrame({ ...coded.fragment(0, 0)!, rowRoot: keccak256(new Uint8Array(4)) })
      await fragments.add(key, 0, old)
      const sealing = fragments.seal(key, 0, tag)
      assert.ok(await fragments.add(key, 0, frameOf(0)))
      assert.equal(await sealing, 'changed')
      assert.deepEqual(await fragments.read(key, 0, file.bytes.length), frameOf(0))
      assert.equal(await fragments.readSeals(key, 0), undefined)
      await fragments.close()
    })
  })

  test('a frame that only begins like a sealed record is no sealed record', async () => {
    await withEnv(async ({ env }) => {
      const fragments = await open(env)
      const record = new Uint8Array(500)
      record.set([0x57, 0x4c, 0x58, 0x31])
      await fragments.records.add(key, 0, record)
      assert.equal(await fragments.readSeals(key, 0), undefined)
      const read = await fragments.read(key, 0, 1)
      assert.equal(decodeFragmentFrame(read!).ok, false)
      await fragments.close()
    })
  })
})

test('the map of the flow names first places, follows new ones and forgets what was taken back', () => {
  const root = { root: keccak256(new Uint8Array(9)), height: 11 }
  const other = { root: keccak256(new Uint8Array(8)), height: 4 }
  const event = (seq: number, startSector: number, node: typeof root) =>
    toSubmission({ seq, startSector, sizeBytes: 256 * 2 ** node.height, nodes: [node], blockNumber: seq })
  const flow = [event(0, 16, other), event(1, 2048, root)]
  const map = createFlowMap({ count: () => flow.length, get: (seq) => flow[seq] })
  const startsIn = (segment: number) => map.between(1024 * segment, 1024 * segment + 1024).map(({ seq }) => seq)
  assert.deepEqual([0, 1, 2, 3, 4].map(startsIn), [[0], [], [1], [1], []])
  // paid already: it comes again at its old place; expired: at a new one, and the first stays its place
  flow.push(event(2, 2048, root), event(3, 4096, root))
  assert.deepEqual([2, 4].map(startsIn), [[1], [3]])
  assert.equal(map.placeOf(flow[1]!.fileKey)!.seq, 1)
  flow.length = 1
  flow.push(event(1, 1024, root))
  assert.deepEqual([1, 2, 3, 4].map(startsIn), [[1], [1], [], []])
  assert.equal(map.placeOf(flow[1]!.fileKey)!.startSector, 1024)
})
