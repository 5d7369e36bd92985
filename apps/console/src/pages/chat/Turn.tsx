/** One question with its answer, what it cost, and the way to check it. */
import { Copyable } from '../../parts/Copyable.tsx'
import { ErrorNotice } from '../../parts/Notice.tsx'
import { VerifyAnswer } from '../../verify/VerifyAnswer.tsx'
import { AnswerText } from './AnswerText.tsx'
import { Bill } from './Bill.tsx'
import type { ChatTurn } from './useConversation.ts'

export function Turn({ turn, onAgain }: { turn: ChatTurn; onAgain: () => void }) {
  const { state, answer } = turn
  return (
    <li className="grid gap-4">
      <p className="max-w-[36rem] justify-self-end whitespace-pre-wrap rounded-[1.2rem] rounded-br-md bg-well px-4 py-2.5">
        {turn.question}
      </p>
      <div className="grid gap-3" aria-busy={state === 'waiting' || state === 'answering'}>
        {state === 'waiting' && (
          <p role="status" className="caret text-mute">
            Reading your question
          </p>
        )}
        {answer && (
          <div className={state === 'answering' ? 'caret' : ''}>
            <AnswerText text={answer} />
          </div>
        )}
        {state === 'failed' && <ErrorNotice title="No answer came" error={turn.error} onRetry={onAgain} />}
        {state === 'stopped' && <p className="text-mute text-sm">You stopped here. Only what you see is billed.</p>}
        {(state === 'done' || state === 'stopped') && <TurnFoot turn={turn} />}
        <span role="status" className="sr-only">
          {state === 'done' && `Answer complete: ${answer}`}
        </span>
      </div>
    </li>
  )
}

function TurnFoot({ turn }: { turn: ChatTurn }) {
  const { bundle, receiptId, receiptError } = turn
  return (
    <div className="grid gap-3">
      <dl className="flex flex-wrap items-baseline gap-x-5 gap-y-1 text-mute text-sm">
        <AnsweredBy turn={turn} />
        <Speed turn={turn} />
        {receiptId && (
          <div className="flex items-baseline gap-1.5">
            <dt>Receipt</dt>
            <dd className="text-ink">
              <Copyable text={receiptId} short={shortenId(receiptId)} what="receipt id" />
            </dd>
          </div>
        )}
      </dl>
      <Bill turn={turn} />
      {bundle && turn.whyUnverifiable && <p className="text-mute text-sm">{turn.whyUnverifiable}</p>}
      {bundle && !turn.whyUnverifiable && (
        <VerifyAnswer bundle={bundle} shown={{ messages: turn.messages, text: turn.answer }} />
      )}
      {receiptId && !bundle && !receiptError && <p className="text-mute text-sm">The receipt is on its way…</p>}
      {receiptError !== undefined && <ErrorNotice title="The receipt could not be fetched" error={receiptError} />}
      {!receiptId && (
        <p className="text-mute text-sm">This provider gave no receipt, so the answer cannot be checked.</p>
      )}
    </div>
  )
}

const shortenId = (id: string) => (id.length > 22 ? `${id.slice(0, 15)}…${id.slice(-5)}` : id)

function AnsweredBy({ turn }: { turn: ChatTurn }) {
  const provider = turn.bundle?.receipt.provider ?? turn.answeredBy
  if (!provider) return null
  return (
    <div className="flex items-baseline gap-1.5">
      <dt>Answered by</dt>
      <dd className="text-ink">
        <Copyable text={provider} what="provider" />
      </dd>
    </div>
  )
}

function Speed({ turn }: { turn: ChatTurn }) {
  const { tookMs, firstTokenMs, usage } = turn
  if (!tookMs || !firstTokenMs || !usage || usage.completionTokens < 2 || tookMs <= firstTokenMs) return null
  const perSecond = ((usage.completionTokens - 1) * 1000) / (tookMs - firstTokenMs)
  return (
    <div className="flex gap-1.5">
      <dt>Speed</dt>
      <dd className="text-ink tabular-nums">{perSecond.toFixed(1)} tokens/s</dd>
    </div>
  )
}
