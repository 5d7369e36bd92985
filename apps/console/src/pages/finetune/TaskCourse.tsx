/** The course of one training, live: loss while it learns, what the provider notes, and what is to be done next. */
import type { FineTuningProvider, FineTuningTask } from '@weightless/sdk'
import { Progress } from '../../parts/Progress.tsx'
import { LossPlot } from './LossPlot.tsx'
import { TalkToIt } from './TalkToIt.tsx'
import { TaskActs } from './TaskActs.tsx'
import { useCourse } from './useCourse.ts'

export function TaskCourse({ task, trainer }: { task: FineTuningTask; trainer: FineTuningProvider }) {
  const { points, notes, error } = useCourse(trainer, task.id)
  const last = points.at(-1)
  return (
    <div className="grid gap-5">
      {last && task.progress === 'Training' && (
        <div className="grid gap-1.5">
          <p className="text-mute text-sm tabular-nums">
            Step {last.step} of {last.steps} · {last.tokensPerSecond.toFixed(1)} tokens/s
          </p>
          <Progress share={last.step / Math.max(1, last.steps)} label="Training" />
        </div>
      )}
      {points.length > 0 && <LossPlot points={points} />}
      <Qualities task={task} />
      {notes.length > 0 && (
        <details>
          <summary className="text-sm">What the provider noted ({notes.length})</summary>
          <ol className="mt-2 grid gap-0.5 font-mono text-[0.8125rem] text-soft">
            {notes.map((note, i) => (
              // Notes only grow; they keep their place.
              // biome-ignore lint/suspicious/noArrayIndexKey: see above
              <li key={i}>{note}</li>
            ))}
          </ol>
        </details>
      )}
      {error !== undefined && points.length === 0 && (
        <p className="text-mute text-sm">The course cannot be followed just now.</p>
      )}
      <TaskActs task={task} trainer={trainer} />
      {task.progress === 'Finished' && <TalkToIt task={task} trainer={trainer} />}
    </div>
  )
}

function Qualities({ task: { base, tuned } }: { task: FineTuningTask }) {
  if (!base || !tuned) return null
  return (
    <p className="text-soft">
      On examples that were held out, the loss went from <strong className="font-[560]">{base.loss.toFixed(3)}</strong>{' '}
      to <strong className="font-[560]">{tuned.loss.toFixed(3)}</strong>, and right tokens from{' '}
      {(base.accuracy * 100).toFixed(0)} % to {(tuned.accuracy * 100).toFixed(0)} %.
    </p>
  )
}
