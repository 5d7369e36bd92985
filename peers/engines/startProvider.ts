/** A provider of its own account beside the devnet's, started as an operator does it, with money from a devnet account. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createWalletClient, http, parseEther, publicActions } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { providerAccount } from '../../packages/node/src/computeProvider/runProvider.ts'

const main = join(import.meta.dirname, '../../packages/cli/bin/weightless.mjs')
export const devnetFile = process.env.WEIGHTLESS_DEVNET!
export const devnet = JSON.parse(readFileSync(devnetFile, 'utf8'))

/** @returns what the command printed; rejects with what it complained of */
export function weightless(...words: string[]): Promise<string> {
  const env = { ...process.env, WEIGHTLESS_NETWORK: devnetFile }
  const child = spawn(process.execPath, [main, ...words], { stdio: ['ignore', 'pipe', 'pipe'], env })
  let [out, complaint] = ['', '']
  child.stdout.on('data', (chunk) => (out += chunk))
  child.stderr.on('data', (chunk) => (complaint += chunk))
  return new Promise((resolve, reject) => {
    child.once('close', (code) =>
      code === 0 ? resolve(out) : reject(new Error(`${words.join(' ')}: ${out}${complaint}`)),
    )
  })
}

export type StartedProvider = { child: ChildProcess; address: string; url: string; stop(): Promise<void> }

export async function startProvider(dataFolder: string, flags: readonly string[]): Promise<StartedProvider> {
  const { address } = providerAccount(join(dataFolder, 'provider'))
  const funded = devnet.chain.accounts[6]
  const account = privateKeyToAccount(funded.privateKey)
  const wallet = createWalletClient({ account, transport: http(devnet.chain.rpcUrl) }).extend(publicActions)
  const hash = await wallet.sendTransaction({ to: address, value: parseEther('200'), chain: null })
  await wallet.waitForTransactionReceipt({ hash })
  const words = ['--json', '--data-dir', dataFolder, 'provider', 'start', '--network', devnetFile, ...flags]
  const child = spawn(process.execPath, [main, ...words, '--until-input-ends'], { stdio: ['pipe', 'pipe', 'pipe'] })
  let text = ''
  let complaint = ''
  child.stderr!.on('data', (chunk) => (complaint = (complaint + chunk).slice(-4_000)))
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout!.on('data', (chunk) => {
      text += chunk
      const line = text.split('\n').find((each) => each.includes('"type":"open"'))
      if (line) resolve(JSON.parse(line).url)
    })
    void gone.then(() => reject(new Error(`the provider ended: ${text}${complaint}`)))
  })
  return {
    ...{ child, address: address.toLowerCase(), url },
    async stop() {
      child.stdin!.end()
      await gone
    },
  }
}
