/** The check itself, off the page: takes one job, reports how far it is, and sends back what it saw. */
import { WeightlessError } from '@weightless/codec'
import type { CheckMessage, CheckProgress, CheckRequest, WalletAnswer } from './checkMessages.ts'
import { openClient } from './openClient.ts'
import { runCheck } from './runCheck.ts'
import { createWalletBridge } from './walletBridge.ts'

const say = (message: CheckMessage) => self.postMessage(message)
const wallet = createWalletBridge((id, call) => say({ type: 'wallet', id, call }))

self.onmessage = ({ data }: MessageEvent<CheckRequest | WalletAnswer>) => {
  if (data.type === 'wallet') return wallet.answer(data)
  run(data).catch((error: unknown) => {
    if (error instanceof WeightlessError)
      say({ type: 'failed', code: error.code, message: error.shortMessage, hint: error.hint })
    else say({ type: 'failed', code: 'console/check', message: error instanceof Error ? error.message : String(error) })
  })
}

say({ type: 'ready' })

async function run({ job, config, signer, weights }: CheckRequest): Promise<void> {
  const finished = await runCheck(job, {
    local: weights,
    client: config && openClient(config, signer, wallet.provider),
    report: (stage: CheckProgress['stage'], done = 0, total = 0) =>
      say({ type: 'progress', progress: { stage, done, total } }),
    onHashed: (hashed) => say({ type: 'hashed', hashed }),
  })
  say({ type: 'finished', finished })
}
