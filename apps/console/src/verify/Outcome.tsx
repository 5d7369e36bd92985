/** What the check saw: accepted with what was compared, or refused with the first thing that differs. */
import type { VerifyOutcome } from '@weightless/sdk'

export function Outcome(props: { outcome: VerifyOutcome; tookMs: number; fromCache: boolean; onAgain: () => void }) {
  const { outcome, tookMs, fromCache, onAgain } = props
  const seconds = (tookMs / 1000).toFixed(1)
  return (
    <div
      role="status"
      data-verified={outcome.accepted}
      className={`arrive grid max-w-[38rem] gap-2 rounded-xl border px-5 py-4 ${outcome.accepted ? 'border-good bg-sheet' : 'border-bad bg-bad-wash'}`}
    >
      {outcome.accepted ? (
        <>
          <p className="flex items-center gap-2 font-[620] text-good">
            <Tick /> Accepted: your browser computed the same answer
          </p>
          <p className="text-soft">
            {outcome.tokens} tokens were computed again here, from weights{' '}
            {fromCache ? 'kept in this browser and checked against' : 'fetched by'} their root, and each is the same.
            The receipt carries the provider's signature and adds up.
          </p>
        </>
      ) : (
        <>
          <p className="font-[620] text-bad">Refused: {outcome.title}</p>
          <p className="text-soft">{outcome.detail}</p>
          {outcome.token !== undefined && (
            <p className="font-mono text-[0.8125rem]">
              first difference: token {outcome.token}
              {outcome.operator && `, operator ${outcome.operator}`}
            </p>
          )}
        </>
      )}
      <p className="text-mute text-sm">
        {seconds} s in this browser ·{' '}
        <button type="button" className="link" onClick={onAgain}>
          check again
        </button>
      </p>
    </div>
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
