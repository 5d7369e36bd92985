/** Runs one check in a worker of its own; stopping it ends the worker, so nothing goes on in the background. */
import { WeightlessError } from '@weightless/codec'
import type { NetworkConfig } from '@weightless/sdk/networkConfig'
import { useCallback, useEffect, useRef, useState } from 'react'
import type { Signer } from '../network/signer.ts'
import type {
  CheckMessage,
  CheckProgress,
  CheckRequest,
  CheckSigner,
  CheckStage,
  Finished,
  HashedFile,
  WalletAnswer,
} from './checkMessages.ts'
import { startWorker } from './startWorker.ts'

/** `perSecond`: how fast the present stage goes, once it can be told. */
export type ShownProgress = CheckProgress & { perSecond?: number | undefined }

export type CheckState =
  | { step: 'idle' }
  | { step: 'running'; progress: ShownProgress }
  | { step: 'finished'; finished: Finished }
  | { step: 'failed'; error: unknown }

/** `signer`: of jobs that send transactions. */
export type CheckOrder = Omit<CheckRequest, 'type' | 'signer'> & { signer?: Signer }

export function useCheck(onHashed?: (hashed: HashedFile) => void) {
  const [state, setState] = useState<CheckState>({ step: 'idle' })
  const worker = useRef<Worker>(undefined)
  const end = useCallback(() => {
    worker.current?.terminate()
    worker.current = undefined
  }, [])
  useEffect(() => end, [end])

  const start = useCallback(
    ({ signer, ...request }: CheckOrder) => {
      end()
      setState({ step: 'running', progress: { stage: 'starting', done: 0, total: 0 } })
      const running = startWorker()
      worker.current = running
      const measure = createMeter()
      running.onerror = (event) => {
        event.preventDefault()
        end()
        setState({ step: 'failed', error: new Error(event.message || 'The worker of the check could not start.') })
      }
      running.onmessage = ({ data }: MessageEvent<CheckMessage>) => {
        if (data.type === 'ready') return running.postMessage(requestOf(request, signer))
        if (data.type === 'wallet') return void askWallet(running, signer, data)
        if (data.type === 'hashed') return onHashed?.(data.hashed)
        if (data.type === 'progress') return setState({ step: 'running', progress: measure(data.progress) })
        end()
        if (data.type === 'failed') setState({ step: 'failed', error: carryError(data) })
        else setState({ step: 'finished', finished: data.finished })
      }
    },
    [end, onHashed],
  )
  const reset = useCallback(() => {
    end()
    setState({ step: 'idle' })
  }, [end])
  return { state, start, reset }
}

function carryError({ code, message, hint }: Extract<CheckMessage, { type: 'failed' }>): WeightlessError {
  return new WeightlessError(code, message, {}, hint === undefined ? {} : { hint })
}

/** Of an order without a signer the worker reads weights and computes, and signs nothing. */
function requestOf({ job, config, weights }: Omit<CheckOrder, 'signer'>, signer: Signer | undefined): CheckRequest {
  return { type: 'check', job, config: config && withoutKeys(config), weights, signer: signerOf(signer) }
}

function signerOf(signer: Signer | undefined): CheckSigner | undefined {
  if (!signer || signer.kind === 'none') return undefined
  if (signer.kind === 'wallet') return { kind: 'wallet', address: signer.address }
  return { kind: 'testKey', privateKey: signer.privateKey }
}

/** The wallet asks its user, not the worker; what it says goes back. */
async function askWallet(
  running: Worker,
  signer: Signer | undefined,
  { id, call }: Extract<CheckMessage, { type: 'wallet' }>,
): Promise<void> {
  const say = (answer: WalletAnswer) => running.postMessage(answer)
  try {
    if (signer?.kind !== 'wallet') throw new Error('No wallet is connected.')
    say({ type: 'wallet', id, result: await signer.provider.request(call) })
  } catch (error) {
    say({ type: 'wallet', id, error: says(error) })
  }
}

/** Wallets throw plain objects. */
function says(error: unknown): string {
  const message = typeof error === 'object' && error !== null && 'message' in error ? error.message : error
  return String(message)
}

function withoutKeys(config: NetworkConfig): NetworkConfig {
  return { ...config, chain: { ...config.chain, accounts: [] } }
}

/** The pace since a stage began, told from its second report on. */
function createMeter(): (progress: CheckProgress) => ShownProgress {
  let since: { stage: CheckStage; done: number; atMs: number } | undefined
  return (progress) => {
    const nowMs = performance.now()
    if (since?.stage !== progress.stage) since = { stage: progress.stage, done: progress.done, atMs: nowMs }
    const seconds = (nowMs - since.atMs) / 1000
    return { ...progress, perSecond: seconds > 0.2 ? (progress.done - since.done) / seconds : undefined }
  }
}
