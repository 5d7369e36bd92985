/** Puts a fine-tuning service into the registry on the chain, once, and again only when something changed. Spec: FINETUNING §1. */
import type { Hex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { type Ledger, TransactionRevertedError } from '@weightless/ledger'

export type FineTuningQuota = {
  cpuCount: bigint
  /** GB. */
  nodeMemory: bigint
  gpuCount: bigint
  /** GB. */
  nodeStorage: bigint
  gpuType: string
}

export type FineTuningOffer = {
  url: string
  quota: FineTuningQuota
  weiPerToken: bigint
  models: readonly string[]
}

/** @throws {InsufficientFundsError} the account cannot pay the stake */
export async function registerFineTuning(
  ledger: Ledger,
  fineTuningServing: Hex,
  offer: FineTuningOffer,
): Promise<void> {
  const at = { address: fineTuningServing, abi: abis.fineTuningServing } as const
  const present = await readService(ledger, fineTuningServing)
  if (present && isSame(present, offer, ledger.address!)) return
  const value = present ? 0n : await ledger.read({ ...at, functionName: 'MIN_PROVIDER_STAKE' })
  const { url, quota, weiPerToken, models } = offer
  await ledger.submit({
    ...at,
    functionName: 'addOrUpdateService',
    // The provider itself signs settlements: there is no enclave that could.
    args: [url, quota, weiPerToken, false, [...models], ledger.address!],
    value,
  })
}

async function readService(ledger: Ledger, fineTuningServing: Hex) {
  try {
    const at = { address: fineTuningServing, abi: abis.fineTuningServing } as const
    return await ledger.read({ ...at, functionName: 'getService', args: [ledger.address!] })
  } catch (fault) {
    if (fault instanceof TransactionRevertedError && fault.reason.errorName === 'ServiceNotExist') return undefined
    throw fault
  }
}

function isSame(
  present: NonNullable<Awaited<ReturnType<typeof readService>>>,
  { url, quota, weiPerToken, models }: FineTuningOffer,
  signer: Hex,
): boolean {
  const quotas = Object.entries(quota).every(([name, value]) => present.quota[name as 'cpuCount'] === value)
  const signers = present.teeSignerAddress.toLowerCase() === signer.toLowerCase()
  return (
    quotas &&
    signers &&
    !present.occupied &&
    present.url === url &&
    present.pricePerToken === weiPerToken &&
    present.models.join('\n') === models.join('\n')
  )
}
