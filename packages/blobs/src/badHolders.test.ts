/** Holders that lie, stall, vanish in the middle and come back, while files are read and while they are spread. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { bytesToHex, type Hex } from '@weightless/codec'
import { ed25519PublicKey, segmentBytes } from '@weightless/crypto'
import { type FetchResponse, NetworkError } from '@weightless/env'
import { placementStage, type SignedPlacement, signPlacement } from '@weightless/storage/wire'
import { toBlobSource } from './blobSource.ts'
import { openPlaced } from './gather/openPlaced.ts'
import { putPlacement } from './network/askHolder.ts'
import type { TransferParts } from './network/transferParts.ts'
import { type SpreadOptions, spreadFile } from './spread/spreadFile.ts'
import { type CodedNetwork, keyOf, noise, openCodedNetwork, withFetch } from './testing/codedNetwork.ts'

const redundancy = { dataRows: 4, parityRows: 2 }

describe('bad holders', () => {
  let network: CodedNetwork
  let bytes: Uint8Array
  let placement: SignedPlacement
  let other: SignedPlacement

  before(async () => {
    network = await openCodedNetwork(7)
    bytes = noise(22 * segmentBytes - 999, 1)
    placement = await spread(bytes)
    other = await spread(noise(22 * segmentBytes - 999, 2))
  })

  after(() => network.close())

  async function spread(content: Uint8Array, parts = network.parts, options: SpreadOptions = {}, nodeCount = 7) {
    const { file, startSegment } = network.submit(content)
    const nodes = (await network.records()).slice(0, nodeCount)
    const job = { source: toBlobSource(content), file, submission: { startSegment }, redundancy, nodes }
    return spreadFile(parts, job, options)
  }

  async function readAll(parts: TransferParts, of = placement): Promise<Buffer> {
    const file = openPlaced(parts, of, await network.records())
    const pieces: Uint8Array[] = []
    for await (const piece of file.stream(0, file.sizeBytes)) pieces.push(piece)
    return Buffer.concat(pieces)
  }

  async function urlOfRow(row: number): Promise<string> {
    const records = await network.records()
    return records.find(({ nodeId }) => nodeId === placement.holders[row])!.url
  }

  /** Answers of one holder's bulk route pass through `change`. */
  async function lying(rows: readonly number[], change: (answer: FetchResponse, url: string) => FetchResponse) {
    const urls = await Promise.all(rows.map(urlOfRow))
    return withFetch(network.parts, async (url, go) => {
      const isBulk = url.includes('?sizeBytes=') && url.includes('&row=')
      if (!isBulk || !urls.some((liar) => url.startsWith(liar))) return go()
      return change(await go(), url)
    })
  }

  const mapped = (answer: FetchResponse, body: (source: AsyncIterable<Uint8Array>) => AsyncGenerator<Uint8Array>) => ({
    ...answer,
    body: body(answer.body),
  })

  const lies: { [name: string]: (answer: FetchResponse) => FetchResponse } = {
    'flip a bit of every piece': (answer) =>
      mapped(answer, async function* (source) {
        for await (const piece of source) {
          const changed = piece.slice()
          changed[changed.length - 1]! ^= 1
          yield changed
        }
      }),
    'end in the middle': (answer) =>
      mapped(answer, async function* (source) {
        let sent = 0
        for await (const piece of source) {
          sent += piece.length
          yield piece
          if (sent > 300_000) return
        }
      }),
    'announce an absurd length': (answer) =>
      mapped(answer, async function* () {
        yield new Uint8Array([255, 255, 255, 255, 0])
      }),
    'send nothing at all': (answer) =>
      mapped(answer, async function* () {
        yield new Uint8Array(0)
      }),
    'drip a byte now and then': (answer) =>
      mapped(answer, async function* (source) {
        for await (const piece of source) {
          for (const byte of piece) {
            yield new Uint8Array([byte])
            await network.env.clock.sleep(20)
          }
        }
      }),
    refuse: (answer) => ({ ...answer, status: 500 }),
  }

  for (const [name, lie] of Object.entries(lies)) {
    test(`two holders that ${name} are passed over and named`, async () => {
      network.reports.length = 0
      const parts = await lying([1, 4], lie)
      assert.ok((await readAll(parts)).equals(bytes))
      assert.ok(network.reports.some(({ nodeId, row }) => row === 1 && nodeId === placement.holders[1]))
      const lone = await openPlaced(parts, placement, await network.records()).segment(5)
      assert.deepEqual(Buffer.from(lone.data), Buffer.from(bytes.subarray(5 * segmentBytes, 6 * segmentBytes)))
    })
  }

  test("another file's rows, and parity under another code, are told apart from the right ones", async () => {
    network.reports.length = 0
    const parts = withFetch(network.parts, (url, go) => {
      if (!url.includes('&row=')) return go()
      const isLie = /&row=(0|5)&/.test(url)
      return isLie ? network.parts.network.fetch(url.replace(placement.root, other.root)) : go()
    })
    assert.ok((await readAll(parts)).equals(bytes))
    assert.ok(network.reports.every(({ row }) => row === 0 || row === 5))
  })

  test('with a third of its holders and one more lying, a read fails and hands out nothing wrong', async () => {
    const parts = await lying([0, 2, 4], lies['flip a bit of every piece']!)
    await assert.rejects(readAll(parts), { code: 'blobs/stripe-unreadable' })
  })

  test('any two of six holders vanish in the middle of a read, and the bytes are the same', async () => {
    for (let a = 0; a < 6; a++) {
      for (let b = a + 1; b < 6; b++) {
        let seen = 0
        const parts = await lying([a, b], (answer, url) =>
          mapped(answer, async function* (source) {
            for await (const piece of source) {
              seen += piece.length
              if (seen > 1_000_000) throw new NetworkError({ url, reason: 'ECONNRESET' })
              yield piece
            }
          }),
        )
        assert.ok((await readAll(parts)).equals(bytes), `${a} ${b}`)
      }
    }
  })

  test('a holder that dies during an upload is replaced by the next in line', async () => {
    const content = noise(40 * segmentBytes, 3)
    const records = await network.records()
    const dead = records[2]!.url
    let posts = 0
    const parts = withFetch(network.parts, (url, go) => {
      if (!url.startsWith(dead)) return go()
      if (url.includes('/fragments/') && !url.includes('/held') && ++posts === 1) return go()
      return posts > 0 ? Promise.reject(new NetworkError({ url, reason: 'ECONNREFUSED' })) : go()
    })
    const placed = await spread(content, parts)
    assert.equal(placementStage(placed), 'final')
    assert.ok((await readAll(network.parts, placed)).equals(content))
  })

  test('without anybody in its place the upload is accepted, waits, and ends when the holder is back', async () => {
    const content = noise(12 * segmentBytes, 4)
    const gone = (await network.records())[1]!.url
    let isGone = true
    const parts = withFetch(network.parts, (url, go) =>
      isGone && url.startsWith(gone) ? Promise.reject(new NetworkError({ url, reason: 'ECONNREFUSED' })) : go(),
    )
    const published: SignedPlacement[] = []
    const outcome = new Promise<SignedPlacement | { fault: unknown }>((onHandOff) => {
      const options: SpreadOptions = {
        until: 'accepted',
        onHandOff,
        publish: async (placed) => void published.push(placed),
      }
      spread(content, parts, options, 6).then((accepted) => {
        assert.equal(placementStage(accepted), 'accepted')
        isGone = false
      })
    })
    const final = await outcome
    assert.ok('root' in final)
    assert.equal(placementStage(final), 'final')
    assert.deepEqual(published.map(placementStage), ['accepted', 'final'])
    isGone = true
    const stalled = spread(noise(5 * segmentBytes, 5), { ...parts, stallMs: 300 }, {}, 6)
    await assert.rejects(stalled, { code: 'blobs/spread-stalled' })
  })

  test('an upload that is called off ends at once, and a placement that others moved on is followed', async () => {
    const content = noise(30 * segmentBytes, 6)
    const control = new AbortController()
    const onProgress = (done: number): void => void (done > 5 && control.abort())
    await assert.rejects(spread(content, network.parts, { signal: control.signal, onProgress }), {
      code: 'env/aborted',
    })
    await assert.rejects(spread(content, network.parts, { signal: AbortSignal.abort() }), { code: 'env/aborted' })
    const first = await spread(noise(3_000, 7))
    const moved = { ...first, version: 4 }
    const keys = network.holders.map((_, index) => keyOf(index))
    const keyOfHolder = (id: Hex) => keys.find((key) => bytesToHex(ed25519PublicKey(key)) === id)!
    const signatures = first.holders.map((id) => signPlacement(moved, keyOfHolder(id)))
    for (const { url } of network.holders)
      await putPlacement(network.parts, url, { ...moved, signatures }).catch(() => undefined)
    const second = await spread(noise(3_000, 7))
    assert.equal(second.version, 4)
    assert.deepEqual(second.holders, first.holders)
  })
})
