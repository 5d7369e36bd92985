/** Re-executes an answer in this browser and says exactly what it saw. */
import type { Bundle, ShownAnswer } from '@weightless/sdk'
import { formatBytes } from '../parts/formatAmount.ts'
import { ErrorNotice } from '../parts/Notice.tsx'
import { Progress } from '../parts/Progress.tsx'
import { Outcome } from './Outcome.tsx'
import { useVerify, type VerifyState } from './useVerify.ts'

/** @param shown - what this page asked and got; a true receipt of another answer must not pass for this one */
export function VerifyAnswer({ bundle, shown }: { bundle: Bundle; shown?: ShownAnswer }) {
  const { state, start, stop } = useVerify(bundle, shown)
  if (state.step === 'idle')
    return (
      <div>
        <button type="button" className="button button-small" onClick={start}>
          Verify in this browser
        </button>
      </div>
    )
  if (state.step === 'running') return <Running state={state} onStop={stop} />
  if (state.step === 'failed')
    return <ErrorNotice title="The check could not be done" error={state.error} onRetry={start} />
  return <Outcome outcome={state.outcome} tookMs={state.tookMs} fromCache={state.fromCache} onAgain={start} />
}

const says = {
  starting: 'Starting',
  cached: 'Reading the weights kept in this browser',
  loading: 'Loading the weights by their root, proving every segment',
  hashing: 'Checking the weights against their root',
  opening: 'Opening the model',
  executing: 'Running the model again',
} as const

function Running({ state, onStop }: { state: Extract<VerifyState, { step: 'running' }>; onStop: () => void }) {
  const { stage, done, total, unit } = state.progress
  return (
    <div className="arrive grid max-w-[34rem] gap-2.5 rounded-xl border border-line bg-sheet px-5 py-4">
      <div className="flex items-baseline justify-between gap-4">
        <p className="font-[560]" role="status">
          {says[stage]}
        </p>
        {total > 0 && (
          <p className="whitespace-nowrap text-mute text-sm tabular-nums">
            {unit === 'bytes' ? `${formatBytes(done)} of ${formatBytes(total)}` : `position ${done} of ${total}`}
          </p>
        )}
      </div>
      <Progress share={total > 0 ? done / total : 0} label={says[stage]} />
      <button type="button" className="button button-small mt-1 w-fit" onClick={onStop}>
        Stop
      </button>
    </div>
  )
}
