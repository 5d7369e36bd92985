/** A new training: the file, who trains what and how long, what it costs at most, and the money for it. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { FineTuningProvider, TrainableModel } from '@weightless/sdk'
import { type ReactNode, useState } from 'react'
import { useLoadClient } from '../../network/useLoadClient.ts'
import { shorten } from '../../parts/Copyable.tsx'
import { ErrorNotice, Notice } from '../../parts/Notice.tsx'
import type { CheckedDataset } from './checkDataset.ts'
import { DatasetDrop } from './DatasetDrop.tsx'
import { TrainingPrice } from './TrainingPrice.tsx'
import { useTrainableModels } from './useTrainers.ts'

const ranks = [2, 4, 8, 16, 32] as const

export function NewTraining(props: {
  trainers: readonly FineTuningProvider[]
  trainer: FineTuningProvider
  onTrainer: (provider: string) => void
}) {
  const { trainers, trainer, onTrainer } = props
  const { data: models, error, refetch } = useTrainableModels(trainer)
  const [root, setRoot] = useState<string>()
  const [dataset, setDataset] = useState<CheckedDataset>()
  const [epochsText, setEpochsText] = useState('3')
  const [rank, setRank] = useState<number>(8)
  const model = models?.find((each) => each.root === root) ?? models?.[0]
  const epochs = /^\d{1,3}$/.test(epochsText.trim()) && Number(epochsText) > 0 ? Number(epochsText) : undefined
  const start = useStart(trainer)
  return (
    <section aria-labelledby="new-training" className="sheet grid gap-6 p-6 sm:p-8">
      <h2 id="new-training" className="heading">
        New training
      </h2>
      <DatasetDrop dataset={dataset} onChoose={setDataset} />
      <div className="grid gap-4 sm:grid-cols-2 lg:grid-cols-4">
        <Labelled label="Trained by">
          <select className="field" value={trainer.provider} onChange={(event) => onTrainer(event.target.value)}>
            {trainers.map(({ provider }) => (
              <option key={provider} value={provider}>
                {shorten(provider)}
              </option>
            ))}
          </select>
        </Labelled>
        <Labelled label="Base model">
          <select className="field" value={model?.root ?? ''} onChange={(event) => setRoot(event.target.value)}>
            {!model && <option value="">{models ? 'none' : '…'}</option>}
            {models?.map(({ root: each, name }) => (
              <option key={each} value={each}>
                {name}
              </option>
            ))}
          </select>
        </Labelled>
        <Labelled label="Passes over the file (epochs)">
          <input
            className="field tabular-nums"
            inputMode="numeric"
            value={epochsText}
            aria-invalid={epochs === undefined}
            onChange={(event) => setEpochsText(event.target.value)}
          />
        </Labelled>
        <Labelled label="Rank of the adapter">
          <select className="field" value={rank} onChange={(event) => setRank(Number(event.target.value))}>
            {ranks.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </Labelled>
      </div>
      {epochs === undefined && <p className="text-bad text-sm">Epochs are a whole number from 1 to 999.</p>}
      {model && <p className="text-mute text-sm">{[model.description, model.worker].filter(Boolean).join(' · ')}</p>}
      {error && !models && (
        <ErrorNotice title="The provider does not say what it trains" error={error} onRetry={refetch} />
      )}
      {models?.length === 0 && <Notice title="This provider trains no model just now" />}
      {dataset && model && epochs !== undefined && (
        <TrainingPrice
          trainer={trainer}
          tokensMax={dataset.tokensMax * epochs}
          busy={start.isPending}
          onStart={() => start.mutate({ dataset, model, epochs, rank }, { onSuccess: () => setDataset(undefined) })}
        />
      )}
      {start.error && <ErrorNotice title="The training did not start" error={start.error} />}
      {start.error && 'code' in start.error && start.error.code === 'sdk/dataset-key' && (
        <button
          type="button"
          className="button button-small w-fit"
          onClick={() =>
            start.mutate({ ...start.variables, isPlain: true }, { onSuccess: () => setDataset(undefined) })
          }
        >
          Send it in the clear
        </button>
      )}
    </section>
  )
}

type Wanted = { dataset: CheckedDataset; model: TrainableModel; epochs: number; rank: number; isPlain?: boolean }

function useStart(trainer: FineTuningProvider) {
  const loadClient = useLoadClient()
  const queries = useQueryClient()
  return useMutation({
    mutationFn: async ({ dataset, model, epochs, rank, isPlain = false }: Wanted) => {
      const client = await loadClient()
      const parameters = { num_train_epochs: epochs, lora_r: rank, lora_alpha: rank * 2 }
      return client.fineTuning.start({ trainer, modelRoot: model.root, dataset: dataset.bytes, isPlain, parameters })
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: ['tuning tasks'] }),
  })
}

function Labelled({ label, children }: { label: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: each child is one control
    <label className="grid content-start gap-1.5">
      <span className="label">{label}</span>
      {children}
    </label>
  )
}
