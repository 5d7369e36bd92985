/** What the disk keeps: restarts, damaged files, foreign folders, and a chain of hashes that other implementations agree with. */
import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createBlockFromRLP, genTransactionsTrieRoot } from '@ethereumjs/block'
import { Common, Hardfork, Mainnet } from '@ethereumjs/common'
import { verifyMerkleProof } from '@ethereumjs/mpt'
import { bytesToHex, decodeRlp, hexToBytes } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'
import type { Hex } from 'viem'
import {
  clientsOf,
  openTestChain,
  strangers,
  type TestChain,
  testAccounts,
  testGenesis,
} from '../testing/openTestChain.ts'
import { sampleAbi, sampleBytecode } from '../testing/sampleContract.ts'

/** A few blocks with transfers, a contract and logs. */
async function busyChain(): Promise<{ chain: TestChain; contract: Hex; hashes: Hex[] }> {
  const chain = await openTestChain()
  const { wallet, reader } = clientsOf(chain)
  const deployed = await wallet.deployContract({ abi: sampleAbi, bytecode: sampleBytecode, args: [1n] })
  const contract = (await reader.waitForTransactionReceipt({ hash: deployed })).contractAddress!
  const written = await wallet.writeContract({
    address: contract,
    abi: sampleAbi,
    functionName: 'storeMany',
    args: [4n],
  })
  await reader.waitForTransactionReceipt({ hash: written })
  const sent = await wallet.sendTransaction({ to: strangers[0]!.address, value: 1n, type: 'legacy' })
  await reader.waitForTransactionReceipt({ hash: sent })
  return { chain, contract, hashes: [deployed, written, sent] }
}

const reopen = (chain: TestChain, options = {}) => openTestChain({ dataFolder: join(chain.path, '..'), ...options })

test('a restart finds the same head, receipts, logs and state, and goes on', async () => {
  const { chain, contract, hashes } = await busyChain()
  const head = chain.chain.head()
  const before = await Promise.all(hashes.map((hash) => chain.rpc('eth_getTransactionReceipt', [hash])))
  await chain.stop()
  const again = await reopen(chain)
  const { reader, wallet } = clientsOf(again)
  const block = await reader.getBlock({ blockNumber: BigInt(head.number) })
  assert.deepEqual([block.hash, block.stateRoot], [head.hash, head.stateRoot])
  assert.deepEqual(await Promise.all(hashes.map((hash) => again.rpc('eth_getTransactionReceipt', [hash]))), before)
  assert.equal((await reader.getContractEvents({ address: contract, abi: sampleAbi, fromBlock: 0n })).length, 4)
  const next = await wallet.writeContract({ address: contract, abi: sampleAbi, functionName: 'store', args: [9n, 9n] })
  assert.equal((await reader.waitForTransactionReceipt({ hash: next })).status, 'success')
  await again.close()
})

test('what evm_revert took back stays away after a restart', async () => {
  const { chain, hashes } = await busyChain()
  const { helper, wallet, reader } = clientsOf(chain)
  const id = await helper.snapshot()
  const height = chain.chain.head().number
  const gone = await wallet.sendTransaction({ to: strangers[1]!.address, value: 1n })
  await reader.waitForTransactionReceipt({ hash: gone })
  await helper.revert({ id })
  await chain.stop()
  const again = await reopen(chain)
  assert.ok(again.chain.head().number <= height + 1)
  assert.equal((await again.rpc('eth_getTransactionReceipt', [gone])).result, null)
  assert.notEqual((await again.rpc('eth_getTransactionReceipt', [hashes[0]])).result, null)
  await again.close()
})

test('one flipped byte in any state or block file refuses to start and names the file', async () => {
  const { chain } = await busyChain()
  await chain.stop()
  const names: string[] = []
  for (const folder of ['state', 'blocks']) {
    for (const name of await readdir(join(chain.path, folder))) names.push(`${folder}/${name}`)
  }
  assert.ok(names.length >= 2)
  for (const name of names) {
    const path = join(chain.path, name)
    const intact = await readFile(path)
    const places = [0, 5, 40, Math.floor(intact.length / 2), intact.length - 200, intact.length - 1]
    for (const at of places) {
      const damaged = Buffer.from(intact)
      damaged[at]! ^= 0x10
      await writeFile(path, damaged)
      await assert.rejects(
        reopen(chain),
        (error: Error & { code: string }) => {
          assert.match(error.message, new RegExp(name.split('/')[0]!), `byte ${at} of ${name}`)
          assert.match(error.code, /^(store|chain)\//)
          return true
        },
        `byte ${at} of ${name} (${intact.length})`,
      )
    }
    await writeFile(path, intact)
  }
  await (await reopen(chain)).close()
})

test('a folder of a newer version, another chain id or another genesis is refused with a hint', async () => {
  const { chain } = await busyChain()
  await chain.stop()
  const refused = (options: object, code: string) =>
    assert.rejects(reopen(chain, options), (error: Error & { code: string; hint: string }) => {
      assert.equal(error.code, code)
      assert.ok(error.hint.length > 10)
      return true
    })
  await refused({ chainId: 5 }, 'chain/data-foreign')
  await refused({ genesis: { ...testGenesis, timestampSeconds: 1 } }, 'chain/data-foreign')
  const note = join(chain.path, 'chain.json')
  const text = await readFile(note, 'utf8')
  await writeFile(note, text.replace('"format":1', '"format":2'))
  await refused({}, 'chain/data-newer')
  await writeFile(note, '{"format":')
  await refused({}, 'chain/data-corrupt')
  await writeFile(note, text)
  await (await reopen(chain)).close()
})

test('headers, blocks and transaction roots agree with @ethereumjs/block', async () => {
  const { chain, hashes } = await busyChain()
  const common = new Common({ chain: { ...Mainnet, chainId: 31337 }, hardfork: Hardfork.Cancun })
  for (const hash of hashes) {
    const receipt = (await chain.rpc('eth_getTransactionReceipt', [hash])).result as {
      blockHash: Hex
      blockNumber: Hex
    }
    const raw = (await chain.rpc('debug_getRawBlock', [receipt.blockNumber])).result as Hex
    const block = createBlockFromRLP(hexToBytes(raw), { common, setHardfork: false })
    assert.equal(bytesToHex(block.hash()), receipt.blockHash)
    assert.deepEqual(await genTransactionsTrieRoot(block.transactions), block.header.transactionsTrie)
    const header = (await chain.rpc('debug_getRawHeader', [receipt.blockNumber])).result as Hex
    assert.equal(bytesToHex(keccak256(hexToBytes(header))), receipt.blockHash)
    const shown = (await chain.rpc('eth_getBlockByHash', [receipt.blockHash, true])).result as {
      size: Hex
      transactions: { hash: Hex }[]
    }
    assert.equal(Number(shown.size), (raw.length - 2) / 2)
    assert.ok(shown.transactions.some((transaction) => transaction.hash === hash))
  }
  await chain.close()
})

test('eth_getProof is verified against the header by a third party, presence and absence', async () => {
  const { chain, contract } = await busyChain()
  const { reader } = clientsOf(chain)
  const block = await reader.getBlock()
  const proofOf = (address: Hex) =>
    reader.getProof({ address, storageKeys: [`0x${'1'.padStart(64, '0')}`], blockNumber: block.number })
  const verify = (key: Uint8Array, nodes: readonly Hex[], root: Hex) =>
    verifyMerkleProof(keccak256(key), nodes.map(hexToBytes), { root: hexToBytes(root), useKeyHashing: false } as never)
  const proof = await proofOf(contract)
  const account = await verifyAgainst(proof.accountProof, contract, block.stateRoot)
  const [, , storageRoot] = decodeRlp(account!) as Uint8Array[]
  assert.equal(bytesToHex(storageRoot!), proof.storageHash)
  const slot = proof.storageProof[0]!
  assert.equal(slot.value, 1n)
  assert.deepEqual(decodeRlp((await verify(hexToBytes(slot.key), slot.proof, proof.storageHash))!), new Uint8Array([1]))
  const absent = await proofOf(strangers[3]!.address)
  assert.equal(await verifyAgainst(absent.accountProof, strangers[3]!.address, block.stateRoot), null)
  const bent = [...proof.accountProof]
  bent[0] = bent[0]!.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')) as Hex
  await assert.rejects(verifyAgainst(bent, contract, block.stateRoot))
  assert.notEqual(testAccounts.length, 0)
  await chain.close()

  async function verifyAgainst(nodes: readonly Hex[], address: Hex, root: Hex) {
    return await verify(hexToBytes(address), nodes, root)
  }
})
