/** Level `sampled`: an answer is executed again with the chance that was bought, drawn after it was signed for. Spec: COMPUTE §10.10 */
import { type Bundle, isChatBundle } from '@weightless/receipt'
import { isDrawn } from '../../wire/verificationLevel.ts'
import type { GatewayContext } from '../gatewayContext.ts'
import type { Check } from './checkBook.ts'

/** @param bundle - resolves when the provider has signed, and its receipt is kept: only then is drawn */
export function sampleAnswer(
  context: GatewayContext,
  { jobId, bundle }: { jobId: string; bundle: Promise<Bundle | undefined> },
  { keyId, share }: { keyId: string; share: number },
): void {
  const { checks, metrics, health, env } = context
  const wanted = { level: 'sampled', share } as const
  const note = (outcome: Check['outcome'], detail?: string) =>
    checks.note(jobId, { keyId, wanted, outcome, ...(detail !== undefined && { detail }) })

  async function check(): Promise<void> {
    const signed = await bundle
    if (!signed) return note('unfinished', 'there is no good receipt')
    if (!isDrawn(env.random, share)) return note('not-drawn')
    if (!isChatBundle(signed) || !context.referee) return note('unfinished', 'no run to execute')
    const verification = await context.referee.judge(signed)
    if (verification.accepted) {
      metrics.checksAgreed.add()
      return note('agreed')
    }
    metrics.checksRefuted.add()
    const { provider } = signed.receipt
    health.distrust(provider)
    env.log.error('answer refuted', { provider, jobId, detail: verification.detail })
    note('differs', `${verification.fault}: ${verification.detail}`)
  }

  note('pending')
  const work = check().catch((fault) => {
    env.log.error('answer not checked', { jobId, reason: fault instanceof Error ? fault.message : String(fault) })
    note('unfinished', 'the check failed')
  })
  checks.run(work)
}
