/** Asks running providers what only their operator may ask: with the address and the token that lie in the data directory. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { WeightlessError } from '@weightless/codec'
import type { FetchResponse, Network } from '@weightless/env'
import { createNodeEnv } from '@weightless/env/node'
import { loadOperatorToken } from '@weightless/node/apiKey'
import { readProviderFile } from '@weightless/node/computeProvider/providerFile'
import { readDevnetFile } from '@weightless/node/devnetFile'
import type { Command } from 'commander'
import { commandLine } from './commandLine.ts'
import { globalOptions } from './output.ts'

export type OperatorCall = {
  url: string
  /** JSON of a 200. @throws {ProviderUnreachableError} {ProviderRefusesError} */
  ask(path: string, method?: 'GET' | 'POST'): Promise<unknown>
}

const answerMs = 15_000
const answerBytesMax = 4 * 1024 * 1024

type Operated = { url: string; token: string }

/** The provider that `provider start` runs with this data directory. @throws {ProviderUnknownError} none does */
export async function withOperator<Result>(
  command: Command,
  work: (call: OperatorCall) => Promise<Result>,
): Promise<Result> {
  const own = findOwn(command)
  if (!own) throw unknown(command)
  return withCalls(command, [own], ([call]) => work(call!))
}

/** That one, or else those of the devnet that runs there. @throws {ProviderUnknownError} none does */
export async function withOperators<Result>(
  command: Command,
  work: (calls: OperatorCall[], isDevnet: boolean) => Promise<Result>,
): Promise<Result> {
  const own = findOwn(command)
  const operated = own ? [own] : findDevnets(command)
  if (operated.length === 0) throw unknown(command)
  return withCalls(command, operated, (calls) => work(calls, own === undefined))
}

const folderOf = (command: Command): string => join(resolve(globalOptions(command).dataDir), 'provider')

function findOwn(command: Command): Operated | undefined {
  const folder = folderOf(command)
  const file = readProviderFile(folder)
  if (!file || !existsSync(join(folder, 'operator-token'))) return undefined
  return { url: file.url, token: loadOperatorToken(folder) }
}

function findDevnets(command: Command): Operated[] {
  const { providers = [], operatorToken: token } = readDevnetFile(globalOptions(command).dataDir)?.compute ?? {}
  return token ? providers.map(({ url }) => ({ url, token })) : []
}

function unknown(command: Command): ProviderUnknownError {
  return new ProviderUnknownError({ folder: folderOf(command) }, globalOptions(command).dataDir)
}

async function withCalls<Result>(
  command: Command,
  operated: readonly Operated[],
  work: (calls: OperatorCall[]) => Promise<Result>,
): Promise<Result> {
  const { network, close } = createNodeEnv({ dataFolder: globalOptions(command).dataDir, log: 'silent', workersMax: 1 })
  try {
    const call = ({ url, token }: Operated): OperatorCall => ({
      url,
      ask: (path, method = 'GET') => ask(network, url, token, path, method),
    })
    return await work(operated.map(call))
  } finally {
    await close()
  }
}

async function ask(network: Network, url: string, token: string, path: string, method: string): Promise<unknown> {
  let answer: FetchResponse
  try {
    const headers = { authorization: `Bearer ${token}` }
    answer = await network.fetch(`${url}${path}`, { method, headers, timeoutMs: answerMs })
  } catch (cause) {
    throw new ProviderUnreachableError({ url }, cause)
  }
  if (answer.status === 200) return answer.json(answerBytesMax)
  throw new ProviderRefusesError({ url, status: answer.status, answer: (await answer.text(65_536)).slice(0, 300) })
}

export class ProviderUnknownError extends WeightlessError {
  constructor(facts: { folder: string }, dataDir: string) {
    super('cli/provider-unknown', 'No provider runs with this data directory.', facts, {
      hint: `Start one with \`${commandLine('provider start', dataDir)}\`, or name its --data-dir.`,
    })
  }
}

export class ProviderUnreachableError extends WeightlessError {
  constructor(facts: { url: string }, cause: unknown) {
    super('cli/provider-unreachable', 'The provider does not answer.', facts, {
      cause,
      hint: 'It may have been killed; `weightless provider start` with the same --data-dir goes on where it stopped.',
    })
  }
}

export class ProviderRefusesError extends WeightlessError {
  constructor(facts: { url: string; status: number; answer: string }) {
    super('cli/provider-refuses', 'The provider refuses to answer its operator.', facts)
  }
}
