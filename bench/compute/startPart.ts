/** One part of the market in a process of its own: `startPart.ts chain|provider|gateway '{…}'`; prints what the others need. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openChain } from '@weightless/chain'
import { bytesToHex } from '@weightless/codec'
import { openUpstreamEngine, startGateway, startProvider } from '@weightless/compute'
import { abis, addresses, genesis } from '@weightless/contracts'
import { createNodeEnv } from '@weightless/env/node'
import { createLedger, fastAccount } from '@weightless/ledger'
import { mnemonicToAccount } from 'viem/accounts'

const [part, text] = process.argv.slice(2)
const { rpcUrl = '', upstreamUrl = '', keys = [] } = JSON.parse(text ?? '{}') as Options
type Options = { rpcUrl?: string; upstreamUrl?: string; keys?: string[] }

const dataFolder = mkdtempSync(join(tmpdir(), `weightless-bench-${part}-`))
const env = createNodeEnv({ dataFolder, log: 'text', logLevel: 'error' })
const { chainId } = genesis
const tokens = (count: bigint) => count * 10n ** 18n
const accountOf = (addressIndex: number) =>
  fastAccount(bytesToHex(mnemonicToAccount(genesis.mnemonic, { addressIndex }).getHdKey().privateKey!))
const [provider, payer] = [1, 2] as const

if (part === 'chain') {
  const chain = await openChain({ env, folder: 'chain', chainId, genesis })
  const { url } = await chain.serve({ port: 0 })
  const ledger = createLedger({ rpcUrl: url, env, account: accountOf(payer) })
  const at = { address: addresses.ledgerManager, abi: abis.ledgerManager } as const
  await ledger.submit({ ...at, functionName: 'addLedger', args: [''], value: tokens(100n) })
  say({ url })
} else if (part === 'provider') {
  const started = await startProvider({
    ...{ env, rpcUrl, chainId, contracts: addresses, port: 0, account: accountOf(provider) },
    inputWeiPerToken: 1_000n,
    outputWeiPerToken: 2_000n,
    // All keys are one account here: what bounds one user must not be what is measured.
    limits: {
      perUserMax: 512,
      waitingMax: 512,
      concurrentMax: 512,
      requestsPerMinute: 1_000_000,
      unvouchedJobsMax: 2_048,
    },
    openEngine: () => openUpstreamEngine({ env, url: upstreamUrl, name: 'mock', services: ['chat'] }),
  })
  await started.ready
  process.on('SIGUSR2', async () => {
    await started.settle()
    say({ settled: true })
  })
  say({ url: started.url, address: started.address })
} else {
  const account = accountOf(payer)
  const started = await startGateway({
    ...{ env, rpcUrl, chainId, contracts: addresses, port: 0, autoFundWei: tokens(5n) },
    keys: keys.map((key) => ({ key, account })),
    limits: { perKeyMax: 512 },
  })
  process.on('SIGUSR2', async () => {
    await started.settled()
    say({ settled: true })
  })
  say({ url: started.url, user: account.address })
}

// In this way a profile is written.
process.once('SIGTERM', () => process.exit())

function say(what: object): void {
  console.log(JSON.stringify(what))
}
