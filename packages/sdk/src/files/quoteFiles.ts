/** What storing costs and for how long it pays, from the network's market contract. Spec: storage §9. */
import type { Blobs } from '@weightless/blobs'
import { abis } from '@weightless/contracts'
import { fileShape } from '@weightless/crypto'
import type { ClientContext } from '../clientContext.ts'
import { contractAddress } from '../networkConfig.ts'

export type FileQuote = {
  sizeBytes: number
  /** What the fee counts: sectors of 256 bytes after padding. */
  paddedSectors: number
  priceWeiPerSector: bigint
  feeWei: bigint
  /** For how long the fee pays; undefined where it pays for ever. */
  lifetimeMs: number | undefined
}

/** The sum for files of these sizes. */
export async function quoteFiles(
  { config, ledger }: ClientContext,
  blobs: Pick<Blobs, 'quote'>,
  sizes: readonly number[],
): Promise<FileQuote> {
  const { priceWeiPerSector } = await blobs.quote(sizes[0] ?? 0)
  const flow = contractAddress(config, 'flow')
  const address = await ledger.read({ address: flow, abi: abis.flow, functionName: 'market' })
  // A market that knows no lifetimes is paid once for all.
  const lifetime = await ledger.read({ address, abi: abis.market, functionName: 'lifetimeSeconds' }).catch(() => 0n)
  const sizeBytes = sizes.reduce((sum, size) => sum + size, 0)
  const paddedSectors = sizes.reduce((sum, size) => sum + fileShape(size).paddedSectors, 0)
  const feeWei = priceWeiPerSector * BigInt(paddedSectors)
  return { sizeBytes, paddedSectors, priceWeiPerSector, feeWei, lifetimeMs: Number(lifetime) * 1000 || undefined }
}

/** Undefined where a payment never expires. */
export async function readPaidUntilMs({ config, ledger }: ClientContext, txSeq: number): Promise<number | undefined> {
  const address = contractAddress(config, 'flow')
  const call = { address, abi: abis.flow, functionName: 'paidUntilByTxSeq', args: [BigInt(txSeq)] } as const
  return Number(await ledger.read(call)) * 1000 || undefined
}
