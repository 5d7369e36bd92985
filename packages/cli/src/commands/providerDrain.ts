/** `weightless provider drain`: has a running provider end in order, and waits until it has. */
import type { Command } from 'commander'
import { ProviderUnreachableError, withOperator } from '../operatorCall.ts'
import { formatTokens, globalOptions, printResult, remark } from '../output.ts'
import { wholeNumber } from '../readNumber.ts'
import type { ToldStatus } from './providerStatus.ts'

const lookMs = 300

export function addDrainCommand(provider: Command): void {
  provider
    .command('drain')
    .description('take no new jobs, end the running ones, settle, claim what stays unpaid, and end the process')
    .option(
      '--deadline-seconds <n>',
      'running jobs are cut after it; default: what `provider start` was told (300)',
      wholeNumber({ min: 0, max: 86_400 }),
    )
    .action(drain)
}

async function drain({ deadlineSeconds }: { deadlineSeconds?: number }, command: Command): Promise<void> {
  const { json } = globalOptions(command)
  await withOperator(command, async ({ url, ask }) => {
    const query = deadlineSeconds === undefined ? '' : `?deadline_seconds=${deadlineSeconds}`
    let last = (await ask(`/v1/drain${query}`, 'POST')) as ToldStatus
    let told = -1
    for (;;) {
      const running = 'jobs' in last ? last.jobs.admitted : 0
      if (!json && running !== told) remark(running > 0 ? `${running} jobs are still answered …` : 'settling …')
      told = running
      await new Promise((resolve) => setTimeout(resolve, lookMs))
      const next = await ask('/v1/status').catch(goneOrThrow)
      if (next === undefined) break
      last = next as ToldStatus
    }
    const unsettledWei = 'earnings' in last ? last.earnings.unsettled_wei : '0'
    printResult(command, { state: 'ended', url, unsettledWei }, [
      `the provider at ${url} has ended; at the last look ${formatTokens(BigInt(unsettledWei))} tokens were not settled`,
    ])
  })
}

/** Its end is what is waited for. */
function goneOrThrow(fault: unknown): undefined {
  if (fault instanceof ProviderUnreachableError) return undefined
  throw fault
}
