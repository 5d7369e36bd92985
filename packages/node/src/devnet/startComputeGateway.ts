/** The devnet's gateway: one API key, paid by a funded account whose prepaid ledger is opened at the first start. */
import { type Gateway, readPrepaidLedger, startGateway } from '@weightless/compute'
import { abis, addresses, genesis } from '@weightless/contracts'
import type { Env } from '@weightless/env'
import { createLedger, type Ledger } from '@weightless/ledger'
import { parseEther } from 'viem'
import type { WeightsShelf } from '../computeGateway/weightsShelf.ts'
import type { DevnetKey } from './devnetKeys.ts'

/** Tokens that the gateway's account pays into its ledger at the first start, and moves to a provider at a time. */
const depositWei = parseEther('100')
const autoFundWei = parseEther('1')

export async function startComputeGateway(
  env: Env,
  options: {
    port: number
    host: string
    rpcUrl: string
    apiKey: string
    managementKey: string
    payer: DevnetKey
    weights: WeightsShelf
  },
): Promise<Gateway> {
  const { port, host, rpcUrl, apiKey, managementKey, payer, weights } = options
  await fundLedger(createLedger({ rpcUrl, env, account: payer.account }), payer)
  return startGateway({
    env,
    rpcUrl,
    chainId: genesis.chainId,
    contracts: addresses,
    port,
    host,
    keys: [{ key: apiKey, account: payer.account }],
    managementKey,
    autoFundWei,
    weights,
  })
}

async function fundLedger(ledger: Ledger, payer: DevnetKey): Promise<void> {
  const at = { address: addresses.ledgerManager, abi: abis.ledgerManager }
  if (await readPrepaidLedger(ledger, addresses.ledgerManager, payer.address)) return
  await ledger.submit({ ...at, functionName: 'addLedger', args: [''], value: depositWei })
}
