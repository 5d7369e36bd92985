/** Re-executes an answer in this browser and says exactly what it saw; a wrong one can be disputed at once. */
import { bundleToJson } from '@weightless/receipt/bundle'
import type { Bundle, ShownAnswer } from '@weightless/sdk'
import { matchBundle } from '@weightless/sdk/receipts/matchBundle'
import { useNetwork } from '../network/NetworkProvider.tsx'
import { ErrorNotice, Notice } from '../parts/Notice.tsx'
import { FinishedCheck } from './FinishedCheck.tsx'
import { OpenDispute } from './OpenDispute.tsx'
import { Running } from './Running.tsx'
import { useCheck } from './useCheck.ts'

/** @param shown - what this page asked and got; a true receipt of another answer must not pass for this one */
export function VerifyAnswer({ bundle, shown }: { bundle: Bundle; shown?: ShownAnswer }) {
  const config = useNetwork()
  const { state, start, reset } = useCheck()
  if (shown && !matchBundle(bundle, shown))
    return (
      <Notice kind="bad" title="Refused: the receipt is about another question or answer">
        What stands above is not the question and the answer that this receipt was signed for.
      </Notice>
    )
  const run = () =>
    start({ job: { kind: 'verify', bundle: bundleToJson(bundle), isOurs: true }, config, weights: undefined })
  if (state.step === 'idle')
    return (
      <div>
        <button type="button" className="button button-small" onClick={run}>
          Verify in this browser
        </button>
      </div>
    )
  if (state.step === 'running') return <Running progress={state.progress} onStop={reset} />
  if (state.step === 'failed')
    return <ErrorNotice title="The check could not be done" error={state.error} onRetry={run} />
  const { finished } = state
  return (
    <div className="grid max-w-[38rem] gap-3">
      <FinishedCheck finished={finished} about={bundle.receipt} onAgain={run} />
      <OpenDispute bundle={bundle} finished={finished} />
    </div>
  )
}
