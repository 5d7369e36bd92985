/** Manifests come back as they were; those that mean harm are refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textToBytes } from '@weightless/codec'
import fc from 'fast-check'
import { decodeManifest, encodeManifest, isSafePath, type Manifest } from './manifest.ts'
import { gatherSpans } from './restoreCheckpoint.ts'

const chunk = (fill: number, pack: number, offset: number, length: number) => ({
  id: new Uint8Array(32).fill(fill),
  pack,
  offset,
  length,
})
const manifest: Manifest = {
  name: 'run 7',
  savedMs: 1_700_000_000_000,
  previousRoot: `0x${'ab'.repeat(32)}`,
  packs: [`0x${'01'.repeat(32)}`, `0x${'02'.repeat(32)}`],
  files: [
    {
      path: 'model/a.safetensors',
      sizeBytes: 700,
      chunks: [chunk(1, 0, 0, 300), chunk(2, 0, 300, 300), chunk(3, 1, 5, 100)],
    },
    { path: 'empty', sizeBytes: 0, chunks: [] },
  ],
}

test('a manifest comes back, and neighbours are read in one go', () => {
  const decoded = decodeManifest(encodeManifest(manifest))
  assert.ok(decoded.ok)
  assert.deepEqual(decoded.value, manifest)
  const spans = gatherSpans(manifest.files[0]!.chunks)
  assert.deepEqual(
    spans.map(({ pack, offset, length, fileOffset }) => [pack, offset, length, fileOffset]),
    [
      [0, 0, 600, 0],
      [1, 5, 100, 600],
    ],
  )
})

test('paths that leave the folder, sizes that do not add up, packs that are not there are refused', () => {
  for (const path of ['', '/a', '../a', 'a/../b', 'a//b', './a', 'C:\\a', 'a\\b', 'a\0b', 'x'.repeat(1_025), 7]) {
    assert.equal(isSafePath(path), false, String(path))
  }
  const [first] = manifest.files as [Manifest['files'][number]]
  const wrong: Manifest[] = [
    { ...manifest, files: [{ ...first, path: '../../etc/passwd' }] },
    { ...manifest, files: [{ ...first, sizeBytes: 701 }] },
    { ...manifest, files: [first, first] },
    { ...manifest, packs: [`0x${'01'.repeat(32)}`] },
    { ...manifest, packs: ['0x12', '0x34'] },
    { ...manifest, files: [{ ...first, sizeBytes: 2 ** 21, chunks: [chunk(1, 0, 0, 2 ** 21)] }] },
    { ...manifest, savedMs: -1 },
  ]
  for (const one of wrong) assert.equal(decodeManifest(encodeManifest(one)).ok, false)
})

test('cut and changed bytes never throw', () => {
  const bytes = encodeManifest(manifest)
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, byte) => {
      assert.equal(decodeManifest(bytes.subarray(0, at)).ok, false)
      const changed = bytes.slice()
      changed[at] = byte
      decodeManifest(changed)
    }),
  )
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => decodeManifest(noise).ok === false))
  assert.equal(decodeManifest(textToBytes('WLC1\xff\xff\xff\xff')).ok, false)
})
