/** What the user does with a training: take it back, acknowledge it and so pay, take the adapter home. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Client, FineTuningProvider, FineTuningTask } from '@weightless/sdk'
import { useSigner } from '../../network/signer.ts'
import { useLoadClient } from '../../network/useLoadClient.ts'
import { Amount } from '../../parts/Amount.tsx'
import { formatBytes } from '../../parts/formatAmount.ts'
import { ErrorNotice } from '../../parts/Notice.tsx'

const cancellable = ['Init', 'SettingUp', 'SetUp', 'Training', 'Trained']

export function TaskActs({ task, trainer }: { task: FineTuningTask; trainer: FineTuningProvider }) {
  const { id, progress, feeWei, delivery } = task
  const acknowledge = useAct((client) => client.fineTuning.acknowledge(trainer, id))
  const cancel = useAct((client) => client.fineTuning.cancel(trainer, id))
  return (
    <div className="grid gap-3">
      {cancellable.includes(progress) && (
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
          <button
            type="button"
            className="button button-small"
            disabled={cancel.isPending}
            onClick={() => cancel.mutate()}
          >
            Take it back
          </button>
          <span className="text-mute text-sm">
            {feeWei > 0n && (
              <>
                It will cost <Amount wei={feeWei} />.{' '}
              </>
            )}
            Until it is delivered, taking it back costs nothing.
          </span>
        </div>
      )}
      {progress === 'Delivered' && (
        <div className="grid gap-3 rounded-xl bg-lift-wash p-5">
          <p>
            The adapter is in the storage network, sealed{delivery && `, ${formatBytes(delivery.sizeBytes)}`}.
            Acknowledging it pays <Amount wei={feeWei} className="font-[620]" /> to the provider, who then hands out the
            key.
          </p>
          <button
            type="button"
            className="button button-lift w-fit"
            disabled={acknowledge.isPending}
            onClick={() => acknowledge.mutate()}
          >
            {acknowledge.isPending ? 'Signing' : 'Acknowledge and pay'}
          </button>
        </div>
      )}
      {progress === 'Finished' && (
        <>
          <p className="text-soft">
            Paid: <Amount wei={feeWei} className="font-[560]" />
          </p>
          <TakeHome task={task} trainer={trainer} />
        </>
      )}
      {acknowledge.error && <ErrorNotice title="It was not acknowledged" error={acknowledge.error} />}
      {cancel.error && <ErrorNotice title="It was not taken back" error={cancel.error} />}
    </div>
  )
}

/** Opening the delivery needs the private key itself, which a wallet never gives away. */
function TakeHome({ task, trainer }: { task: FineTuningTask; trainer: FineTuningProvider }) {
  const signer = useSigner()
  const loadClient = useLoadClient()
  const { mutate, isPending, isSuccess, data, error } = useMutation({
    mutationFn: async () => {
      if (signer.kind !== 'testKey') throw new Error('A wallet does not give its key to a page.')
      const adapter = await (await loadClient()).fineTuning.adapter(trainer, task.id, signer.privateKey)
      const url = URL.createObjectURL(new Blob([adapter.slice()], { type: 'application/octet-stream' }))
      const link = document.createElement('a')
      link.href = url
      link.download = `adapter-${task.id.slice(0, 8)}.safetensors`
      link.click()
      URL.revokeObjectURL(url)
      return adapter.length
    },
  })
  if (signer.kind !== 'testKey')
    return (
      <p className="text-soft text-sm">
        The adapter is sealed to your account’s key, and a wallet does not give that key to a page. Download it where
        the key is: with the SDK’s <code className="font-mono">fineTuning.adapter</code>.
      </p>
    )
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
      <button type="button" className="button" disabled={isPending} onClick={() => mutate()}>
        {isPending ? 'Opening the delivery' : 'Download the adapter'}
      </button>
      <span role="status" className="text-good text-sm">
        {isSuccess && `Opened and saved: ${formatBytes(data)} of safetensors.`}
      </span>
      {error && <ErrorNotice title="The adapter could not be opened" error={error} />}
    </div>
  )
}

function useAct(act: (client: Client) => Promise<void>) {
  const loadClient = useLoadClient()
  const queries = useQueryClient()
  return useMutation({
    mutationFn: async () => act(await loadClient()),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['tuning tasks'] }),
  })
}
