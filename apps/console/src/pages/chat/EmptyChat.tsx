/** Before the first question: what this chat is, what it costs, and three ways to begin. */
import type { ChatModel } from '@weightless/sdk'
import { Amount } from '../../parts/Amount.tsx'

const starters = ['What is the capital of France?', 'Explain a hash in one sentence.', 'Write two lines about the sea.']

export function EmptyChat({ model, onAsk }: { model: ChatModel | undefined; onAsk: (question: string) => void }) {
  return (
    <div className="grid gap-8 py-6 sm:py-14">
      <h2 className="title max-w-[24ch]">Ask. Then see for yourself that the answer is the model’s.</h2>
      <p className="max-w-[38rem] text-[1.0625rem] text-soft">
        Each answer carries a signed receipt. <em className="font-[560] not-italic">Verify in this browser</em> loads
        the same weights from the storage network, runs them again here, and compares token by token.
      </p>
      {model?.outputWeiPerToken !== undefined && (
        <p className="text-mute text-sm">
          {model.id} · <Amount wei={model.inputWeiPerToken ?? 0n} /> per token read,{' '}
          <Amount wei={model.outputWeiPerToken} /> per token written
        </p>
      )}
      <ul className="flex flex-wrap gap-2.5">
        {starters.map((question) => (
          <li key={question}>
            <button type="button" className="button" disabled={!model} onClick={() => onAsk(question)}>
              {question}
            </button>
          </li>
        ))}
      </ul>
    </div>
  )
}
