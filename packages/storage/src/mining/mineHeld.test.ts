/** What holders of a coded file have for the miner: each exactly its shard, and every seal leads to the flow root. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bytesEqual, bytesToHex, hexToBytes } from '@weightless/codec'
import { hashPair, keccak256, type SealTag, unsealInPlace } from '@weightless/crypto'
import { openHolder } from '../holder/openHolder.ts'
import { codeFile } from '../testing/codedFile.ts'
import { createScriptedFlow } from '../testing/scriptedFlow.ts'
import { chainId, flowAddress, makeFile, openFile, type TestFile, until, withEnv } from '../testing/storageClient.ts'
import { encodeFragmentFrame } from '../wire/index.ts'
import { mineHeld } from './mineHeld.ts'

const minerId = keccak256(new Uint8Array([1]))
const contextDigest = keccak256(new Uint8Array([2]))
/** One seal and a rest at sector 16; a whole segment; nine segments over three stripes, the last one short. */
const files = [5_000, 262_144, 8 * 262_144 + 70_000].map((size) => openFile(makeFile(size)))

function rootAbove(seal: Uint8Array, sector: number, siblings: readonly Uint8Array[]): Uint8Array {
  let level = Array.from({ length: 16 }, (_, at) => keccak256(seal.subarray(256 * at, 256 * at + 256)))
  while (level.length > 1) level = level.flatMap((hash, at) => (at % 2 === 0 ? [hashPair(hash, level[at + 1]!)] : []))
  return siblings.reduce(
    (hash, sibling, at) =>
      Math.floor(sector / 16 / 2 ** at) % 2 === 0 ? hashPair(hash, sibling) : hashPair(sibling, hash),
    level[0]!,
  )
}

/** Gives a holder its row of every file, as a writer would, and seals it. */
async function fill(holder: Awaited<ReturnType<typeof openHolder>>, file: TestFile, row: number): Promise<void> {
  const coded = codeFile(file.bytes, file.tree, { dataRows: 4, parityRows: 2 })
  const submission = holder.flow.byRoot(file.root)[0]!
  const [{ fileKey, startSector }, { fragments }] = [submission, holder]
  for (let stripe = 0; stripe < coded.stripes; stripe++) {
    const frame = coded.fragment(stripe, row)
    if (!frame) continue
    const base = { fileKey, root: file.root, sizeBytes: file.bytes.length, dataRows: 4, parityRows: 2, row }
    await fragments.assign({ ...base, firstMs: 0, lastMs: 0 })
    assert.ok(await fragments.add(fileKey, stripe, encodeFragmentFrame(frame)))
    const tag: SealTag = { minerId, contextDigest, startSector: startSector + 1024 * (4 * stripe + row) }
    assert.equal(await fragments.seal(fileKey, stripe, tag), 'sealed')
  }
}

describe('held segments', () => {
  for (const row of [0, 1, 3]) {
    test(`row ${row} is one shard, and every seal of it leads to the flow root`, async () => {
      await withEnv(async ({ env, keep }) => {
        const source = createScriptedFlow()
        const base = { env, source, flowAddress, chainId, indexerUrls: [], url: () => 'http://127.0.0.1:1' }
        const opening = openHolder({
          ...base,
          secretKey: new Uint8Array(32).fill(7),
          shard: { numShard: 4, shardId: 0 },
        })
        const holder = await opening
        await keep(opening)
        for (const file of files) source.submit(file.tree)
        await until('seen', () => holder.flow.count() === files.length)
        for (const file of files) await fill(holder, file, row)
        const { root, lengthSectors } = holder.flow.context()
        const large = holder.flow.byRoot(files[2]!.root)[0]!
        const { segments, prove } = mineHeld(holder.flow, holder.fragments, { numShard: 4, shardId: 0 })
        const seals: number[] = []
        for (let segment = 0; segment < lengthSectors / 1024; segment++) {
          const found = segments.has(segment) ? await segments.readSealed(segment) : undefined
          for (let index = 0; found && index < 64; index++) {
            if ((found.sealedMask >> BigInt(index)) % 2n === 0n) continue
            const sector = 1024 * segment + 16 * index
            seals.push(sector)
            const seal = found.sealed.slice(4096 * index, 4096 * index + 4096)
            unsealInPlace(seal, { minerId, contextDigest: found.contextDigests[index]!, startSector: sector })
            const siblings = await prove(sector, root)
            assert.ok(siblings && bytesEqual(rootAbove(seal, sector, siblings), root), `sector ${sector}`)
          }
        }
        // of the large file every fourth segment: exactly one shard
        const startSegment = large.startSector / 1024
        const own = new Set(seals.map((sector) => Math.floor(sector / 1024)).filter((at) => at >= startSegment))
        assert.deepEqual(
          [...own],
          [0, 1, 2].map((stripe) => startSegment + 4 * stripe + row).filter((at) => at < startSegment + 9),
        )
        assert.equal(seals.includes(16), row === 0)
        assert.equal(await prove(seals.at(-1)!, hexToBytes(bytesToHex(keccak256(root)))), undefined)
      })
    })
  }
})
