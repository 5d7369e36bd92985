/** A snapshot of a node over its RPC, as the command takes it: until it is whole, or says why not. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createNodeEnv } from '@weightless/env/node'
import { startStorageNode } from '@weightless/storage'
import { createScriptedFlow } from '@weightless/storage/testing/scriptedFlow'
import { SnapshotFailedError, takeSnapshot } from './takeSnapshot.ts'

test('a snapshot is waited for, refused by name when it is there, and given up when it stands still', async () => {
  const dataFolder = await mkdtemp(join(tmpdir(), 'weightless-snapshot-'))
  const env = createNodeEnv({ dataFolder, log: 'silent' })
  const source = createScriptedFlow()
  const flowAddress = `0x${'12'.repeat(20)}` as const
  const node = await startStorageNode({ env, source, flowAddress, chainId: 31_337, port: 0 })
  try {
    const taken = await takeSnapshot({ env, nodeUrl: node.url, name: 'first' })
    assert.deepEqual([taken.state, taken.folder, taken.records], ['complete', 'snapshots/first', 0])
    assert.ok(await env.disk.exists('snapshots/first/snapshot.json'))
    await assert.rejects(takeSnapshot({ env, nodeUrl: node.url, name: 'first' }), /refused a call/)
    const standing = { ...taken, state: 'running' as const }
    const answer = (result: unknown) => ({ status: 200, json: () => Promise.resolve({ result }) })
    const network = { ...env.network, fetch: () => Promise.resolve(answer(standing)) } as unknown as typeof env.network
    const stalled = takeSnapshot({ env: { ...env, network }, nodeUrl: node.url, name: 'x', stallMs: 400 })
    await assert.rejects(stalled, SnapshotFailedError)
  } finally {
    await node.close()
    await env.close()
    await rm(dataFolder, { recursive: true, force: true })
  }
})
