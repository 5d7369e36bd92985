/** From a submitted file to a paid reward, on a real chain with the devnet's contracts and a real holder. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openChain } from '@weightless/chain'
import { bytesToHex, type Hex } from '@weightless/codec'
import { abis, addresses, genesis } from '@weightless/contracts'
import { createFileHasher } from '@weightless/crypto'
import { createLedger, type Ledger } from '@weightless/ledger'
import { startHolder, startMining } from '@weightless/storage'
import { codeFile } from '@weightless/storage/testing/codedFile'
import { openFile, until, withEnv } from '@weightless/storage/testing/storageClient'
import { mnemonicToAccount } from 'viem/accounts'

const chainId = genesis.chainId
const redundancy = { dataRows: 1, parityRows: 1 }
const shard = { numShard: 1, shardId: 0 }

/** Bytes that no compressor or zero tree helps with. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state >> 16
  })
}

async function submit(ledger: Ledger, bytes: Uint8Array): Promise<void> {
  const hasher = createFileHasher()
  hasher.update(bytes)
  const { nodes, shape } = hasher.finish()
  const data = {
    length: BigInt(bytes.length),
    tags: '0x' as Hex,
    nodes: nodes.map(({ root, height }) => ({ root: bytesToHex(root), height: BigInt(height) })),
  }
  const value = BigInt(shape.paddedSectors) * 30_733_644_962n
  const args = [{ data, submitter: ledger.address! }] as const
  await ledger.submit({ address: addresses.flow, abi: abis.flow, functionName: 'submit', args, value })
}

test('a holder registers, seals, mines, is paid, and serves the same bytes as before', {
  timeout: 60_000,
}, async () => {
  await withEnv(async ({ env, keep }) => {
    const chain = await openChain({ env, folder: 'chain', chainId, genesis })
    const served = await chain.serve({ port: 0 })
    const ledgerOf = (addressIndex: number): Ledger =>
      createLedger({
        rpcUrl: served.url,
        env,
        account: mnemonicToAccount(genesis.mnemonic, { addressIndex }),
        pollMs: 20,
      })
    try {
      const [user, minerLedger] = [ledgerOf(1), ledgerOf(6)]
      const holder = await keep(
        startHolder({
          ...{
            env,
            disk: env.disk.folder('holder'),
            secretKey: new Uint8Array(32).fill(7),
            flowAddress: addresses.flow,
          },
          ...{ chainId, port: 0, shard, indexerUrls: [], rpcUrl: served.url },
        }),
      )
      const file = openFile(noise(3 * 262_144 + 50_000, 5))
      await submit(user, file.bytes)
      const coded = codeFile(file.bytes, file.tree, redundancy)
      const url = `${holder.url}/fragments/${file.root}`
      const stored = await fetch(url, { method: 'POST', body: coded.body(0) as BodyInit })
      assert.deepEqual(await stored.json(), { stored: 4 })
      const mining = await startMining({
        ...{ env, ledger: minerLedger, holder: holder.holder, shard, flowAddress: addresses.flow },
        ...{ mine: addresses.mine, rewardPool: addresses.rewardPool, pollMs: 50, withdrawAboveWei: 1n },
      })
      try {
        // the epoch of the file ends; nobody but the miner closes it
        await user.rpc.request('anvil_mine', ['0x15'])
        await until('sealed', () => mining.status().sealedFragments === 4)
        await until('paid', () => mining.status().withdrawnWei > 0n)
      } finally {
        await mining.close()
      }
      const { minerId, beneficiary, accepted, withdrawnWei } = mining.status()
      assert.equal(beneficiary, minerLedger.address)
      const events = { address: addresses.mine, abi: abis.poraMine, eventNames: ['NewSubmission'], fromBlock: 0n }
      const found = await user.getEvents({ ...events, toBlock: await user.blockNumber() })
      assert.ok(accepted > 0 && found.length >= accepted)
      assert.ok(found.every(({ args }) => (args as { minerId: Hex }).minerId === minerId))
      assert.ok(withdrawnWei > 0n)

      const { fragments } = holder.holder
      const { fileKey } = holder.holder.flow.get(0)!
      const sealed = await fragments.readSeals(fileKey, 0)
      assert.notDeepEqual(sealed?.seals.slice(0, 4096), file.bytes.slice(0, 4096))
      const read = await fetch(`${url}?sizeBytes=${file.bytes.length}&row=0&from=0&to=4`)
      assert.deepEqual(new Uint8Array(await read.arrayBuffer()), new Uint8Array(coded.body(0)))
      assert.ok(fragments.unsealed() >= 4)
    } finally {
      await served.close()
      await chain.close()
    }
  })
})
