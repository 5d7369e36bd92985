/** Signs the receipts of answered jobs when somebody asks for them: several together with one signature. RECEIPT §3.1 */
import { signReceiptBatch } from '@weightless/receipt'
import type { StoredJob } from '../settlement/jobLog.ts'
import type { ProviderContext } from './providerContext.ts'

/** Puts the signatures into the bundles of `jobs`. Logs of before have them in already. */
export async function signJobs(
  { account, place }: Pick<ProviderContext, 'account' | 'place'>,
  jobs: readonly StoredJob[],
) {
  const unsigned = jobs.filter(({ bundle }) => bundle.signature === undefined)
  if (unsigned.length === 0) return
  const { sign } = account
  if (!sign) throw new TypeError('the account of a provider must be able to sign digests')
  const domain = { chainId: place.chainId, verifyingContract: place.settlement }
  const digests = unsigned.map(({ receiptHash }) => receiptHash)
  const signatures = await signReceiptBatch(digests, domain, { sign })
  for (const [index, { bundle }] of unsigned.entries()) bundle.signature = signatures[index]!
}
