/** Takes a JSONL file by drop, by choice, or the sample, and names the first line that a provider would refuse. */
import { useRef, useState } from 'react'
import { DropArea } from '../../parts/DropArea.tsx'
import { formatBytes, formatCount } from '../../parts/formatAmount.ts'
import { Notice } from '../../parts/Notice.tsx'
import { type CheckedDataset, checkDataset, type DatasetFault, datasetBytesMax } from './checkDataset.ts'
import { makeSampleDataset } from './sampleDataset.ts'

export function DatasetDrop(props: {
  dataset: CheckedDataset | undefined
  onChoose: (dataset: CheckedDataset | undefined) => void
}) {
  const { dataset, onChoose } = props
  const input = useRef<HTMLInputElement>(null)
  const [refused, setRefused] = useState<{ name: string; fault: DatasetFault }>()
  const offer = (name: string, bytes: Uint8Array) => {
    const check = checkDataset(name, bytes)
    setRefused(check.ok ? undefined : { name, fault: check.fault })
    onChoose(check.ok ? check.dataset : undefined)
  }
  const offerFile = async (file: File | undefined) => {
    if (!file) return
    // A file that is too large is not even read.
    const bytes = new Uint8Array(await file.slice(0, datasetBytesMax + 1).arrayBuffer())
    offer(file.name, bytes)
  }
  return (
    <DropArea
      className="grid justify-items-center gap-4 rounded-xl border border-edge border-dashed px-6 py-9 text-center"
      onFiles={([file]) => void offerFile(file)}
    >
      {(over) => (
        <>
          {dataset ? (
            <p className="text-[1.125rem]" role="status">
              <span className="font-[560]">{dataset.name}</span> · {formatCount(dataset.examples)} examples ·{' '}
              {formatBytes(dataset.bytes.length)}
            </p>
          ) : (
            <p className="text-[1.375rem] font-[300] tracking-[-0.02em]">
              {over ? 'Let it go' : 'Drop a JSONL file of examples here'}
            </p>
          )}
          <div className="flex flex-wrap justify-center gap-2.5">
            <button type="button" className="button" onClick={() => input.current?.click()}>
              {dataset ? 'Choose another file' : 'Choose a file'}
            </button>
            <button type="button" className="button" onClick={() => offer('sample.jsonl', makeSampleDataset())}>
              Use the sample
            </button>
            <SampleLink />
          </div>
          <input
            ref={input}
            type="file"
            accept=".jsonl,.ndjson,.json,application/jsonl"
            aria-label="File of examples"
            className="sr-only"
            tabIndex={-1}
            onChange={(event) => {
              void offerFile(event.target.files?.[0])
              event.target.value = ''
            }}
          />
          <p className="max-w-[36rem] text-mute text-sm">
            One JSON object a line: a conversation as <code className="font-mono">messages</code>, or{' '}
            <code className="font-mono">prompt</code> and <code className="font-mono">completion</code>, or{' '}
            <code className="font-mono">instruction</code> and <code className="font-mono">output</code>, or{' '}
            <code className="font-mono">text</code>. It is sealed to the provider, who alone can read it.
          </p>
          {refused && (
            <Notice
              kind="bad"
              title={refused.fault.line ? `${refused.name}, line ${refused.fault.line}` : refused.name}
            >
              {refused.fault.says}
            </Notice>
          )}
        </>
      )}
    </DropArea>
  )
}

/** To look at and to write one's own after. */
function SampleLink() {
  const save = () => {
    const url = URL.createObjectURL(new Blob([makeSampleDataset().slice()], { type: 'application/jsonl' }))
    const link = document.createElement('a')
    link.href = url
    link.download = 'sample.jsonl'
    link.click()
    URL.revokeObjectURL(url)
  }
  return (
    <button type="button" className="button" onClick={save}>
      Save the sample
    </button>
  )
}
