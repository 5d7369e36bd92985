/** What a training costs at most, what is set aside for it, and the one step that is next: top up, or start. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { FineTuningProvider } from '@weightless/sdk'
import { useSigner } from '../../network/signer.ts'
import { useLoadClient } from '../../network/useLoadClient.ts'
import { Amount } from '../../parts/Amount.tsx'
import { formatCount } from '../../parts/formatAmount.ts'
import { ErrorNotice } from '../../parts/Notice.tsx'
import { planTopUp, type TopUp, topUp } from './planTopUp.ts'

export function TrainingPrice(props: {
  trainer: FineTuningProvider
  tokensMax: number
  busy: boolean
  onStart: () => void
}) {
  const { trainer, tokensMax, busy, onStart } = props
  const priceWei = trainer.weiPerToken * BigInt(tokensMax)
  const { plan, pay } = useTopUp(trainer, priceWei)
  const missing = plan.data && plan.data.transferWei > 0n ? plan.data : undefined
  return (
    <div className="grid gap-4 border-line border-t pt-6">
      <p className="max-w-[44rem]">
        At most <Amount wei={priceWei} className="font-[560]" />: up to {formatCount(tokensMax)} trained tokens at{' '}
        <Amount wei={trainer.weiPerToken} /> each. The provider counts the model’s own tokens before it begins, and you
        are billed for those.
      </p>
      {plan.error && <ErrorNotice title="The balances cannot be read" error={plan.error} onRetry={plan.refetch} />}
      {plan.data && (
        <p className="text-soft text-sm">
          With this provider stand <Amount wei={plan.data.setAsideWei} />.{' '}
          {missing ? <WhatMoves plan={missing} /> : 'That is enough.'}
        </p>
      )}
      <div className="flex flex-wrap gap-3">
        {missing && (
          <button
            type="button"
            className="button button-solid"
            disabled={pay.isPending}
            onClick={() => pay.mutate(missing)}
          >
            {pay.isPending ? 'Moving the money' : 'Top up'}
          </button>
        )}
        <button
          type="button"
          className={`button ${missing ? '' : 'button-lift'}`}
          disabled={!plan.data || missing !== undefined || busy}
          onClick={onStart}
        >
          {busy ? 'Sending the file' : 'Start training'}
        </button>
      </div>
      {pay.error && <ErrorNotice title="The money was not moved" error={pay.error} />}
    </div>
  )
}

function WhatMoves({ plan: { depositWei, transferWei } }: { plan: TopUp }) {
  return (
    <>
      Topping up moves <Amount wei={transferWei} /> there
      {depositWei > 0n && (
        <>
          , after <Amount wei={depositWei} /> from your account into the ledger
        </>
      )}
      . What is not used stays yours.
    </>
  )
}

function useTopUp(trainer: FineTuningProvider, priceWei: bigint) {
  const loadClient = useLoadClient()
  const queries = useQueryClient()
  const signer = useSigner()
  const address = signer.kind === 'none' ? undefined : signer.address
  const plan = useQuery({
    queryKey: ['top-up', trainer.provider, address, priceWei.toString()],
    queryFn: async () => {
      const client = await loadClient()
      return planTopUp(client, await client.fineTuning.balance(trainer), priceWei)
    },
    refetchInterval: 5_000,
  })
  const pay = useMutation({
    mutationFn: async (wanted: TopUp) => {
      const client = await loadClient()
      await topUp(client, wanted, (amountWei) => client.fineTuning.fund(trainer, amountWei))
    },
    onSettled: async () => {
      void queries.invalidateQueries({ queryKey: ['balance'] })
      await queries.invalidateQueries({ queryKey: ['top-up'] })
    },
  })
  return { plan, pay }
}
