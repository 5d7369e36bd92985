/** What the check saw: accepted with what was compared, or refused with the first thing that differs. */
import type { Verification } from '@weightless/receipt'
import type { Finished, WeightsFrom } from './checkMessages.ts'
import { Took } from './Took.tsx'

export function Outcome(props: { outcome: Verification; finished: Finished; onAgain: () => void }) {
  const { outcome, finished, onAgain } = props
  return (
    <div
      role="status"
      data-verified={outcome.accepted && outcome.reExecuted}
      className={`arrive grid max-w-[38rem] gap-2 rounded-xl border px-5 py-4 ${frameOf(outcome)}`}
    >
      {outcome.accepted ? <Accepted outcome={outcome} from={finished.weightsFrom} /> : <Refused outcome={outcome} />}
      <Took finished={finished} onAgain={onAgain} />
    </div>
  )
}

/** Green only where the work was done again. */
function frameOf(outcome: Verification): string {
  if (!outcome.accepted) return 'border-bad bg-bad-wash'
  return outcome.reExecuted ? 'border-good bg-sheet' : 'border-line bg-sheet'
}

function Accepted({ outcome, from }: { outcome: Extract<Verification, { accepted: true }>; from: WeightsFrom }) {
  if (!outcome.reExecuted) {
    return (
      <>
        <p className="font-[620]">The signature and the price are right</p>
        <p className="text-soft">{outcome.note}</p>
      </>
    )
  }
  return (
    <>
      <p className="flex items-center gap-2 font-[620] text-good">
        <Tick /> Accepted: your browser computed the same answer
      </p>
      <p className="text-soft">
        {outcome.completionTokens > 0 && `${outcome.completionTokens} tokens of the answer and `}
        {outcome.promptTokens} {outcome.completionTokens > 0 ? 'of the prompt' : 'tokens of the request'} went through
        the model again here, with weights {fromSays[from]} their root.{' '}
        {outcome.completionTokens > 0 ? 'Every step is' : 'The bytes of the answer are'} the same, the signature is the
        provider's, and the price adds up.
      </p>
    </>
  )
}

const fromSays: { readonly [from in WeightsFrom]: string } = {
  kept: 'kept in this browser and hashed to',
  network: 'fetched by',
  file: 'from your file, hashed to',
  none: 'hashed to',
}

const faultSays: { readonly [fault in Extract<Verification, { accepted: false }>['fault']]: string } = {
  malformed: 'the receipt cannot be read',
  unsupported: 'the receipt promises nothing that can be checked',
  expectation: 'the receipt belongs to something else',
  signature: 'the signature is not the provider’s',
  commitment: 'the receipt is about another question or answer',
  fee: 'the price does not add up',
  usage: 'the count of tokens is wrong',
  weights: 'these are not the weights that the receipt names',
  program: 'another program made this answer',
  trace: 'the model was not run as the receipt says',
  token: 'the answer has a token that the model does not choose',
  operator: 'one operator of the model gave another result',
  finish: 'the answer does not end where the model ends it',
  text: 'the text is not what the tokens say',
  dataset: 'this is not the dataset that was trained on',
  adapter: 'the training gives another adapter',
  fingerprint: 'the log-probabilities are not those of the model',
}

function Refused({ outcome }: { outcome: Extract<Verification, { accepted: false }> }) {
  const { fault, detail, token, operator } = outcome
  return (
    <>
      <p className="font-[620] text-bad">Refused: {faultSays[fault]}</p>
      <p className="break-words text-soft">{detail}</p>
      {(token !== undefined || operator !== undefined) && (
        <p className="font-mono text-[0.8125rem]">
          first difference{token !== undefined && `: token ${token}`}
          {operator && `, operator ${operator}`}
        </p>
      )}
    </>
  )
}

function Tick() {
  return (
    <svg viewBox="0 0 16 16" className="size-4" aria-hidden="true">
      <path
        d="m2.5 8.5 3.5 3.5 7.5-8"
        fill="none"
        stroke="currentColor"
        strokeWidth="2"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  )
}
