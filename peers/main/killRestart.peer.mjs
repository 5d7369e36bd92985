// Kills everything with SIGKILL in the middle of an upload, starts again in the same folder, and finds nothing lost.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Indexer, ZgFile } from '@0gfoundation/0g-ts-sdk'
import { ethers } from 'ethers'

const folder = mkdtempSync(join(tmpdir(), 'weightless-kill-'))
const cli = join(process.env.WEIGHTLESS_ROOT, 'packages/cli/bin/weightless.mjs')
let child
try {
  const kept = join(folder, 'kept.bin')
  const torn = join(folder, 'torn.bin')
  writeFileSync(kept, randomBytes(700_000))
  writeFileSync(torn, randomBytes(24 * 1024 * 1024))
  await start()
  const keptRoot = await upload(kept)
  const blockBefore = await blockNumber()
  const tornUpload = upload(torn).catch((error) => error)
  await untilSegmentsArrive(torn)
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('close', resolve))
  assert.ok((await tornUpload) instanceof Error, 'the upload was cut')

  await start()
  assert.ok((await blockNumber()) >= blockBefore, 'no block was lost')
  await expectSame(keptRoot, kept)
  const tornRoot = await upload(torn)
  await expectSame(tornRoot, torn)
  console.log(`killed at block ${blockBefore}, restarted; the stored file is whole and the cut upload was finished`)
} finally {
  child?.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}

function start() {
  const flags = [
    '--json',
    '--data-dir',
    join(folder, 'state'),
    'devnet',
    '--port-base',
    '23000',
    '--no-first-light',
    '--weights',
    'none',
    '--no-console',
  ]
  child = spawn(process.execPath, [cli, ...flags], { stdio: ['ignore', 'pipe', 'inherit'] })
  const process_ = child
  return new Promise((resolve, reject) => {
    process_.once('close', (code) => reject(new Error(`the devnet ended with ${code}`)))
    let text = ''
    process_.stdout.on('data', (chunk) => {
      text += chunk
      if (text.includes('"type":"ready"')) resolve()
    })
  })
}

function network() {
  return JSON.parse(readFileSync(join(folder, 'state', 'devnet.json'), 'utf8'))
}

async function rpc(url, method, params) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  return (await answer.json()).result
}

async function blockNumber() {
  return Number(await rpc(network().chain.rpcUrl, 'eth_blockNumber', []))
}

async function rootOf(path) {
  const file = await ZgFile.fromFilePath(path)
  const [tree, error] = await file.merkleTree()
  await file.close()
  assert.equal(error, null)
  return tree.rootHash()
}

async function upload(path) {
  const { chain, storage } = network()
  const wallet = new ethers.Wallet(chain.accounts[5].privateKey, new ethers.JsonRpcProvider(chain.rpcUrl))
  const file = await ZgFile.fromFilePath(path)
  const [, error] = await new Indexer(storage.indexerUrl).upload(file, chain.rpcUrl, wallet)
  await file.close()
  if (error) throw error
  return rootOf(path)
}

/** Resolves when the node has taken some segments of the file, but not all. */
async function untilSegmentsArrive(path) {
  const root = await rootOf(path)
  for (let attempt = 0; attempt < 600; attempt++) {
    const info = await rpc(network().storage.indexerUrl, 'zgs_getFileInfo', [root, true])
    if (info && !info.finalized && info.uploadedSegNum > 0) return
    if (info?.finalized) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function expectSame(root, path) {
  const copy = `${path}.copy`
  rmSync(copy, { force: true })
  const error = await new Indexer(network().storage.indexerUrl).download(root, copy, true)
  assert.equal(error, null)
  assert.deepEqual(readFileSync(copy), readFileSync(path))
}
