/** Loss by step: on what is trained, as a line, and on what is held out, as points joined. */
import type { TrainingPoint } from '@weightless/sdk'

const width = 720
const height = 220
const edge = 5

export function LossPlot({ points }: { points: readonly TrainingPoint[] }) {
  const held = points.flatMap(({ step, heldOut }) => (heldOut ? [{ step, loss: heldOut.loss }] : []))
  const trained = points.filter(({ loss }) => Number.isFinite(loss))
  const losses = [...trained, ...held].map(({ loss }) => loss)
  const most = losses.reduce((a, b) => Math.max(a, b), 0) || 1
  const steps = points.reduce((a, { step, steps: planned }) => Math.max(a, step, planned), 1)
  const x = (step: number) => edge + (step / steps) * (width - 2 * edge)
  const y = (loss: number) => edge + (1 - loss / most) * (height - 2 * edge)
  const line = (list: readonly { step: number; loss: number }[]) =>
    list.map(({ step, loss }) => `${x(step).toFixed(1)},${y(loss).toFixed(1)}`).join(' ')
  const lastTrained = trained.at(-1)
  const lastHeld = held.at(-1)
  const summary = `Loss by step. Trained: ${say(trained[0]?.loss)} to ${say(lastTrained?.loss)}. Held out: ${say(held[0]?.loss)} to ${say(lastHeld?.loss)}.`
  return (
    <figure className="grid gap-1.5">
      <div className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-3 text-mute text-xs tabular-nums">
        <div aria-hidden="true" className="flex flex-col justify-between text-right leading-none">
          <span>{most.toFixed(2)}</span>
          <span>{(most / 2).toFixed(2)}</span>
          <span>0</span>
        </div>
        <svg
          viewBox={`0 0 ${width} ${height}`}
          className="h-52 w-full"
          preserveAspectRatio="none"
          role="img"
          aria-label={summary}
        >
          {[0, 0.5, 1].map((share) => (
            <Line key={share} points={`0,${y(most * share)} ${width},${y(most * share)}`} color="line" widthPx={1} />
          ))}
          <Line points={line(trained)} color="edge" widthPx={1.5} />
          <Line points={line(held)} color="lift" widthPx={2} />
          {held.map((point) => (
            // A line of no length with round ends stays a round dot however the plot is stretched.
            <Line key={point.step} points={`${line([point])} ${line([point])}`} color="lift" widthPx={7} />
          ))}
        </svg>
        <span />
        <span className="mt-1 text-right">step {steps}</span>
      </div>
      <figcaption className="flex flex-wrap gap-x-5 text-mute text-sm tabular-nums">
        <span>
          <i className="mr-1.5 inline-block h-0.5 w-4 bg-edge align-middle" />
          trained {say(lastTrained?.loss)}
        </span>
        <span>
          <i className="mr-1.5 inline-block h-0.5 w-4 bg-lift align-middle" />
          held out {say(lastHeld?.loss)}
        </span>
      </figcaption>
    </figure>
  )
}

function Line({ points, color, widthPx }: { points: string; color: 'line' | 'edge' | 'lift'; widthPx: number }) {
  return (
    <polyline
      points={points}
      fill="none"
      stroke={`var(--color-${color})`}
      strokeWidth={widthPx}
      strokeLinecap="round"
      vectorEffect="non-scaling-stroke"
    />
  )
}

const say = (loss: number | undefined): string => (loss === undefined ? 'not measured' : loss.toFixed(3))
