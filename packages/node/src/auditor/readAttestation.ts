/** How an auditor asks a provider for evidence of its hardware: by the registry's entry, over the network. Spec: spec/alignment.md 15 */
import { joinUrl } from '@weightless/blobs'
import { decodeBase64, type Hex, textToBytes } from '@weightless/codec'
import { type AttestationAnswer, type AttestationTools, collateralBytesMax, quoteBytesMax } from '@weightless/compute'
import { abis } from '@weightless/contracts'
import type { Env } from '@weightless/env'
import type { Ledger } from '@weightless/ledger'
import { readKeyRecord } from './readKeyRecord.ts'

export type AttestationReader = {
  env: Pick<Env, 'clock' | 'network'>
  ledger: Ledger
  inferenceServing: Hex
  /** Where the chain acknowledges keys, if it does. */
  teeKeys?: Hex | undefined
  chainId: number
  policy?: AttestationTools['policy']
}

const timeoutMs = 10_000

export function createAttestationReader({
  env,
  ledger,
  inferenceServing,
  teeKeys,
  chainId,
  policy,
}: AttestationReader): AttestationTools {
  const at = { address: inferenceServing, abi: abis.inferenceServing } as const
  return {
    chainId,
    nowSeconds: () => Math.floor(env.clock.nowMs() / 1000),
    async claimOf(provider) {
      if (!(await ledger.read({ ...at, functionName: 'serviceExists', args: [provider] }))) return undefined
      const { url, verifiability, teeSignerAddress } = await ledger.read({
        ...{ ...at, functionName: 'getService', args: [provider] },
      })
      return verifiability.startsWith('Tee') ? { url, signer: teeSignerAddress } : undefined
    },
    ask: (url, reportData, signal) => askQuote(env, joinUrl(url, `/v1/quote?report_data=${reportData}`), signal),
    ...(teeKeys && { recordOf: (provider, key) => readKeyRecord(ledger, teeKeys, { provider, key }) }),
    ...(policy && { policy }),
  }
}

/** `{ quote, collateral? }`, the quote in base64; what is of another form shows nothing. */
async function askQuote(
  { network }: Pick<Env, 'network'>,
  url: string,
  signal: AbortSignal,
): Promise<AttestationAnswer> {
  try {
    const response = await network.fetch(url, { signal, timeoutMs })
    const text = await response.text(2 * quoteBytesMax + collateralBytesMax)
    if (response.status !== 200) return { kind: 'nothing', detail: `status ${response.status}` }
    return readQuote(text) ?? { kind: 'nothing', detail: 'no quote' }
  } catch (fault) {
    return { kind: 'silent', detail: fault instanceof Error ? fault.message : String(fault) }
  }
}

function readQuote(text: string): AttestationAnswer | undefined {
  try {
    const { quote, collateral } = JSON.parse(text) as { quote?: unknown; collateral?: unknown }
    const bytes = typeof quote === 'string' ? decodeBase64(textToBytes(quote)) : undefined
    if (!bytes || bytes.length > quoteBytesMax) return undefined
    return { kind: 'shown', quote: bytes, ...(collateral !== undefined && { collateral }) }
  } catch {
    return undefined
  }
}
