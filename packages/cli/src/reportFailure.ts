/** Turns a failure into words on stderr and an exit code: 1 failed, 2 wrong usage. */
import { WeightlessError } from '@weightless/codec'
import { CommanderError } from 'commander'

export function reportFailure(error: unknown, { json }: { json: boolean }): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (json) {
    process.stdout.write(`${JSON.stringify({ error: describe(error) })}\n`)
    return 1
  }
  const { code, message, hint, cause } = describe(error)
  process.stderr.write(`\nweightless: ${message}\n`)
  if (cause) process.stderr.write(`  because: ${cause}\n`)
  if (hint) process.stderr.write(`  next:    ${hint}\n`)
  if (code) process.stderr.write(`  code:    ${code}\n`)
  return 1
}

type FailureText = { code?: string; message: string; hint?: string; cause?: string }

function describe(error: unknown): FailureText {
  if (error instanceof WeightlessError) {
    const facts = Object.entries(error.facts).filter(([, value]) => value !== undefined)
    const list = facts.map(([name, value]) => `${name} ${String(value)}`).join(', ')
    const root = error.walk()
    const cause = root !== error && root instanceof Error ? root.message.split('\n')[0] : undefined
    return {
      code: error.code,
      message: list ? `${error.shortMessage} (${list})` : error.shortMessage,
      ...(error.hint && { hint: error.hint }),
      ...(cause && { cause }),
    }
  }
  if (error instanceof Error)
    return { message: process.env.WEIGHTLESS_DEBUG ? (error.stack ?? error.message) : error.message }
  return { message: String(error) }
}
