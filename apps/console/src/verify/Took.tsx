/** How long a check took, and with which weights. */
import { formatMs } from '../parts/formatAmount.ts'
import type { Finished, WeightsFrom } from './checkMessages.ts'

const fromSays: { readonly [from in WeightsFrom]: string } = {
  kept: 'weights kept in this browser',
  network: 'weights fetched by their root',
  file: 'weights from your file',
  none: 'no weights needed',
}

export function Took({ finished, onAgain }: { finished: Finished; onAgain: () => void }) {
  const { tookMs, workMs, weightsFrom } = finished
  return (
    <p className="mt-1 text-mute text-sm" data-work-ms={Math.round(workMs)}>
      {formatMs(workMs)} in this browser
      {tookMs - workMs > 1_000 && `, ${formatMs(tookMs - workMs)} to get the weights ready`} · {fromSays[weightsFrom]} ·{' '}
      <button type="button" className="link" onClick={onAgain}>
        check again
      </button>
    </p>
  )
}
