/** `weightless provider status`: what a running provider earned, owes to be paid, does, and how fast; at a glance or as JSON. */
import type { ProviderStatus } from '@weightless/node/computeProvider/runProvider'
import type { Command } from 'commander'
import { withOperators } from '../operatorCall.ts'
import { formatDuration, formatTokens, printResult } from '../output.ts'

/** As it travels: wei and other wide integers are decimal text. */
type Told<Value> = Value extends bigint
  ? string
  : Value extends object
    ? { [Name in keyof Value]: Told<Value[Name]> }
    : Value

export type ToldStatus = Told<ProviderStatus> | { state: 'opening'; version: string }

export function addStatusCommand(provider: Command): void {
  provider
    .command('status')
    .description('what the running provider of this data directory, or those of its devnet, earned, do and are owed')
    .action((_flags: object, command: Command) =>
      withOperators(command, async (calls, isDevnet) => {
        const told = (await Promise.all(calls.map(({ ask }) => ask('/v1/status')))) as ToldStatus[]
        const lines = told.flatMap((status, at) => [...(at > 0 ? [''] : []), ...describeStatus(status)])
        printResult(command, isDevnet ? { providers: told } : told[0]!, lines)
      }),
    )
}

/** Below it a warning: some fifty settlements at a gas price of 10 gwei. */
const gasWeiLeast = 10n ** 17n

export function describeStatus(status: ToldStatus): string[] {
  if (!('earnings' in status)) return ['state      opening its model']
  const { earnings, jobs, latency, chain, pricing, offer } = status
  const tokens = (wei: string) => formatTokens(BigInt(wei))
  const uptime = formatDuration(status.uptime_seconds * 1000)
  const lines = [
    `provider   ${status.provider}`,
    `state      ${status.state}, up ${uptime}${status.version && `, version ${status.version}`}`,
    `sells      ${status.model} (${status.engine}: ${status.services.join(', ')}) at ${status.public_url}`,
    `price      ${perMillion(pricing.prompt)} / ${perMillion(pricing.completion)} tokens a million read / written`,
    `jobs       ${jobs.running} of ${jobs.running_max} running, ${jobs.waiting} of ${jobs.waiting_max} waiting`,
    `latency    first token ${spread(latency.first_token)}; answer ${spread(latency.answer)}`,
    `earned     ${tokens(earnings.receipted_wei)} receipted, ${tokens(earnings.vouched_wei)} vouched, ${tokens(earnings.paid_wei)} paid`,
    `unsettled  ${tokens(earnings.unsettled_wei)} (${earnings.unvouched_jobs} answers without a voucher, ${earnings.open_claims} open claims)`,
  ]
  lines.push(`market     ${describeOffer(offer)}`)
  if (!chain) return [...lines, 'chain      does not answer']
  lines.push(`stake      ${tokens(chain.stake_wei)}`, `gas        ${tokens(chain.balance_wei)}`)
  if (BigInt(chain.balance_wei) < gasWeiLeast) lines.push('           top it up: without gas nothing is settled')
  if (BigInt(earnings.on_word_wei) > 0n && !chain.is_signer_acknowledged) {
    lines.push(`           ${tokens(earnings.on_word_wei)} wait for the registry's owner to acknowledge this provider`)
  }
  return lines
}

function describeOffer(offer: Told<ProviderStatus>['offer']): string {
  if (!offer) return 'no offer stands'
  if (offer.measured_at === 0) return 'offered, not measured yet'
  const { concurrent_slots, tokens_per_second, first_token_ms, measured_at } = offer
  const measured = `${concurrent_slots} slots, ${tokens_per_second} tokens/s, first token ${formatDuration(first_token_ms)}`
  return `${measured}, measured ${new Date(measured_at * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

const perMillion = (wei: string): string => formatTokens(BigInt(wei) * 1_000_000n)

function spread({
  samples,
  p50_ms,
  p95_ms,
}: {
  samples: number
  p50_ms: number | null
  p95_ms: number | null
}): string {
  if (p50_ms === null || p95_ms === null) return 'not seen yet'
  return `${formatDuration(p50_ms)} (p95 ${formatDuration(p95_ms)}, of ${samples})`
}
