/** Starts a provider that runs a model with one weight changed by a unit in the last place, and signs for the right one. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { abis } from '@weightless/contracts'
import { type Client, contractAddress } from '@weightless/sdk'
import { openTestClient } from './askForBundle.ts'

export type Cheat = { model: string; close(): Promise<void> }

const script = join(import.meta.dirname, '../../../packages/compute/scripts/cheatingProvider.ts')
/** Of the devnet's test keys; nobody else there works with it. */
const accountIndex = 5
const port = '22990'
const waitMsMax = 60_000

/** Ready once the gateway offers its model. @param url - of the console */
export async function startCheat(url: string, weights: string): Promise<Cheat> {
  const { config, chat, ledger } = await openTestClient(url, accountIndex)
  const folder = mkdtempSync(join(tmpdir(), 'weightless-cheat-'))
  const model = 'one-weight-off'
  const key = config.chain.accounts[accountIndex]?.privateKey ?? ''
  const child = spawn(
    process.execPath,
    [
      ...[script, '--cheat', 'weight-ulp', '--weights', weights, '--name', model, '--key', key],
      ...['--rpc', config.chain.rpcUrl, '--port', port, '--data-dir', folder],
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const close = async () => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
    // Else a gateway would go on offering what nobody serves any more.
    const at = { address: contractAddress(config, 'inferenceServing'), abi: abis.inferenceServing } as const
    await ledger.submit({ ...at, functionName: 'removeService', args: [] })
  }
  try {
    await waitForModel(child, chat, model)
    return { model, close }
  } catch (error) {
    await close().catch(() => undefined)
    throw error
  }
}

async function waitForModel(child: ChildProcess, chat: Client['chat'], model: string): Promise<void> {
  for (let attempt = 0; attempt < waitMsMax / 250; attempt++) {
    if (child.exitCode !== null) throw new Error(`The cheating provider ended with code ${child.exitCode}.`)
    if ((await chat.models()).some(({ id }) => id === model)) return
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  throw new Error(`The gateway did not offer ${model} after ${waitMsMax} ms.`)
}
