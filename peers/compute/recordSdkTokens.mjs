// Tokens as the existing compute SDK 0.9.0 makes them: `node peers/compute/local.ts recordSdkTokens.mjs` writes vectors/compute/sdkTokens.json.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { ethers } from 'ethers'

const { createZGComputeNetworkBroker } = createRequire(import.meta.url)('@0gfoundation/0g-compute-ts-sdk')
const { chain, contracts, compute } = JSON.parse(readFileSync(process.env.WEIGHTLESS_DEVNET, 'utf8'))
const rpc = new ethers.JsonRpcProvider(chain.rpcUrl, chain.chainId, { staticNetwork: true, pollingInterval: 100 })
const wallet = new ethers.Wallet(chain.accounts[6].privateKey, rpc)
const broker = await createZGComputeNetworkBroker(wallet, contracts.ledgerManager, contracts.inferenceServing)
const { address: provider } = compute.providers[0]
await broker.ledger.addLedger(5)
await broker.ledger.transferFund(provider, 'inference', 2n * 10n ** 18n)
const headers = await broker.inference.getRequestHeaders(provider, 'content')
const key = await broker.inference.requestProcessor.createApiKey(provider, { expiresIn: 0 })
const tokens = [headers.Authorization.replace('Bearer ', ''), key.rawToken]
const file = new URL('../../vectors/compute/sdkTokens.json', import.meta.url)
const origin = '@0gfoundation/0g-compute-ts-sdk 0.9.0, by peers/compute/recordSdkTokens.mjs'
writeFileSync(file, `${JSON.stringify({ origin, address: wallet.address, provider, tokens }, undefined, 1)}\n`)
process.exit(0)
