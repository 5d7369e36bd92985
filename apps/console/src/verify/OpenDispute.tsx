/** Plays the dispute over an answer that differs against its provider, down to one number, and offers the verdict. */
import { bundleToJson } from '@weightless/receipt/bundle'
import type { Bundle } from '@weightless/sdk'
import { useKnownNetwork } from '../network/NetworkProvider.tsx'
import { ErrorNotice } from '../parts/Notice.tsx'
import { ChallengeProvider } from './ChallengeProvider.tsx'
import type { Finished, LocalWeights } from './checkMessages.ts'
import { FinishedCheck } from './FinishedCheck.tsx'
import { Running } from './Running.tsx'
import { useCheck } from './useCheck.ts'

/** What differs in the run itself; of all else the receipt alone is the proof. */
const disputable: readonly string[] = ['trace', 'token', 'operator']

/** @param finished - of verifying the same bundle; nothing is shown unless it differs in the run */
export function OpenDispute(props: { bundle: Bundle; finished: Finished; weights?: LocalWeights | undefined }) {
  const { bundle, finished, weights } = props
  const config = useKnownNetwork()
  const { state, start, reset } = useCheck()
  const { result } = finished
  if (result.kind !== 'verify' || result.outcome.accepted || !disputable.includes(result.outcome.fault)) return null
  if (!config || 'kind' in bundle.opening) return null
  const run = () => start({ job: { kind: 'dispute', bundle: bundleToJson(bundle) }, config, weights })
  if (state.step === 'idle')
    return (
      <div className="grid gap-2">
        <button type="button" className="button button-solid w-fit" onClick={run}>
          Open a dispute
        </button>
        <p className="text-mute text-sm">
          Asks the provider for its working until one number is wrong, and keeps that number as a file that convicts it.
          Takes one or two more executions.
        </p>
      </div>
    )
  if (state.step === 'running') return <Running progress={state.progress} onStop={reset} />
  if (state.step === 'failed')
    return <ErrorNotice title="The dispute could not be played" error={state.error} onRetry={run} />
  const { result: played } = state.finished
  const isWithheld = played.kind === 'dispute' && played.dispute.outcome === 'withheld'
  return (
    <div className="grid gap-3">
      <FinishedCheck finished={state.finished} about={bundle.receipt} weights={weights} onAgain={run} />
      {isWithheld && <ChallengeProvider bundle={bundle} weights={weights} />}
    </div>
  )
}
