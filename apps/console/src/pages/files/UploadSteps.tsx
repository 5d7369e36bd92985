/** The stages of an upload: hashing, paying, sending, proving; what is done stays visible. */
import { formatBytes } from '../../parts/formatAmount.ts'
import { Progress } from '../../parts/Progress.tsx'
import type { UploadProgress } from './useUpload.ts'

const allStages = [
  { stage: 'sealing', says: 'Making its key and encrypting it', was: 'Encrypted for your account' },
  { stage: 'hashing', says: 'Computing the root', was: 'Root computed' },
  { stage: 'paying', says: 'Paying for it', was: 'Paid' },
  { stage: 'waiting', says: 'Waiting for the storage nodes to see the payment', was: 'The storage nodes expect it' },
  { stage: 'uploading', says: 'Coding it and sending each node its rows', was: 'Every row is with its node' },
  { stage: 'finalizing', says: 'Having every node sign for its rows', was: 'Signed for by every node' },
  { stage: 'proving', says: 'Reading it back, checking every proof', was: 'Every segment verified' },
] as const
const countedStages: readonly string[] = ['hashing', 'uploading', 'proving']

export function UploadSteps(props: {
  file: File
  isPublic: boolean
  progress: UploadProgress | undefined
  onCancel: () => void
}) {
  const { file, isPublic, progress } = props
  const stages = allStages.filter(({ stage }) => !isPublic || stage !== 'sealing')
  const at = Math.max(
    0,
    stages.findIndex(({ stage }) => stage === progress?.phase),
  )
  return (
    <div className="grid gap-6 p-6 sm:p-8">
      <h2 className="text-[1.375rem] font-[300] tracking-[-0.02em]">{file.name}</h2>
      <ol className="grid gap-4">
        {stages.map((each, i) => {
          const state = i < at ? 'done' : i === at ? 'now' : 'later'
          const share =
            state === 'now' && progress && progress.totalBytes > 0 ? progress.doneBytes / progress.totalBytes : 0
          return (
            <li
              key={each.stage}
              aria-current={state === 'now' ? 'step' : undefined}
              className={state === 'later' ? 'text-mute' : ''}
            >
              <div className="mb-1.5 flex items-baseline justify-between gap-4">
                <span className={state === 'now' ? 'font-[560]' : ''}>
                  {state === 'done' && (
                    <span aria-hidden="true" className="mr-2 text-good">
                      ✓
                    </span>
                  )}
                  {state === 'done' ? each.was : each.says}
                </span>
                {state === 'now' && countedStages.includes(each.stage) && progress && progress.totalBytes > 0 && (
                  <span className="text-mute text-sm tabular-nums">
                    {formatBytes(progress.doneBytes)} of {formatBytes(progress.totalBytes)}
                    {progress.bytesPerSecond ? ` · ${formatBytes(progress.bytesPerSecond)}/s` : ''}
                    {progress.secondsLeft ? ` · ${progress.secondsLeft} s left` : ''}
                  </span>
                )}
              </div>
              <Progress share={state === 'done' ? 1 : share} label={each.says} live={state === 'now'} />
            </li>
          )
        })}
      </ol>
      <button type="button" className="button w-fit" onClick={props.onCancel}>
        Stop
      </button>
    </div>
  )
}
