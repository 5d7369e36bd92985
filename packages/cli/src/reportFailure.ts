/** Turns a failure into words on stderr (or one JSON object on stdout) and an exit code: 1 failed, 2 wrong usage. */
import { WeightlessError } from '@weightless/codec'
import { CommanderError } from 'commander'
import { printable } from './printable.ts'

/** Never throws; prints no stack unless WEIGHTLESS_DEBUG is set. */
export function reportFailure(error: unknown, { json }: { json: boolean }): number {
  if (error instanceof CommanderError) return reportUsage(error, json)
  const failure = describeFailure(error)
  if (json) {
    process.stdout.write(`${JSON.stringify({ error: failure })}\n`)
    return 1
  }
  const { code, message, hint, cause } = failure
  const lines = [`weightless: ${message}`]
  if (cause) lines.push(`  because: ${cause}`)
  if (hint) lines.push(`  next:    ${hint}`)
  lines.push(`  code:    ${code}`)
  process.stderr.write(`\n${lines.map(printable).join('\n')}\n`)
  if (process.env.WEIGHTLESS_DEBUG && error instanceof Error) process.stderr.write(`\n${error.stack ?? ''}\n`)
  return 1
}

/** commander has told people already. */
function reportUsage({ exitCode, message }: CommanderError, json: boolean): number {
  if (exitCode === 0) return 0
  if (json) {
    const error = { code: 'cli/usage', message: message.replace(/^error: /, ''), hint: 'See weightless --help.' }
    process.stdout.write(`${JSON.stringify({ error })}\n`)
  }
  return 2
}

export type FailureText = { code: string; message: string; hint?: string; cause?: string }

export function describeFailure(error: unknown): FailureText {
  if (error instanceof WeightlessError) return describeTyped(error)
  if (error instanceof AggregateError && error.errors.length > 0) return describeFailure(error.errors[0])
  const system = error instanceof Error ? describeSystem(error) : undefined
  if (system) return system
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'cli/unexpected', message: shorten(message), hint: 'Set WEIGHTLESS_DEBUG=1 to see where it happened.' }
}

function describeTyped(error: WeightlessError): FailureText {
  const root = error.walk()
  const system = root instanceof Error && root !== error ? describeSystem(root) : undefined
  const cause = root instanceof Error && root !== error ? (system?.message ?? shorten(root.message)) : undefined
  const hint = error.hint ?? (root instanceof WeightlessError ? root.hint : system?.hint)
  return {
    code: error.code,
    message: `${error.shortMessage}${listFacts(error)}`,
    ...(hint && { hint }),
    ...(cause && { cause }),
  }
}

/** The facts that the message does not say already. */
function listFacts({ facts, shortMessage }: WeightlessError): string {
  const open = Object.entries(facts)
    .filter(([, value]) => value !== undefined && !shortMessage.includes(String(value)))
    .map(([name, value]) => `${name} ${String(value)}`)
  return open.length > 0 ? ` (${shorten(open.join(', '), 500)})` : ''
}

/** What the operating system refused, and what helps. */
function describeSystem(error: Error): FailureText | undefined {
  const { code, path } = error as NodeJS.ErrnoException
  const known = code === undefined ? undefined : systemFailures[code]
  if (code === undefined || known === undefined) return undefined
  const [what, hint] = known
  return { code: `system/${code.toLowerCase()}`, message: path ? `${what}: ${path}` : `${what}.`, hint }
}

const systemFailures: { readonly [code: string]: readonly [what: string, hint: string] } = {
  ENOSPC: ['The disk is full', 'Free some space, then do it again; what was acknowledged is kept.'],
  EDQUOT: ['The disk quota is used up', 'Free some space, then do it again; what was acknowledged is kept.'],
  EROFS: ['The disk is read-only', 'Choose a folder on another disk.'],
  EACCES: ['Permission was denied', 'Choose another place, or have its owner give you access.'],
  EPERM: ['The operation is not permitted', 'Choose another place, or have its owner give you access.'],
  ENOENT: ['There is no such file or folder', 'Check the path.'],
  ENOTDIR: ['A part of this path is a file, not a folder', 'Check the path.'],
  EISDIR: ['This is a folder, not a file', 'Name a file.'],
  EEXIST: ['This is there already', 'Choose another name.'],
  EMFILE: ['Too many files are open', 'Raise the limit (ulimit -n), then try again.'],
  ECONNREFUSED: ['Nothing listens at this address', 'Start the devnet with `npm start`, or check the address.'],
  EADDRINUSE: ['The port is in use', 'Choose another --port-base.'],
  EADDRNOTAVAIL: ['This machine does not have this address', 'Choose another --host.'],
}

function shorten(text: string, charactersMax = 300): string {
  const line = text.split('\n').find((part) => part.trim() !== '') ?? ''
  return line.length > charactersMax ? `${line.slice(0, charactersMax)}…` : line
}
