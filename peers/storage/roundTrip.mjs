// Uploads files of the boundary sizes through a published SDK, downloads each again, and compares every byte; then looks
// at the same bytes through the binary route.
import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ethers } from 'ethers'

export const boundarySizes = [1, 255, 256, 257, 262_143, 262_144, 262_145, 5_243_003, 16 * 1024 * 1024]

/** @param account index of the devnet's account that pays, so that peers do not share nonces */
export async function roundTrip({ Indexer, ZgFile, account, sizes = boundarySizes }) {
  const devnet = JSON.parse(readFileSync(process.env.WEIGHTLESS_DEVNET, 'utf8'))
  const { rpcUrl, accounts } = devnet.chain
  const { indexerUrl } = devnet.storage
  const wallet = new ethers.Wallet(accounts[account].privateKey, new ethers.JsonRpcProvider(rpcUrl))
  const folder = mkdtempSync(join(tmpdir(), 'weightless-peer-storage-'))
  // The SDK talks a lot; what was seen is said together at the end.
  const seen = []
  try {
    for (const size of sizes) {
      const source = join(folder, `${size}.in`)
      const target = join(folder, `${size}.out`)
      const bytes = randomBytes(size)
      writeFileSync(source, bytes)
      const file = await ZgFile.fromFilePath(source)
      const [tree, treeError] = await file.merkleTree()
      assert.equal(treeError, null)
      const startedMs = performance.now()
      const [uploaded, uploadError] = await new Indexer(indexerUrl).upload(file, rpcUrl, wallet)
      assert.equal(uploadError, null)
      await file.close()
      const tookMs = Math.round(performance.now() - startedMs)
      const root = tree.rootHash()
      assert.equal(uploaded.rootHash, root)
      const downloadError = await new Indexer(indexerUrl).download(root, target, true)
      assert.equal(downloadError, null)
      assert.ok(readFileSync(target).equals(bytes), `${size} bytes came back changed`)
      const binary = await fetch(`${indexerUrl}/file/${root}`)
      assert.ok(Buffer.from(await binary.arrayBuffer()).equals(bytes), `${size} bytes by the binary route`)
      seen.push(`${size} bytes: stored in ${tookMs} ms, back byte for byte, root ${root.slice(0, 18)}…`)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  console.log(seen.join('\n'))
  // The SDK's provider keeps polling; nothing is left to do.
  process.exit(0)
}

function randomBytes(size) {
  const bytes = Buffer.alloc(size)
  for (let at = 0; at < size; at += 65_536) randomFillSync(bytes, at, Math.min(65_536, size - at))
  return bytes
}
