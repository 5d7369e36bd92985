/** Offers to dispute an answer on chain with a provider that does not answer otherwise; `weightless dispute challenge` does the same. */
import { bundleToJson } from '@weightless/receipt/bundle'
import type { Bundle, Challenge } from '@weightless/sdk'
import { Notice } from '../parts/Notice.tsx'
import type { LocalWeights } from './checkMessages.ts'
import { Guilty } from './Guilty.tsx'
import { OnChain } from './OnChain.tsx'
import { Slashed } from './TakeToChain.tsx'

export function ChallengeProvider({ bundle, weights }: { bundle: Bundle; weights?: LocalWeights | undefined }) {
  const { chainId, provider } = bundle.receipt
  return (
    <OnChain
      job={{ kind: 'challenge', bundle: bundleToJson(bundle) }}
      weights={weights}
      chainId={chainId}
      label="Challenge it on chain"
      says="Puts up a bond and asks there, a transaction for each question. The provider answers in time or loses stake; the bond comes back, unless nothing is shown: then it is the provider’s."
      failed="The challenge could not be played"
    >
      {(result) => result.kind === 'challenge' && <Challenged challenge={result.challenge} provider={provider} />}
    </OnChain>
  )
}

const bondSays: { readonly [bond in Challenge['bond']]: string } = {
  none: 'No bond was put up.',
  returned: 'The bond is back.',
  lost: 'The bond is the provider’s.',
}

function Challenged({ challenge, provider }: { challenge: Challenge; provider: string }) {
  const { dispute, slashing, bond } = challenge
  const end = <p className="text-soft">{bondSays[bond]}</p>
  if (dispute.outcome === 'guilty')
    return (
      <Guilty finding={dispute.finding} provider={provider}>
        {slashing && <Slashed slashing={slashing} />}
        {end}
      </Guilty>
    )
  return (
    <div className="grid gap-3">
      {slashing && <Slashed slashing={slashing} />}
      <Notice title={titles[dispute.outcome]}>{end}</Notice>
    </div>
  )
}

const titles = {
  agreed: 'Agreed: this browser computes the same',
  withheld: 'The provider let the time pass',
  unshown: 'It differs where no single number shows it',
} as const
