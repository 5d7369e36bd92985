/** Coded files over real holders: spread, signed, read whole and in parts, with holders gone, slow and lying. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { segmentBytes } from '@weightless/crypto'
import { placementStage, readPlacement, type SignedPlacement } from '@weightless/storage/wire'
import { toBlobSource } from './blobSource.ts'
import { openPlaced } from './gather/openPlaced.ts'
import { spreadFile } from './spread/spreadFile.ts'
import { type CodedNetwork, noise, openCodedNetwork } from './testing/codedNetwork.ts'

const redundancy = { dataRows: 4, parityRows: 2 }

describe('spread and gather', () => {
  let network: CodedNetwork

  before(async () => {
    network = await openCodedNetwork(6)
  })

  after(() => network.close())

  async function spread(bytes: Uint8Array): Promise<SignedPlacement> {
    const { file, startSegment } = network.submit(bytes)
    const job = { source: toBlobSource(bytes), file, submission: { startSegment }, redundancy }
    return spreadFile(network.parts, { ...job, nodes: await network.records() })
  }

  async function readAll(placement: SignedPlacement, parts = network.parts): Promise<Uint8Array> {
    const file = openPlaced(parts, placement, await network.records())
    const pieces: Uint8Array[] = []
    for await (const piece of file.stream(0, file.sizeBytes)) pieces.push(piece)
    return Buffer.concat(pieces)
  }

  const sizes = [1, 255, 256, 257, 256 * 1023 - 1, 256 * 1023, 256 * 1023 + 1, 256 * 1024 - 1, 256 * 1024 + 1]
  for (const sizeBytes of [...sizes, 256 * 2048 - 1, 256 * 2048 + 1, 5_243_003]) {
    test(`a file of ${sizeBytes} bytes is final, and comes back without any two of its six holders`, async () => {
      const bytes = noise(sizeBytes, sizeBytes)
      const placement = await spread(bytes)
      assert.equal(placementStage(placement), 'final')
      assert.equal(readPlacement(placement).ok, true)
      assert.ok(Buffer.from(bytes).equals(await readAll(placement)))
      const all = await network.records()
      for (let a = 0; a < 6; a++) {
        for (let b = a + 1; b < 6; b++) {
          const left = all.filter(({ nodeId }) => nodeId !== placement.holders[a] && nodeId !== placement.holders[b])
          const file = openPlaced(network.parts, placement, left)
          let at = 0
          for await (const piece of file.stream(0, sizeBytes)) {
            assert.ok(Buffer.from(bytes.subarray(at, at + piece.length)).equals(piece))
            at += piece.length
          }
          assert.equal(at, sizeBytes)
        }
      }
      const index = Math.floor(sizeBytes / 2 / segmentBytes)
      const lone = await openPlaced(network.parts, placement, all).segment(index)
      const expected = bytes.subarray(index * segmentBytes, (index + 1) * segmentBytes)
      assert.ok(Buffer.from(lone.data.subarray(0, expected.length)).equals(expected))
    })
  }
})
