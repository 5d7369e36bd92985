/** Offers to take a verdict to the contracts, which compute its number again; `weightless dispute submit` does the same. */
import type { Slashing } from '@weightless/sdk'
import { Amount } from '../parts/Amount.tsx'
import { Copyable } from '../parts/Copyable.tsx'
import { Notice } from '../parts/Notice.tsx'
import type { LocalWeights } from './checkMessages.ts'
import { OnChain } from './OnChain.tsx'

/** @param verdict - the file, as JSON */
export function TakeToChain(props: { verdict: unknown; chainId: bigint; weights?: LocalWeights | undefined }) {
  const { verdict, chainId, weights } = props
  return (
    <OnChain
      job={{ kind: 'submit', verdict }}
      weights={weights}
      chainId={chainId}
      label="Take it to the chain"
      says="Contracts compute the number again. The provider loses stake; the user and whoever sends this get a share of it. It costs gas, and some twenty transactions more where the chain does not know the model yet."
      failed="The chain did not take it"
    >
      {(result) => result.kind === 'submit' && <Slashed slashing={result.slashing} />}
    </OnChain>
  )
}

export type Loss = Pick<Slashing, 'slashedWei' | 'toUserWei' | 'toReporterWei' | 'transactionHash'>

export function Slashed({ slashing }: { slashing: Loss }) {
  const { slashedWei, toUserWei, toReporterWei, transactionHash } = slashing
  return (
    <Notice title="Slashed: the contracts computed the same">
      <p role="status">
        The provider lost <Amount wei={slashedWei} />: <Amount wei={toUserWei} /> to the user,{' '}
        <Amount wei={toReporterWei} /> to you, the rest is burned.
      </p>
      <p>
        Transaction <Copyable text={transactionHash} what="transaction" />
      </p>
    </Notice>
  )
}
