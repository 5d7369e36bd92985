/** A conversation with the adapted model: asked of its provider itself, because it answers the account that paid for it alone. */
import type { FineTuningProvider, FineTuningTask } from '@weightless/sdk'
import { Amount } from '../../parts/Amount.tsx'
import { ErrorNotice } from '../../parts/Notice.tsx'
import { Composer } from '../chat/Composer.tsx'
import { Turn } from '../chat/Turn.tsx'
import { type Answerer, answerLimits, useConversation } from '../chat/useConversation.ts'
import type { TopUp } from './planTopUp.ts'
import { useAdapterModel } from './useAdapterModel.ts'

/** Under a token of the signer, without the gateway, which asks under an account of its own. */
const viaProvider: Answerer = {
  stream: (client, { model, messages }, signal) =>
    client.fineTuning.chat({ provider: model.provider!, model: model.id, messages, ...answerLimits }, { signal }),
  receipt: (client, { model }, receiptId) => client.fineTuning.receipt(model.provider!, receiptId),
  whyUnverifiable:
    'The receipt names the adapted model. Executing this answer again takes the adapter itself, which is yours alone; this page does not do that.',
}

export function TalkToIt({ task, trainer }: { task: FineTuningTask; trainer: FineTuningProvider }) {
  const { account, pay } = useAdapterModel(trainer, task)
  const { model, plan } = account.data ?? {}
  const isFunded = plan !== undefined && plan.transferWei === 0n
  const { turns, busy, ask, stop } = useConversation(model, trainer.provider, viaProvider)
  return (
    <section aria-label="Talk to it" className="grid gap-4 border-line border-t pt-5">
      <h4 className="heading">Talk to it</h4>
      {account.isPending && <div className="skeleton h-16" />}
      {account.error && !model && (
        <ErrorNotice title="The adapted model cannot be asked" error={account.error} onRetry={account.refetch} />
      )}
      {model && <p className="text-mute text-sm">{model.id}</p>}
      {plan && !isFunded && <SetAside plan={plan} busy={pay.isPending} onPay={() => pay.mutate(plan)} />}
      {pay.error && <ErrorNotice title="The money was not moved" error={pay.error} />}
      {turns.length > 0 && (
        <ol className="grid gap-9" aria-label="Conversation">
          {turns.map((turn) => (
            <Turn key={turn.id} turn={turn} onAgain={() => ask(turn.question)} />
          ))}
        </ol>
      )}
      {model && isFunded && <Composer model={model} busy={busy} onAsk={ask} onStop={stop} place="" />}
    </section>
  )
}

/** Answers are paid from what stands with the provider for inference, not from what stands there for training. */
function SetAside({ plan, busy, onPay }: { plan: TopUp; busy: boolean; onPay: () => void }) {
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
      <button type="button" className="button button-solid" disabled={busy} onClick={onPay}>
        {busy ? 'Moving the money' : 'Set money aside for answers'}
      </button>
      <span className="text-soft text-sm">
        Moves <Amount wei={plan.transferWei} /> to this provider for answers
        {plan.depositWei > 0n && (
          <>
            , after <Amount wei={plan.depositWei} /> from your account into the ledger
          </>
        )}
        . What is not used stays yours.
      </span>
    </div>
  )
}
