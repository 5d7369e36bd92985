/** The end of a check, whichever it was, with how long it took and where the weights came from. */
import { Notice } from '../parts/Notice.tsx'
import type { Finished } from './checkMessages.ts'
import { Guilty } from './Guilty.tsx'
import { Outcome } from './Outcome.tsx'
import { SaveVerdict } from './SaveVerdict.tsx'
import { Took } from './Took.tsx'

/** @param provider - whom the document is about */
export function FinishedCheck(props: { finished: Finished; provider: string; onAgain: () => void }) {
  const { finished, provider, onAgain } = props
  const { result } = finished
  if (result.kind === 'verify') return <Outcome finished={finished} outcome={result.outcome} onAgain={onAgain} />
  const foot = <Took finished={finished} onAgain={onAgain} />
  if (result.kind === 'judge') {
    const { judgement } = result
    return judgement.outcome === 'guilty' ? (
      <Guilty finding={judgement.finding} provider={provider}>
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
