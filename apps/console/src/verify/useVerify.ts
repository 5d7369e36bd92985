/** Runs one check in a worker of its own; stopping it ends the worker, so nothing goes on in the background. */
import type { Verification } from '@weightless/receipt'
import { type Bundle, bundleToJson } from '@weightless/receipt/bundle'
import type { ShownAnswer } from '@weightless/sdk'
import { matchBundle } from '@weightless/sdk/receipts/matchBundle'
import { useCallback, useEffect, useRef, useState } from 'react'
import { useNetwork } from '../network/NetworkProvider.tsx'
import type { VerifyAnswerMessage, VerifyProgress, VerifyRequest } from './verifyWorker.ts'

export type VerifyState =
  | { step: 'idle' }
  | { step: 'running'; progress: VerifyProgress }
  | { step: 'finished'; outcome: Verification; tookMs: number; fromCache: boolean }
  | { step: 'failed'; error: unknown }

const otherAnswer: VerifyState = {
  step: 'finished',
  outcome: {
    accepted: false,
    fault: 'commitment',
    detail: 'What stands above is not the question and the answer that this receipt was signed for.',
  },
  tookMs: 0,
  fromCache: false,
}
const startProgress: VerifyProgress = { stage: 'starting', done: 0, total: 0, unit: 'bytes' }

export function useVerify(bundle: Bundle, shown: ShownAnswer | undefined) {
  const network = useNetwork()
  const [state, setState] = useState<VerifyState>({ step: 'idle' })
  const worker = useRef<Worker>(undefined)
  const end = useCallback(() => {
    worker.current?.terminate()
    worker.current = undefined
  }, [])
  useEffect(() => end, [end])

  const start = useCallback(() => {
    end()
    if (shown && !matchBundle(bundle, shown)) return setState(otherAnswer)
    setState({ step: 'running', progress: startProgress })
    const running = new Worker(new URL('./verifyWorker.ts', import.meta.url), { type: 'module', name: 'verify' })
    worker.current = running
    running.onerror = (event) => {
      event.preventDefault()
      end()
      setState({ step: 'failed', error: new Error(event.message || 'The worker of the check could not start.') })
    }
    running.onmessage = ({ data }: MessageEvent<VerifyAnswerMessage>) => {
      if (data.type === 'ready')
        return running.postMessage({
          config: withoutKeys(network),
          bundle: bundleToJson(bundle),
        } satisfies VerifyRequest)
      if (data.type === 'progress') return setState({ step: 'running', progress: data.progress })
      end()
      if (data.type === 'failed') setState({ step: 'failed', error: new Error(data.message) })
      else setState({ step: 'finished', outcome: data.outcome, tookMs: data.tookMs, fromCache: data.fromCache })
    }
  }, [bundle, shown, network, end])
  const stop = useCallback(() => {
    end()
    setState({ step: 'idle' })
  }, [end])
  return { state, start, stop }
}

/** The worker reads weights and computes; it signs nothing. */
function withoutKeys(network: ReturnType<typeof useNetwork>): ReturnType<typeof useNetwork> {
  return { ...network, chain: { ...network.chain, accounts: [] } }
}
