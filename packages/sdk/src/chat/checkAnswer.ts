/** What was bought of checking, done or looked at by the user herself: the gateway's word is not taken. Spec: COMPUTE §10.10 */
import { type Hex, WeightlessError } from '@weightless/codec'
import {
  answersOf,
  detectionOf,
  isDrawn,
  type VerificationLevel,
  type VerificationStatement,
} from '@weightless/compute/wire'
import type { Bundle, Verification } from '@weightless/receipt'
import type { ClientContext } from '../clientContext.ts'
import type { ReceiptsApi } from '../receipts/openReceipts.ts'

/**
 * `not-drawn`: chance passed it over. `agreed`: the same bits, from another provider or by one's own execution. `decided`:
 * two differed, and one's own execution agrees with this one. `differs`: it is wrong.
 */
export type AnswerCheck = {
  level: VerificationLevel['level']
  outcome: 'none' | 'not-drawn' | 'agreed' | 'decided' | 'differs'
  /** Chance that a wrong answer is found; of copies as long as not all of their providers are in league. */
  detection: number
  /** Receipts of all answers that were made, this one's first. */
  bundles: Bundle[]
  /** What all of them cost together. */
  feeWei: bigint
  /** Of one's own execution. */
  verification?: Verification
}

export type CheckMeans = {
  loadWeights?: (modelRoot: Hex) => Promise<Uint8Array | undefined>
  signal?: AbortSignal
}

export async function checkAnswer(
  { env, config }: ClientContext,
  receipts: ReceiptsApi,
  wanted: VerificationLevel,
  { bundle, statement }: { bundle: Bundle | undefined; statement: VerificationStatement | undefined },
  means: CheckMeans,
): Promise<AnswerCheck> {
  const about = { level: wanted.level, detection: detectionOf(wanted) }
  const own = bundle ? [bundle] : []
  if (wanted.level === 'none') return { ...about, outcome: 'none', bundles: own, feeWei: sumOf(own) }
  if (!bundle) throw new AnswerUncheckedError({ level: wanted.level, reason: 'the answer has no receipt' })
  if (wanted.level === 'sampled') {
    const drawn = isDrawn(env.random, wanted.share)
    const verification = drawn ? await receipts.verify(bundle, means) : undefined
    const outcome = verification === undefined ? 'not-drawn' : verification.accepted ? 'agreed' : 'differs'
    return { ...about, outcome, bundles: own, feeWei: bundle.receipt.fee, ...(verification && { verification }) }
  }
  const others = await otherBundles(receipts, wanted, statement, bundle, means.signal)
  const bundles = [bundle, ...others]
  const of = { ...about, bundles, feeWei: sumOf(bundles) }
  const reason = await whyNotAlike(bundles, config)
  if (reason === undefined) return { ...of, outcome: 'agreed' }
  // That the gateway's referee found this one right is the gateway's word.
  const verification = statement?.outcome === 'decided' ? await receipts.verify(bundle, means) : undefined
  if (verification?.accepted) return { ...of, outcome: 'decided', verification }
  throw new AnswerUncheckedError({ level: wanted.level, reason })
}

async function otherBundles(
  receipts: ReceiptsApi,
  wanted: VerificationLevel,
  statement: VerificationStatement | undefined,
  { receipt }: Bundle,
  signal: AbortSignal | undefined,
): Promise<Bundle[]> {
  const ids = (statement?.answers ?? []).filter(({ provider }) => provider !== receipt.provider)
  const found = await Promise.all(ids.map((id) => receipts.get(id.receipt, signal ? { signal } : {})))
  const providers = new Set([receipt.provider, ...found.map((bundle) => bundle.receipt.provider)])
  if (providers.size === answersOf(wanted)) return found
  throw new AnswerUncheckedError({ level: wanted.level, reason: 'the gateway shows fewer receipts than were bought' })
}

/** Signatures and hashes of all, and that they say the same bits; undefined when so. */
async function whyNotAlike(bundles: readonly Bundle[], config: ClientContext['config']): Promise<string | undefined> {
  const [{ checkBundle }, { compareAnswers }, { isChatBundle }] = await Promise.all([
    import('@weightless/receipt/checkBundle'),
    import('@weightless/receipt/compareAnswers'),
    import('@weightless/receipt/bundle'),
  ])
  const settlement = config.contracts.receiptSettlement
  const [first, ...others] = bundles
  for (const bundle of bundles) {
    const wrong = await checkBundle(bundle, {
      chainId: BigInt(config.chain.chainId),
      ...(settlement && { settlement }),
    })
    if (wrong) return wrong.detail
  }
  for (const other of others) {
    if (!first || !isChatBundle(first) || !isChatBundle(other)) return 'a receipt is of no run'
    const difference = compareAnswers(first, other)
    if (difference !== undefined) return `the answers differ: ${difference}`
  }
  return undefined
}

const sumOf = (bundles: readonly Bundle[]): bigint => bundles.reduce((sum, { receipt }) => sum + receipt.fee, 0n)

export class AnswerUncheckedError extends WeightlessError {
  constructor(facts: { level: string; reason: string }) {
    super('sdk/answer-unchecked', 'The answer is not checked as was asked for.', facts, {
      hint: 'Do not rely on it; ask again, or through another gateway.',
    })
  }
}
