/**
 * Power cuts at writes of the chain, in the simulator: whatever a client has seen a receipt of is there after the
 * restart, in the same block, paid once; and the chain goes on.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesToHex, hexToBytes } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { createSim, type Sim } from '@weightless/env/sim'
import { loadEvmModule } from '@weightless/evm/createEvm'
import { openChain } from '../openChain.ts'
import { testAccounts, testGenesis, testKeys } from '../testing/openTestChain.ts'
import { signTransaction } from '../transactions/signTransaction.ts'

const port = 8545
const target = '0x00000000000000000000000000000000000000aa'
type Seen = { hash: string; blockHash: string; nonce: number }

async function openNode(env: Env) {
  const chain = await openChain({ env, folder: 'chain', chainId: 31337, genesis: testGenesis })
  await chain.serve({ port })
  return chain
}

function rpcOf(client: Env) {
  return async (method: string, params: unknown[]): Promise<{ result?: unknown; error?: { message: string } }> => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
    const answer = await client.network.fetch(`http://node:${port}`, { method: 'POST', body, timeoutMs: 5_000 })
    return (await answer.json()) as { result?: unknown }
  }
}

/** Sends transfers of 1 wei one after the other and writes down what it was told, until the node dies or all are through. */
async function sendUntilDown(client: Env, count: number, from: number, seen: Seen[]): Promise<void> {
  const rpc = rpcOf(client)
  for (let nonce = from; nonce < from + count; nonce++) {
    const fee = { maxFeePerGas: 2_000_000_000n, maxPriorityFeePerGas: 1n }
    const plain = {
      chainId: 31337,
      nonce,
      gasLimit: 21_000n,
      to: hexToBytes(target),
      value: 1n,
      data: new Uint8Array(0),
    }
    const raw = bytesToHex(signTransaction({ ...plain, accessList: [], fee }, hexToBytes(testKeys[0]!)))
    const sent = await rpc('eth_sendRawTransaction', [raw])
    assert.equal(sent.error, undefined)
    for (;;) {
      const { result } = await rpc('eth_getTransactionReceipt', [sent.result])
      if (result) {
        seen.push({ hash: String(sent.result), blockHash: (result as { blockHash: string }).blockHash, nonce })
        break
      }
      await client.clock.sleep(20)
    }
  }
}

/** One life that ends at the n-th write, and the one after it. */
async function surviveCrash(sim: Sim, crashAt: number): Promise<void> {
  const seen: Seen[] = []
  const node = sim.boot('node')
  const client = sim.boot('client')
  sim.disk('node').crashAtChange(crashAt)
  const life = (async () => {
    await openNode(node)
    await sendUntilDown(client, 4, 0, seen)
  })().catch((error: unknown) => {
    if (sim.isAlive('node')) throw error
  })
  await sim.run(Promise.race([life, sim.whenDown('node')]))
  sim.crash('node')
  const again = await sim.run(openNode(sim.boot('node')))
  const rpc = rpcOf(client)
  for (const { hash, blockHash } of seen) {
    const { result } = await sim.run(rpc('eth_getTransactionReceipt', [hash]))
    assert.equal((result as { blockHash: string } | null)?.blockHash, blockHash, `crash at ${crashAt}: ${hash} is gone`)
  }
  const nonce = Number((await sim.run(rpc('eth_getTransactionCount', [testAccounts[0]!.address, 'latest']))).result)
  const paid = Number((await sim.run(rpc('eth_getBalance', [target, 'latest']))).result)
  assert.equal(paid, nonce)
  assert.ok(nonce >= seen.length)
  await sim.run(sendUntilDown(client, 1, nonce, seen))
  assert.equal(Number((await sim.run(rpc('eth_getBalance', [target, 'latest']))).result), paid + 1)
  await sim.run(again.close())
}

test('no acknowledged transaction is lost at a power cut, whichever write it hits', async () => {
  await loadEvmModule()
  const fired = new Map<string, number>()
  for (let crashAt = 1; crashAt <= 40; crashAt++) {
    const sim = createSim({ seed: crashAt })
    await surviveCrash(sim, crashAt)
    for (const [fault, times] of Object.entries(sim.faultsFired())) fired.set(fault, (fired.get(fault) ?? 0) + times)
  }
  assert.ok((fired.get('crash') ?? 0) >= 40, JSON.stringify([...fired]))
})
