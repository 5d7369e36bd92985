/** The page that checks what somebody gave you; the one page that needs no network. */
import { PageHead } from '../../parts/PageHead.tsx'
import { Checker } from './Checker.tsx'
import { TakeAway } from './TakeAway.tsx'

export function Verify() {
  return (
    <>
      <PageHead title="Verify">
        Drop the receipt of an answer, or the verdict on one. This browser computes it again and says what it saw.
        Nobody is asked.
      </PageHead>
      <Checker foot={(root) => <TakeAway root={root} />} />
    </>
  )
}
