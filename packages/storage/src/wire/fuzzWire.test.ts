/** Codecs of storage under damaged bytes: they never throw, never give more than there is, and take one form of a thing only. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bytesToHex, concatBytes, textToBytes } from '@weightless/codec'
import { damaged, damagedJson, fuzzRuns, oddJson } from '@weightless/codec/testing/fuzz'
import { ed25519PublicKey, segmentBytes } from '@weightless/crypto'
import fc from 'fast-check'
import { codeFile } from '../testing/codedFile.ts'
import { makeFile, openFile } from '../testing/storageClient.ts'
import {
  checkFragment,
  decodeFragmentFrame,
  decodeSegmentFrame,
  encodeDirectory,
  encodeFragmentFrame,
  encodeSegmentFrame,
  readDirectory,
  readNodeRecord,
  readPlacement,
  signNodeRecord,
  signPlacement,
} from './index.ts'
import { directoryMagic } from './readDirectory.ts'

const file = openFile(makeFile(segmentBytes + 700))
const coded = codeFile(file.bytes, file.tree, { dataRows: 2, parityRows: 1 })
const keys = [1, 2, 3].map((fill) => new Uint8Array(32).fill(fill))
const root = bytesToHex(file.tree.root)

describe('codecs of storage under fuzz', () => {
  test('of changed fragments only those decode that encode to the same bytes, and none passes with other data', () => {
    const small = openFile(makeFile(700))
    const few = codeFile(small.bytes, small.tree, { dataRows: 2, parityRows: 1 })
    const frames = [coded.fragment(0, 1)!, few.fragment(0, 0)!, few.fragment(0, 2)!].map(encodeFragmentFrame)
    const changes = fc.constantFrom(...frames).chain((frame) => damaged(frame).map((bytes) => ({ frame, bytes })))
    fc.assert(
      fc.property(changes, ({ frame, bytes }) => {
        const decoded = decodeFragmentFrame(bytes)
        if (!decoded.ok || Buffer.from(frame).equals(bytes)) return
        assert.deepEqual(encodeFragmentFrame(decoded.value), bytes)
        for (const { tree } of [small, file]) {
          if (!checkFragment(tree.root, tree.shape, decoded.value).ok) continue
          // A data row is no judge of the other rows' combinations; the coding root, which it does judge, is.
          const original = decodeFragmentFrame(frame)
          assert.ok(original.ok)
          const combinations = new Uint8Array(0)
          assert.ok(decoded.value.row < decoded.value.dataRows)
          assert.deepEqual({ ...decoded.value, combinations }, { ...original.value, combinations })
        }
      }),
      fuzzRuns(300),
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void decodeFragmentFrame(bytes)),
      fuzzRuns(200),
    )
    const head = frames[1]!.subarray(0, 64)
    fc.assert(
      fc.property(damaged(head), (bytes) => void decodeFragmentFrame(concatBytes([bytes, frames[1]!.subarray(64)]))),
      fuzzRuns(500),
    )
  })

  test('of changed segments only those decode that encode to the same bytes', () => {
    const { index, data, proof, fileSize } = file.segment(1)
    const lemma = proof.lemma.map((hash) => new Uint8Array(Buffer.from(hash.slice(2), 'hex')))
    const bytes = new Uint8Array(Buffer.from(data, 'base64'))
    const frame = encodeSegmentFrame({ index, sizeBytes: fileSize, proof: { lemma, path: proof.path }, data: bytes })
    fc.assert(
      fc.property(fc.oneof(damaged(frame), fc.uint8Array({ maxLength: 300 })), (changed) => {
        const decoded = decodeSegmentFrame(changed)
        if (decoded.ok) assert.deepEqual(encodeSegmentFrame(decoded.value), changed)
      }),
      fuzzRuns(500),
    )
  })

  test('records and placements that were changed are nobody’s', () => {
    const fields = {
      url: 'http://127.0.0.1:1',
      addresses: ['/ip4/1.2.3.4/tcp/5'],
      chainId: 5,
      freeBytes: 7,
      signedMs: 9,
    }
    const shard = { numShard: 4, shardId: 1 }
    const record = signNodeRecord({ ...fields, shard, flowAddress: `0x${'ab'.repeat(20)}` }, keys[0]!)
    const placement = coded.placement(
      keys.map((key) => bytesToHex(ed25519PublicKey(key))),
      5,
    )
    const signed = { ...placement, signatures: keys.map((key) => signPlacement(placement, key)) }
    assert.ok(readNodeRecord(record).ok && readPlacement(signed).ok)
    fc.assert(
      fc.property(fc.oneof(damagedJson(record), oddJson), (json) => {
        const read = readNodeRecord(json)
        if (read.ok) assert.deepEqual(read.value, record)
      }),
      fuzzRuns(400),
    )
    fc.assert(
      fc.property(fc.oneof(damagedJson(signed), oddJson), (json) => {
        const read = readPlacement(json)
        if (read.ok) assert.deepEqual({ ...read.value, signatures: [] }, { ...signed, signatures: [] })
      }),
      fuzzRuns(400),
    )
  })

  test('of changed directories none names what is no root', () => {
    const entry = { name: 'a', type: 'file' as const, roots: [root], sizeBytes: 5, link: '', entries: [] }
    const below = { name: 'd', type: 'directory' as const, roots: [], sizeBytes: 0, link: '', entries: [entry] }
    const bytes = encodeDirectory({ ...below, name: '', entries: [below, entry] })
    assert.ok(readDirectory(bytes).ok)
    const json = JSON.parse(Buffer.from(bytes.subarray(34)).toString()) as unknown
    const wrap = (value: unknown) =>
      concatBytes([directoryMagic, new Uint8Array([0, 2]), textToBytes(JSON.stringify(value) ?? '')])
    fc.assert(
      fc.property(fc.oneof(damaged(bytes), damagedJson(json).map(wrap), oddJson.map(wrap)), (changed) => {
        const read = readDirectory(changed)
        if (!read.ok) return
        const walk = (node: typeof read.value): void => {
          assert.ok(node.roots.every((each) => /^0x[0-9a-f]{64}$/.test(each)))
          assert.ok(typeof node.name === 'string' && typeof node.sizeBytes === 'number')
          node.entries.forEach(walk)
        }
        walk(read.value)
      }),
      fuzzRuns(600),
    )
  })
})
