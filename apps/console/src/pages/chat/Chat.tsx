/** Ask a model; every answer says who gave it and what it cost, and can be executed again here to see whether it is true. */
import type { Hex } from '@weightless/codec'
import { useState } from 'react'
import { useModels } from '../../network/useModels.ts'
import { useOffers } from '../../network/useOffers.ts'
import { ErrorNotice } from '../../parts/Notice.tsx'
import { Composer } from './Composer.tsx'
import { EmptyChat } from './EmptyChat.tsx'
import { ModelChooser } from './ModelChooser.tsx'
import { ProviderChooser } from './ProviderChooser.tsx'
import { Turn } from './Turn.tsx'
import { useConversation } from './useConversation.ts'

export function Chat() {
  const { data: models, error, refetch } = useModels()
  const { data: offers = [] } = useOffers()
  const [chosen, setChosen] = useState<string>()
  const [pinned, setPinned] = useState<Hex>()
  const choose = (id: string) => {
    setChosen(id)
    setPinned(undefined)
  }
  const model = models?.find(({ id }) => id === chosen) ?? models?.[0]
  const fitting = offers.filter((offer) => offer.model === model?.id && offer.services.includes('chat'))
  const { turns, busy, ask, stop, clear } = useConversation(model, pinned)
  return (
    <div className="mx-auto flex min-h-[calc(100dvh-16rem)] max-w-[46rem] flex-col gap-8 sm:min-h-[calc(100dvh-13rem)]">
      <div className="flex flex-wrap items-start justify-between gap-3">
        <h1 className="heading">Chat</h1>
        <div className="flex flex-wrap items-start gap-3">
          {turns.length > 0 && (
            <button type="button" className="button button-small" disabled={busy} onClick={clear}>
              New conversation
            </button>
          )}
          <ModelChooser models={models} model={model} onChoose={choose} />
          {model && <ProviderChooser offers={fitting} provider={pinned} onChoose={setPinned} />}
        </div>
      </div>
      {error && !models && <ErrorNotice title="The gateway cannot be reached" error={error} onRetry={refetch} />}
      {turns.length === 0 ? (
        <EmptyChat model={model} onAsk={ask} />
      ) : (
        <ol className="grid gap-9" aria-label="Conversation">
          {turns.map((turn) => (
            <Turn key={turn.id} turn={turn} onAgain={() => ask(turn.question)} />
          ))}
        </ol>
      )}
      <Composer model={model} busy={busy} onAsk={ask} onStop={stop} />
    </div>
  )
}
