/** One line before the check: which model it takes, whether that is here, and what would have to be dropped beside it. */
import { useQuery } from '@tanstack/react-query'
import type { Hex } from '@weightless/codec'
import { formatBytes } from '../../parts/formatAmount.ts'
import { listKept } from '../../verify/weightStore.ts'
import type { CheckPlan } from './planCheck.ts'
import type { Inputs } from './useInputs.ts'

export function WhatIsNeeded(props: { inputs: Inputs; plan: CheckPlan; hasNetwork: boolean }) {
  const { inputs, plan, hasNetwork } = props
  const { document, weights } = inputs
  if (plan.missing.length > 0)
    return (
      <p className="max-w-[44rem] text-soft">
        Signature and price can be checked as it is. To make the embeddings again, drop {plan.missing.join(', ')}.
      </p>
    )
  if (plan.isSignatureOnly)
    return <p className="text-soft">Nobody can execute this answer again; its signature and price can be checked.</p>
  if (!plan.needsModel || !document) return null
  if (weights)
    return (
      <p className="text-soft">
        The model is taken from {weights.name}, {formatBytes(weights.file.size)}
        {weights.hashed ? ', hashed already.' : '; it is hashed first.'}
      </p>
    )
  const root = document.kind === 'verdict' ? document.verdict.receipt.modelRoot : document.bundle.receipt.modelRoot
  return <WhereFrom root={root} hasNetwork={hasNetwork} />
}

function WhereFrom({ root, hasNetwork }: { root: Hex; hasNetwork: boolean }) {
  const { data } = useQuery({ queryKey: ['kept weights'], queryFn: listKept, staleTime: 0 })
  const kept = data?.find((each) => each.root === root)
  if (kept?.isWhole)
    return (
      <p className="text-soft">
        The model is kept in this browser, {formatBytes(kept.sizeBytes)}. No network is needed.
      </p>
    )
  if (hasNetwork)
    return (
      <p className="max-w-[44rem] text-soft">
        The model is fetched from the storage network by its root, every segment proved, and kept in this browser
        {kept ? `; ${formatBytes(kept.sizeBytes)} of it are here already` : ''}. Or drop its file.
      </p>
    )
  return (
    <p className="max-w-[44rem] text-soft">Drop the model’s file too: a GGUF, known by its root, whatever its name.</p>
  )
}
