/** Asks a running provider what only its operator may ask: with the address and the token that lie in its data folder. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { WeightlessError } from '@weightless/codec'
import type { FetchResponse, Network } from '@weightless/env'
import { createNodeEnv } from '@weightless/env/node'
import { loadOperatorToken } from '@weightless/node/apiKey'
import { readProviderFile } from '@weightless/node/computeProvider/providerFile'
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

/** @throws {ProviderUnknownError} none runs with this data directory */
export async function withOperator<Result>(
  command: Command,
  work: (call: OperatorCall) => Promise<Result>,
): Promise<Result> {
  const { dataDir } = globalOptions(command)
  const folder = join(resolve(dataDir), 'provider')
  const file = readProviderFile(folder)
  if (!file || !existsSync(join(folder, 'operator-token'))) throw new ProviderUnknownError({ folder }, dataDir)
  const token = loadOperatorToken(folder)
  const env = createNodeEnv({ dataFolder: dataDir, log: 'silent', workersMax: 1 })
  try {
    const { url } = file
    return await work({ url, ask: (path, method = 'GET') => ask(env.network, url, token, path, method) })
  } finally {
    await env.close()
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
