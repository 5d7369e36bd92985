/** Runs one peer against a network with the tiny model instead of a whole devnet: `node peers/compute/local.ts openai.peer.mjs`. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bytesToHex } from '@weightless/codec'
import { abis, addresses, genesis } from '@weightless/contracts'
import { gatewayKey, startComputeNet, tinyModel, tokens } from '../../sim/compute/computeNet.ts'

const net = await startComputeNet()
const provider = await net.startProvider()
await Promise.all([provider.ready, net.deposit(2, tokens(10))])
// As the devnet does it.
await net.ledgerOf(genesis.ownerAccountIndex).submit({
  address: addresses.inferenceServing,
  abi: abis.inferenceServing,
  functionName: 'acknowledgeTEESignerByOwner',
  args: [provider.address],
})
const gateway = await net.startGateway()
const folder = mkdtempSync(join(tmpdir(), 'weightless-peer-'))
const file = join(folder, 'devnet.json')
const accounts = Array.from({ length: 10 }, (_, index) => {
  const account = net.accountOf(index)
  return { address: account.address, privateKey: bytesToHex(account.getHdKey().privateKey!) }
})
const devnet = {
  chain: { rpcUrl: net.rpcUrl, wsUrl: '', chainId: genesis.chainId, accounts },
  contracts: addresses,
  storage: { indexerUrl: 'http://127.0.0.1:9', nodeUrls: [] },
  compute: {
    gatewayUrl: gateway.url,
    apiKey: gatewayKey,
    providers: [{ address: provider.address, url: provider.url, models: ['tiny'] }],
  },
}
writeFileSync(file, JSON.stringify(devnet))
const script = join(import.meta.dirname, process.argv[2] ?? 'openai.peer.mjs')
const env = { ...process.env, WEIGHTLESS_DEVNET: file, MODEL_WEIGHTS: fileURLToPath(tinyModel) }
const child = spawn(process.execPath, [script], { stdio: 'inherit', env })
const [code] = (await once(child, 'exit')) as [number]
await net.close()
rmSync(folder, { recursive: true, force: true })
process.exit(code ?? 1)
