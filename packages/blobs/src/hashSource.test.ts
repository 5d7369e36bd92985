import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileTree, segmentBytes } from '@weightless/crypto'
import { createNodeEnv } from '@weightless/env/node'
import { type BlobSource, toBlobSource } from './blobSource.ts'
import { hashSource } from './hashSource.ts'

const bytes = Uint8Array.from({ length: 70 * segmentBytes }, (_, at) => Math.imul(at, 2654435761) >>> 13)

test('workers hash to the same tree, whatever the size and whoever owns what is read', async () => {
  const env = createNodeEnv({ dataFolder: '/nowhere', log: 'silent' })
  try {
    for (const segments of [31, 32, 33, 48, 64, 65]) {
      for (const more of [-1, 0, 1, 300]) {
        const content = bytes.subarray(0, segments * segmentBytes + more)
        const kept: BlobSource = toBlobSource(content)
        const fresh: BlobSource = { ...kept, isFresh: true, read: async (at, length) => content.slice(at, at + length) }
        const expected = fileTree(content)
        for (const source of [kept, fresh]) {
          let hashed = 0
          const tree = await hashSource(source, (count) => (hashed += count), { tasks: env.tasks })
          assert.deepEqual(tree.root, expected.root, `${segments} segments and ${more} bytes`)
          assert.deepEqual(tree.nodes, expected.nodes)
          assert.equal(hashed, content.length)
        }
      }
    }
    assert.equal(bytes.buffer.byteLength, 70 * segmentBytes, 'the caller has its bytes still')
  } finally {
    await env.close()
  }
})

test('hashing ends where it is aborted, and with the fault of the source', async () => {
  const env = createNodeEnv({ dataFolder: '/nowhere', log: 'silent' })
  try {
    const aborting = new AbortController()
    const stop = (): void => aborting.abort()
    const options = { tasks: env.tasks, signal: aborting.signal }
    await assert.rejects(hashSource(toBlobSource(bytes), stop, options), { code: 'env/aborted' })
    const broken: BlobSource = { sizeBytes: bytes.length, read: () => Promise.reject(new TypeError('gone')) }
    await assert.rejects(
      hashSource(broken, () => undefined, { tasks: env.tasks }),
      TypeError,
    )
  } finally {
    await env.close()
  }
})
