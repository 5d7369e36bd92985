/** Six storage nodes as real processes: two are killed and lose their folders during a read and during an upload. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createBlobs } from '@weightless/blobs'
import { fileRoot } from '@weightless/crypto'
import { createNodeEnv, type NodeEnv } from '@weightless/env/node'
import { createLedger } from '@weightless/ledger'
import type { NodeStatusJson } from '@weightless/storage/wire'
import { devnetKey } from './devnet/devnetKeys.ts'
import type { Devnet } from './startDevnet.ts'
import { startTestDevnet } from './startTestDevnet.ts'

/** Numbers of the two, one of data rows and one of parity. */
const lost = [2, 5]
const mebibyte = 1024 * 1024
const dataFolder = mkdtempSync(join(tmpdir(), 'weightless-killed-'))
let devnet: Devnet
let env: NodeEnv

/** SIGKILL, and the folder is gone before the node is started again. */
function killAndErase(node: number): void {
  const folder = join(dataFolder, `storage-${node}`)
  process.kill(Number(readFileSync(join(folder, 'lock'), 'utf8').split(' ')[0]), 'SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}

const makeBytes = (length: number, factor: number) =>
  new Uint8Array(length).map((_, i) => (i * factor + (i >> 9)) % 251)

describe('storage nodes that are killed', () => {
  before(async () => {
    devnet = await startTestDevnet({ dataFolder, weights: 'none', storageProcesses: true, peers: true })
    env = createNodeEnv({ dataFolder: join(dataFolder, 'client'), log: 'silent', workersMax: 1 })
  })
  after(async () => {
    await env.close()
    await devnet.close()
    rmSync(dataFolder, { recursive: true, force: true })
  })

  test('neither a read nor an upload fails, and the nodes come back under their names', async () => {
    const { chain, storage } = devnet.file
    const names = await awaitAnswers()
    const ledger = createLedger({ rpcUrl: chain.rpcUrl, env, account: devnetKey(1).account })
    const blobs = createBlobs({ indexerUrl: storage.indexerUrl, env, ledger })
    const bytes = makeBytes(12 * mebibyte, 31)
    const { root } = await blobs.put(bytes)

    const read: Uint8Array[] = []
    for await (const piece of (await blobs.openBlob(root)).stream()) {
      if (read.length === 4) for (const node of lost) killAndErase(node)
      read.push(piece.slice())
    }
    assert.deepEqual(fileRoot(Buffer.concat(read)), fileRoot(bytes))

    await awaitAnswers()
    const second = makeBytes(20 * mebibyte, 57)
    let isKilled = false
    const stored = await blobs.put(second, {
      onProgress({ phase, doneBytes }) {
        if (isKilled || phase !== 'uploading' || doneBytes < 4 * mebibyte) return
        isKilled = true
        for (const node of lost) killAndErase(node)
      },
    })
    assert.ok(isKilled)
    assert.deepEqual(fileRoot(await blobs.get(stored.root)), fileRoot(second))
    assert.deepEqual(fileRoot(await blobs.get(root)), fileRoot(bytes))
    assert.deepEqual(await awaitAnswers(), names)
    // by libp2p too: the gateway and the five others
    await awaitPeers(6)
  })

  /** Names of the nodes, once all of them answer. */
  async function awaitAnswers(): Promise<string[]> {
    for (let attempt = 0; attempt < 600; attempt++) {
      const records = await Promise.all(devnet.file.storage.nodeUrls.map(readName))
      if (records.every((name) => name !== undefined)) return records
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    throw new Error('a killed node did not come back within a minute')
  }

  async function awaitPeers(wanted: number): Promise<void> {
    let counts: (number | undefined)[] = []
    for (let attempt = 0; attempt < 600; attempt++) {
      counts = await Promise.all(devnet.file.storage.nodeUrls.map(readPeers))
      if (counts.every((count) => count === wanted)) return
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    assert.fail(`peers after a minute: ${counts.join(', ')}`)
  }
})

async function readPeers(url: string): Promise<number | undefined> {
  const answer = await fetch(`${url}/node/status`).catch(() => undefined)
  return answer?.ok ? ((await answer.json()) as NodeStatusJson).peers?.connected : undefined
}

async function readName(url: string): Promise<string | undefined> {
  const answer = await fetch(`${url}/node/record`).catch(() => undefined)
  return answer?.ok ? ((await answer.json()) as { nodeId: string }).nodeId : undefined
}
