/** Asks a person before tokens move; a program says `--yes`. */
import { confirm, isCancel } from '@clack/prompts'
import { WeightlessError } from '@weightless/codec'

/** @throws {NotConfirmedError} */
export async function askBeforeSpending(question: string, options: { yes?: boolean }): Promise<void> {
  if (options.yes || process.env.WEIGHTLESS_YES === '1') return
  if (!process.stdin.isTTY) throw new NotConfirmedError({ question })
  const answer = await confirm({ message: question })
  if (isCancel(answer) || !answer) throw new NotConfirmedError({ question })
}

export class NotConfirmedError extends WeightlessError {
  constructor(facts: { question: string }) {
    super('cli/not-confirmed', 'Nothing was paid.', facts, { hint: 'Confirm with --yes.' })
  }
}
