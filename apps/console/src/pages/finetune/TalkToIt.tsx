/** A conversation with the adapted model, as soon as the gateway lists a model that names the training. */
import type { ChatModel, FineTuningTask } from '@weightless/sdk'
import { useModels } from '../../network/useModels.ts'
import { Composer } from '../chat/Composer.tsx'
import { Turn } from '../chat/Turn.tsx'
import { useConversation } from '../chat/useConversation.ts'

export function TalkToIt({ task }: { task: FineTuningTask }) {
  const { data: models } = useModels()
  const model = models?.find((each) => isOf(each, task))
  const { turns, busy, ask, stop } = useConversation(model, model?.provider)
  return (
    <section aria-label="Talk to it" className="grid gap-4 border-line border-t pt-5">
      <h4 className="heading">Talk to it</h4>
      {model ? (
        <>
          <p className="text-mute text-sm">{model.id}</p>
          <ol className="grid gap-9" aria-label="Conversation">
            {turns.map((turn) => (
              <Turn key={turn.id} turn={turn} onAgain={() => ask(turn.question)} />
            ))}
          </ol>
          <Composer model={model} busy={busy} onAsk={ask} onStop={stop} />
        </>
      ) : (
        <p className="text-soft">
          The gateway lists no model of this training: adapters are served to the account that paid for them, and the
          gateway asks with another. Download the adapter, and use it with the base model.
        </p>
      )}
    </section>
  )
}

/** Providers name an adapted model after the first characters of its task. FINETUNING §10 */
function isOf({ id }: ChatModel, task: FineTuningTask): boolean {
  return id.startsWith('ft-') && id.endsWith(task.id.slice(0, 12))
}
