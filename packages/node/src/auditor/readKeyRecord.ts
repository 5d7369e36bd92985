/** Reads what `TeeKeys` knows of a provider's key at one block, and has the quote behind it verified again there. Spec: spec/alignment.md 15.5 */
import { tcbStatuses } from '@weightless/attest'
import type { Hex } from '@weightless/codec'
import type { KeyRecord } from '@weightless/compute'
import { abis } from '@weightless/contracts'
import { attestationRefusals } from '@weightless/contracts/attestationRefusals'
import { type Ledger, RpcRefusedError, TransactionRevertedError } from '@weightless/ledger'
import { decodeFunctionData, encodeEventTopics } from 'viem'

/**
 * @param blockNumber - the newest without it
 * @returns undefined where the node has no state of that block any more
 */
export async function readKeyRecord(
  ledger: Ledger,
  teeKeys: Hex,
  { provider, key, blockNumber }: { provider: Hex; key: Hex; blockNumber?: number },
): Promise<KeyRecord | undefined> {
  const block = blockNumber === undefined ? await ledger.blockNumber() : BigInt(blockNumber)
  const at = { address: teeKeys, abi: abis.teeKeys, blockNumber: block } as const
  try {
    const [found, { timestampSeconds }] = await Promise.all([
      ledger.read({ ...at, functionName: 'keyOf', args: [provider, key] }),
      ledger.block(block),
    ])
    const record: KeyRecord = {
      ...{ key, blockNumber: Number(block), atSeconds: Number(timestampSeconds) },
      freshUntilSeconds: Number(found.freshUntil),
      status: tcbStatuses[found.status]!,
    }
    if (found.freshUntil === 0n) return record
    const quote = await findQuote(ledger, teeKeys, { provider, key, block })
    const again = quote && (await verifyAgain(ledger, teeKeys, quote, block))
    return { ...record, ...(again && { again }) }
  } catch (fault) {
    if (blockNumber !== undefined && fault instanceof RpcRefusedError) return undefined
    throw fault
  }
}

type Log = { transactionHash: Hex }

/** In the transaction that had the key recorded last, if it called the contract itself. */
async function findQuote(
  { rpc }: Pick<Ledger, 'rpc'>,
  teeKeys: Hex,
  { provider, key, block }: { provider: Hex; key: Hex; block: bigint },
): Promise<Hex | undefined> {
  const topics = encodeEventTopics({ abi: abis.teeKeys, eventName: 'KeyAttested', args: { provider, key } })
  const filter = { address: teeKeys, fromBlock: '0x0', toBlock: `0x${block.toString(16)}`, topics }
  const logs = (await rpc.request('eth_getLogs', [filter])) as readonly Log[]
  const last = logs.at(-1)
  if (!last) return undefined
  const sent = (await rpc.request('eth_getTransactionByHash', [last.transactionHash])) as {
    to: Hex | null
    input: Hex
  } | null
  if (sent?.to?.toLowerCase() !== teeKeys.toLowerCase()) return undefined
  const { functionName, args } = decodeFunctionData({ abi: abis.teeKeys, data: sent.input })
  return functionName === 'submit' ? args[2] : undefined
}

async function verifyAgain(
  ledger: Pick<Ledger, 'read'>,
  teeKeys: Hex,
  quote: Hex,
  blockNumber: bigint,
): Promise<KeyRecord['again']> {
  const verifier = await ledger.read({ address: teeKeys, abi: abis.teeKeys, functionName: 'verifier', blockNumber })
  const at = { address: verifier, abi: abis.dcapVerifier, blockNumber } as const
  try {
    const { status } = await ledger.read({ ...at, functionName: 'verify', args: [quote] })
    return { status: tcbStatuses[status]! }
  } catch (fault) {
    if (!(fault instanceof TransactionRevertedError) || fault.reason.errorName !== 'Refused') throw fault
    return { refusal: attestationRefusals[Number(fault.reason.args?.[0])] ?? 'malformed' }
  }
}
