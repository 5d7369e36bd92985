// One upload and one download of a LIN file by the named SDK; run by record.mjs behind its proxy.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ethers } from 'ethers'

const [sdk, indexerUrl, rpcUrl, ...sizes] = process.argv.slice(2)
const { Indexer, ZgFile } = await import(sdk)
const wallet = ethers.HDNodeWallet.fromPhrase(
  'test test test test test test test test test test test junk',
  undefined,
  "m/44'/60'/0'/0/6",
).connect(new ethers.JsonRpcProvider(rpcUrl))
const folder = mkdtempSync(join(tmpdir(), 'weightless-record-'))
for (const size of sizes.map(Number)) {
  const bytes = Buffer.alloc(size)
  for (let i = 0; i < size; i++) bytes[i] = (i * 7 + (i >> 8) * 13 + (i >> 16) * 31) & 0xff
  const path = join(folder, `${size}.in`)
  writeFileSync(path, bytes)
  const file = await ZgFile.fromFilePath(path)
  const [uploaded, error] = await new Indexer(indexerUrl).upload(file, rpcUrl, wallet)
  assert.equal(error, null)
  await file.close()
  const target = join(folder, `${size}.out`)
  assert.equal(await new Indexer(indexerUrl).download(uploaded.rootHash, target, true), null)
  assert.ok(readFileSync(target).equals(bytes))
}
process.exit(0)
