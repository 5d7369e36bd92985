/** How far a check is: the stage in words, what is done of it, how fast it goes, and a way to stop. */
import { formatBytes } from '../parts/formatAmount.ts'
import { Progress } from '../parts/Progress.tsx'
import type { CheckStage } from './checkMessages.ts'
import type { ShownProgress } from './useCheck.ts'

const says: { readonly [stage in CheckStage]: string } = {
  starting: 'Starting',
  kept: 'Looking for the weights in this browser',
  loading: 'Loading the weights by their root, proving every segment',
  hashing: 'Checking the weights against their root',
  opening: 'Opening the model',
  executing: 'Running the model again',
  asking: 'Asking the provider for the first number that differs',
  judging: 'Computing the number in question',
  sending: 'Showing the chain what it has to know',
}

export function Running({ progress, onStop }: { progress: ShownProgress; onStop: () => void }) {
  const { stage, done, total } = progress
  return (
    <div className="arrive grid max-w-[38rem] gap-2.5 rounded-xl border border-line bg-sheet px-5 py-4">
      <div className="flex flex-wrap items-baseline justify-between gap-x-4">
        <p className="font-[560]" role="status">
          {says[stage]}
        </p>
        <p className="whitespace-nowrap text-mute text-sm tabular-nums">{describe(progress)}</p>
      </div>
      <Progress share={total > 0 ? done / total : 0} label={says[stage]} />
      <button type="button" className="button button-small mt-1 w-fit" onClick={onStop}>
        Stop
      </button>
    </div>
  )
}

function describe({ stage, done, total, perSecond }: ShownProgress): string {
  if (stage === 'asking') return `${done + 1}. question`
  if (stage === 'sending') return done > 0 ? `${formatBytes(done)} of the model’s head` : ''
  if (total === 0) return ''
  if (stage !== 'executing') return `${formatBytes(done)} of ${formatBytes(total)}`
  return `token ${done} of ${total}${perSecond ? ` · ${perSecond.toFixed(perSecond < 10 ? 1 : 0)} tokens/s` : ''}`
}
