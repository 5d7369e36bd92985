/**
 * A provider that cheats, as a program of its own behind the public interface:
 *   node packages/compute/scripts/cheatingProvider.ts --cheat weight-ulp --weights FILE --key 0x… --rpc http://… --port 8090
 * Contracts are those of the devnet. Everything that it says is signed; `verifyBundle` must catch it, or the
 * gateway where it is the receipt that lies.
 */
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import type { Hex } from '@weightless/codec'
import { addresses, genesis } from '@weightless/contracts'
import { createNodeEnv } from '@weightless/env/node'
import { privateKeyToAccount } from 'viem/accounts'
import { startProvider } from '../src/provider/startProvider.ts'
import { bendReceipts, receiptCheats } from './bendReceipts.ts'
import { type Cheat, cheats, openCheatingEngine } from './cheat.ts'

const { values } = parseArgs({
  options: {
    cheat: { type: 'string' },
    weights: { type: 'string' },
    'other-weights': { type: 'string' },
    name: { type: 'string', default: 'cheating' },
    key: { type: 'string' },
    rpc: { type: 'string', default: 'http://127.0.0.1:8545' },
    port: { type: 'string', default: '8090' },
    'data-dir': { type: 'string', default: '.weightless/cheating' },
  },
})
const receiptCheat = receiptCheats.find((known) => known === values.cheat)
const cheat: Cheat | undefined = receiptCheat ? 'none' : cheats.find((known) => known === values.cheat)
if (!cheat || !values.weights || !values.key) {
  console.error(
    `usage: --cheat ${[...cheats, ...receiptCheats].join('|')} --weights FILE --key 0x… [--other-weights FILE] [--rpc URL] [--port N]`,
  )
  process.exit(2)
}
const bytesOf = async (path: string) => new Uint8Array(await readFile(path))
const weights = await bytesOf(values.weights)
const otherWeights = values['other-weights'] ? await bytesOf(values['other-weights']) : undefined
const env = createNodeEnv({ dataFolder: values['data-dir'], log: 'text' })
const account = privateKeyToAccount(values.key as Hex)
const network = receiptCheat ? bendReceipts(env.network, account, receiptCheat) : env.network
const provider = await startProvider({
  env: { ...env, network },
  rpcUrl: values.rpc,
  chainId: genesis.chainId,
  contracts: addresses,
  account,
  port: Number(values.port),
  openEngine: () =>
    openCheatingEngine({ env, name: values.name, weights, cheat, ...(otherWeights ? { otherWeights } : {}) }),
  inputWeiPerToken: 1_000n,
  outputWeiPerToken: 2_000n,
})
await provider.ready
console.log(JSON.stringify({ url: provider.url, address: provider.address, cheat: values.cheat }))
process.once('SIGINT', async () => {
  await provider.close()
  await env.close()
})
