// Uploads files of the boundary sizes through a published SDK, downloads each again, and compares every byte; looks at the
// same bytes through the binary route; then stops two of the six storage nodes and downloads everything once more.
import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ethers } from 'ethers'
import { withNodesStopped } from './stopNodes.mjs'

const sector = 256
export const boundarySizes = [
  ...[1, sector - 1, sector, sector + 1],
  ...[1023, 1024, 2048].flatMap((sectors) => [sector * sectors - 1, sector * sectors + 1]),
  5_243_003,
  64 * 1024 * 1024,
]

/**
 * @param account index of the devnet's account that pays, so that peers do not share nonces
 * @param stopped numbers of the two nodes that are stopped
 */
export async function roundTrip({ Indexer, ZgFile, account, stopped, sizes = boundarySizes }) {
  const devnet = JSON.parse(readFileSync(process.env.WEIGHTLESS_DEVNET, 'utf8'))
  const { rpcUrl, accounts } = devnet.chain
  const { indexerUrl } = devnet.storage
  const wallet = new ethers.Wallet(accounts[account].privateKey, new ethers.JsonRpcProvider(rpcUrl))
  const folder = mkdtempSync(join(tmpdir(), 'weightless-peer-storage-'))
  // The SDK talks a lot; what was seen is said together at the end.
  const seen = []
  const stored = []
  const download = async ({ root, bytes }, name) => {
    const target = join(folder, `${bytes.length}.${name}`)
    const error = await new Indexer(indexerUrl).download(root, target, true)
    assert.equal(error, null)
    assert.ok(readFileSync(target).equals(bytes), `${bytes.length} bytes came back changed`)
    rmSync(target)
  }
  try {
    for (const size of sizes) {
      const source = join(folder, `${size}.in`)
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
      await download({ root, bytes }, 'out')
      const binary = await fetch(`${indexerUrl}/file/${root}`)
      assert.ok(Buffer.from(await binary.arrayBuffer()).equals(bytes), `${size} bytes by the binary route`)
      const { placements } = await (await fetch(`${indexerUrl}/locate/${root}`)).json()
      const { dataRows, parityRows, signatures } = placements[0]
      assert.ok(signatures.every((signature) => signature !== null))
      stored.push({ root, bytes })
      seen.push(`${size} bytes: coded ${dataRows}+${parityRows} in ${tookMs} ms, back byte for byte`)
    }
    await withNodesStopped(devnet, stopped, async () => {
      for (const file of stored) await download(file, 'again')
    })
    seen.push(`${stored.length} files back byte for byte without nodes ${stopped.join(' and ')} of 6`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  console.log(seen.slice(-5).join('\n'))
  // The SDK's provider keeps polling; nothing is left to do.
  process.exit(0)
}

function randomBytes(size) {
  const bytes = Buffer.alloc(size)
  for (let at = 0; at < size; at += 65_536) randomFillSync(bytes, at, Math.min(65_536, size - at))
  return bytes
}
