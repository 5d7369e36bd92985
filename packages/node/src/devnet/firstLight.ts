/** The main job once, small: store a text, ask the model about it, verify the answer by re-execution, see it settled. */
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { textToBytes } from '@weightless/codec'
import { abis, addresses } from '@weightless/contracts'
import type { Env } from '@weightless/env'
import { bundleToJson, type Receipt } from '@weightless/receipt'
import { type Client, createClient, readNetworkConfig } from '@weightless/sdk'
import type { DevnetFile } from '../devnetFile.ts'
import type { DevnetEvent } from '../devnetOptions.ts'
import type { DevnetKey } from './devnetKeys.ts'

type FirstLight = {
  client: Client
  env: Env
  emit(event: DevnetEvent): void
  signal: AbortSignal
  folder: string
}

const question = 'Why is the sky blue? Answer in one sentence.'

export async function doFirstLight(
  env: Env,
  options: { file: DevnetFile; folder: string; payer: DevnetKey; signal: AbortSignal; emit(event: DevnetEvent): void },
): Promise<void> {
  const verdict = readNetworkConfig(structuredClone(options.file))
  const provider = options.file.compute.providers[0]
  if (!verdict.ok || !provider) return
  const client = createClient({ config: verdict.value, env, account: options.payer.account })
  const { folder, emit, signal } = options
  const work: FirstLight = { client, env, emit, signal, folder }
  let stage = 'storing'
  try {
    await storeText(work)
    stage = 'asking'
    const receiptId = await ask(work, provider.models[0]!)
    stage = 'verifying'
    const receipt = await verify(work, receiptId)
    stage = 'settling'
    await awaitSettlement(work, receipt)
  } catch (error) {
    if (options.signal.aborted) return
    options.emit({ type: 'first-light-failed', stage, reason: error instanceof Error ? error.message : String(error) })
  }
}

async function storeText({ client, env, emit, signal }: FirstLight): Promise<void> {
  const text = textToBytes(`First light of this network, at ${new Date(env.clock.nowMs()).toISOString()}.\n`)
  const { root, sizeBytes, feeWei } = await client.files.upload(text, { signal, isPublic: true })
  emit({ type: 'first-light-stored', root, sizeBytes, feeWei, blockNumber: await client.ledger.blockNumber() })
}

async function ask({ client, env, emit, signal }: FirstLight, model: string): Promise<string> {
  emit({ type: 'first-light-question', text: question, model })
  const startedMs = env.clock.monotonicMs()
  const request = { model, messages: [{ role: 'user' as const, content: question }], maxTokens: 40, temperature: 0 }
  for await (const event of client.chat.stream(request, { signal })) {
    if (event.type === 'text') emit({ type: 'first-light-token', text: event.text })
    if (event.type !== 'end') continue
    if (!event.receiptId) throw new Error('the answer came without a receipt')
    const bundle = await client.receipts.get(event.receiptId, { signal })
    const tookMs = env.clock.monotonicMs() - startedMs
    emit({
      type: 'first-light-answered',
      tokens: event.usage?.completionTokens ?? 0,
      tookMs,
      receiptId: event.receiptId,
      feeWei: bundle.receipt.fee,
    })
    return event.receiptId
  }
  throw new Error('the answer did not end')
}

/** In a process of its own, as a stranger would: the provider is not asked. */
async function verify({ client, env, emit, signal, folder }: FirstLight, receiptId: string): Promise<Receipt> {
  const bundle = await client.receipts.get(receiptId, { signal })
  const file = join(folder, 'receipts', `${receiptId}.json`)
  mkdirSync(join(folder, 'receipts'), { recursive: true, mode: 0o700 })
  writeFileSync(file, `${JSON.stringify(bundleToJson(bundle))}\n`, { mode: 0o600 })
  const startedMs = env.clock.monotonicMs()
  const outcome = await runVerifier(file, folder, signal)
  const detail = outcome.accepted
    ? 'accepted: a fresh process re-executed it to the same bits'
    : `${outcome.fault ?? ''} ${outcome.detail ?? ''}`
  emit({
    type: 'first-light-verified',
    accepted: outcome.accepted,
    detail,
    tookMs: env.clock.monotonicMs() - startedMs,
  })
  return bundle.receipt
}

type Outcome = { accepted: boolean; fault?: string; detail?: string }

function runVerifier(file: string, folder: string, signal: AbortSignal): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const words = [commandLine, '--json', '--data-dir', folder, 'verify', file]
    execFile(process.execPath, words, { signal, maxBuffer: 1 << 24 }, (error, stdout) => {
      try {
        const outcome = JSON.parse(stdout) as Outcome & { error?: { message: string } }
        if (outcome.error) reject(new Error(outcome.error.message))
        else resolve(outcome)
      } catch {
        reject(error ?? new Error('the verifier said nothing'))
      }
    })
  })
}

const commandLine = join(import.meta.dirname, '../../../cli/src/main.ts')

/** Whichever provider answered. */
async function awaitSettlement({ client, env, emit, signal }: FirstLight, { provider, fee }: Receipt): Promise<void> {
  const fromBlock = await client.ledger.blockNumber()
  const at = {
    address: addresses.receiptSettlement,
    abi: abis.receiptSettlement,
    eventNames: ['VouchersSettled'],
  }
  const deadlineMs = env.clock.monotonicMs() + settleMsMax
  while (env.clock.monotonicMs() < deadlineMs) {
    const toBlock = await client.ledger.blockNumber()
    const events = await client.ledger.getEvents({ ...at, fromBlock: fromBlock > 20n ? fromBlock - 20n : 0n, toBlock })
    const paid = events.findLast(
      (event) =>
        event.eventName === 'VouchersSettled' &&
        event.args.provider.toLowerCase() === provider.toLowerCase() &&
        event.args.paid >= fee,
    )
    if (paid?.eventName === 'VouchersSettled') {
      emit({
        type: 'first-light-settled',
        blockNumber: paid.blockNumber,
        transactionHash: paid.transactionHash,
        paidWei: paid.args.paid,
      })
      return
    }
    await env.clock.sleep(250, signal)
  }
  throw new Error('no settlement within a minute')
}

const settleMsMax = 60_000
