/** The signer's trainings with one provider, newest first; the one that is open shows its course. */
import type { FineTuningProvider, FineTuningTask } from '@weightless/sdk'
import { useState } from 'react'
import { ErrorNotice, Notice } from '../../parts/Notice.tsx'
import { TaskCourse } from './TaskCourse.tsx'
import { useTasks } from './useTrainers.ts'

const says: { readonly [progress: string]: string } = {
  Init: 'taken, waits for its turn',
  SettingUp: 'the file is being read',
  SetUp: 'planned and priced',
  Training: 'training',
  Trained: 'trained',
  Delivering: 'being delivered',
  Delivered: 'delivered: acknowledge it to get the key',
  UserAcknowledged: 'acknowledged, being settled',
  Finished: 'finished and paid',
  Failed: 'failed',
}

export function Tasks({ trainer }: { trainer: FineTuningProvider }) {
  const { data, error, isPending, refetch } = useTasks(trainer)
  const [openId, setOpenId] = useState<string>()
  const newest = data?.toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1)) ?? []
  const shownId = openId ?? newest[0]?.id
  return (
    <section aria-labelledby="trainings">
      <h2 id="trainings" className="heading mb-3">
        Your trainings
      </h2>
      {error && !data && <ErrorNotice title="The provider does not answer" error={error} onRetry={refetch} />}
      {isPending && <div className="skeleton h-24" />}
      {data?.length === 0 && <Notice title="None yet">What you start above is followed here.</Notice>}
      <ul className="grid gap-3">
        {newest.map((task) => (
          <TaskCard
            key={task.id}
            task={task}
            trainer={trainer}
            isOpen={task.id === shownId}
            onOpen={() => setOpenId(task.id)}
          />
        ))}
      </ul>
    </section>
  )
}

function TaskCard(props: { task: FineTuningTask; trainer: FineTuningProvider; isOpen: boolean; onOpen: () => void }) {
  const { task, trainer, isOpen, onOpen } = props
  return (
    <li className="sheet grid gap-5 px-5 py-4">
      <div className="flex flex-wrap items-baseline justify-between gap-x-5 gap-y-1">
        <h3 className="font-[560]">
          <span className="font-mono text-[0.875rem]">{task.id.slice(0, 8)}</span>{' '}
          <span className="text-mute text-sm">{new Date(task.createdAt).toLocaleString('en-GB')}</span>
        </h3>
        <span
          role="status"
          className={`text-sm ${task.progress === 'Failed' ? 'text-bad' : task.progress === 'Finished' ? 'text-good' : 'text-soft'}`}
        >
          {says[task.progress] ?? task.progress}
        </span>
      </div>
      {task.failure && (
        <Notice kind="bad" title="The training failed">
          {task.failure}
        </Notice>
      )}
      {isOpen ? (
        <TaskCourse task={task} trainer={trainer} />
      ) : (
        <button type="button" className="button button-small w-fit" onClick={onOpen}>
          Show its course
        </button>
      )}
    </li>
  )
}
