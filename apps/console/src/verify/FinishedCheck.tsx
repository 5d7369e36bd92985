/** The end of a check, whichever it was, with how long it took and where the weights came from. */
import { Notice } from '../parts/Notice.tsx'
import type { Finished, LocalWeights } from './checkMessages.ts'
import { Guilty } from './Guilty.tsx'
import { Outcome } from './Outcome.tsx'
import { SaveVerdict } from './SaveVerdict.tsx'
import { TakeToChain } from './TakeToChain.tsx'
import { Took } from './Took.tsx'

export type CheckedDocument = {
  /** Whom the document is about. */
  provider: string
  chainId: bigint
  /** A verdict as it came, as JSON. */
  verdict?: unknown
}

export function FinishedCheck(props: {
  finished: Finished
  about: CheckedDocument
  weights?: LocalWeights | undefined
  onAgain: () => void
}) {
  const { finished, about, weights, onAgain } = props
  const { provider, chainId } = about
  const { result } = finished
  if (result.kind === 'submit' || result.kind === 'challenge') return null
  if (result.kind === 'verify') return <Outcome finished={finished} outcome={result.outcome} onAgain={onAgain} />
  const foot = <Took finished={finished} onAgain={onAgain} />
  if (result.kind === 'judge') {
    const { judgement } = result
    return judgement.outcome === 'guilty' ? (
      <Guilty finding={judgement.finding} provider={provider}>
        {about.verdict !== undefined && <TakeToChain verdict={about.verdict} chainId={chainId} weights={weights} />}
        {foot}
      </Guilty>
    ) : (
      <Notice kind="bad" title="Refused: this file shows nothing against the provider">
        <p>{judgement.reason}.</p>
        {foot}
      </Notice>
    )
  }
  const { dispute, verdict } = result
  if (dispute.outcome === 'guilty' && verdict)
    return (
      <Guilty finding={dispute.finding} provider={provider}>
        <SaveVerdict verdict={verdict} />
        <TakeToChain verdict={JSON.parse(verdict)} chainId={chainId} weights={weights} />
        {foot}
      </Guilty>
    )
  const { title, says } = describeDispute(dispute)
  return (
    <Notice title={title}>
      <p>{says}</p>
      {foot}
    </Notice>
  )
}

function describeDispute(dispute: Extract<Finished['result'], { kind: 'dispute' }>['dispute']) {
  if (dispute.outcome === 'withheld')
    return {
      title: 'The provider withholds what it committed to',
      says: `It did not answer about ${dispute.asked}. That is no guilt by itself, and no answer that can be checked.`,
    }
  if (dispute.outcome === 'unshown')
    return { title: 'It differs where no single number shows it', says: `${dispute.reason}.` }
  return { title: 'Agreed', says: 'This browser computes the same: every operator at every position.' }
}
