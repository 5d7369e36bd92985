/** A client for the network of the data directory (`devnet.json`) or of `--network FILE`, with the account that pays. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Hex, WeightlessError } from '@weightless/codec'
import { createNodeEnv, type NodeEnv } from '@weightless/env/node'
import { devnetFilePath } from '@weightless/node/devnetFile'
import { type Client, createClient, type NetworkConfig, readNetworkConfig } from '@weightless/sdk'
import type { Command } from 'commander'
import { privateKeyToAccount } from 'viem/accounts'
import { globalOptions } from './output.ts'

/**
 * Opens a client, gives it to `work`, and closes it whatever happens.
 * The paying account is WEIGHTLESS_KEY, else the first account of the network file.
 * @throws {NetworkUnknownError | NetworkFileError | KeyInvalidError}
 */
export async function withClient<Result>(
  command: Command,
  work: (client: Client, env: NodeEnv) => Promise<Result>,
  networkFile?: string,
): Promise<Result> {
  const { dataDir } = globalOptions(command)
  const config = readConfig(networkFile ?? process.env.WEIGHTLESS_NETWORK ?? devnetFilePath(dataDir))
  const env = createNodeEnv({ dataFolder: dataDir, log: 'silent', workersMax: 1 })
  try {
    const key = keyOf(config)
    return await work(createClient({ config, env, ...(key && { account: readKey(key) }) }), env)
  } finally {
    await env.close()
  }
}

/** The private key of the account that pays, where something is sealed to it. @throws {KeyInvalidError} there is none */
export function payingKey(command: Command): Hex {
  const key = keyOf(readConfig(process.env.WEIGHTLESS_NETWORK ?? devnetFilePath(globalOptions(command).dataDir)))
  if (!key) throw new KeyInvalidError()
  readKey(key)
  return key as Hex
}

function keyOf(config: NetworkConfig): string | undefined {
  return process.env.WEIGHTLESS_KEY ?? config.chain.accounts.find((account) => account.privateKey)?.privateKey
}

function readConfig(file: string) {
  const path = resolve(file)
  const verdict = readNetworkConfig(parseFile(path))
  if (!verdict.ok) throw new NetworkFileError({ path, reason: verdict.detail ?? verdict.code })
  return verdict.value
}

function parseFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new NetworkUnknownError({ path })
    throw new NetworkFileError({ path, reason: (error as Error).message })
  }
}

function readKey(key: string) {
  if (!/^0x[0-9a-fA-F]{64}$/.test(key)) throw new KeyInvalidError()
  try {
    return privateKeyToAccount(key as `0x${string}`)
  } catch {
    // Zero, or not below the order of the curve. The library's message would repeat the key.
    throw new KeyInvalidError()
  }
}

export class NetworkUnknownError extends WeightlessError {
  constructor(facts: { path: string }) {
    super('cli/network-unknown', 'No network is described here.', facts, {
      hint: 'Start one with `npm start`, or name another with --data-dir or WEIGHTLESS_NETWORK.',
    })
  }
}

export class NetworkFileError extends WeightlessError {
  constructor(facts: { path: string; reason: string }) {
    super('cli/network-file', 'The network file cannot be read.', facts, {
      hint: 'Start the devnet again; it rewrites the file.',
    })
  }
}

export class KeyInvalidError extends WeightlessError {
  constructor() {
    super(
      'cli/key-invalid',
      'WEIGHTLESS_KEY is not a private key of 32 bytes in hex.',
      {},
      {
        hint: 'Set it to 0x and 64 hex digits, or unset it to pay with the first account of the network.',
      },
    )
  }
}
