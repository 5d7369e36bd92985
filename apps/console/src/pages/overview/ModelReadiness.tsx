/** Where the model is: on its way with its progress, or open with what it is. */
import { Link } from '@tanstack/react-router'
import type { WeightsProgress } from '@weightless/sdk/networkConfig'
import { useNetwork } from '../../network/NetworkProvider.tsx'
import { useModels } from '../../network/useModels.ts'
import { formatBytes } from '../../parts/formatAmount.ts'
import { Notice } from '../../parts/Notice.tsx'
import { Progress } from '../../parts/Progress.tsx'

const stageSays: { readonly [stage in Exclude<WeightsProgress['stage'], 'open'>]: string } = {
  fetching: 'The weights are being fetched',
  storing: 'The weights are being stored in the network',
  opening: 'The provider is loading the weights by their root',
  missing: 'The weights could not be had',
}

export function ModelReadiness() {
  const { weights } = useNetwork()
  const { data: models, error } = useModels()
  const open = models?.[0]
  if (open)
    return (
      <section
        aria-label="Model"
        className="flex flex-wrap items-center justify-between gap-4 border-line border-y py-5"
      >
        <p className="text-[1.0625rem]">
          <span className="font-[620]">{open.id}</span>{' '}
          <span className="text-soft">is open. Every answer comes with a receipt that you can check.</span>
        </p>
        <Link to="/chat" className="button button-solid">
          Ask it something
        </Link>
      </section>
    )
  // A gateway that is away says nothing about the weights; its card below says that it is down.
  if (weights && weights.stage !== 'open' && !error) return <WeightsOnTheirWay weights={weights} />
  return null
}

function WeightsOnTheirWay({ weights }: { weights: WeightsProgress }) {
  if (weights.stage === 'missing')
    return (
      <Notice kind="bad" title={`${weights.model} is not here`}>
        {weights.reason ?? stageSays.missing}
      </Notice>
    )
  const { doneBytes, totalBytes, model } = weights
  const says = stageSays[weights.stage === 'open' ? 'opening' : weights.stage]
  const share = totalBytes > 0 ? doneBytes / totalBytes : 0
  return (
    <section aria-label="Model" className="grid gap-3 border-line border-y py-5">
      <div className="flex flex-wrap items-baseline justify-between gap-2">
        <p>
          <span className="font-[620]">{model}</span> <span className="text-soft">{says}</span>
        </p>
        {totalBytes > 0 && (
          <p className="text-mute text-sm tabular-nums">
            {formatBytes(doneBytes)} of {formatBytes(totalBytes)}
          </p>
        )}
      </div>
      <Progress share={share} label={says} />
    </section>
  )
}
