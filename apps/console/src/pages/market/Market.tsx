/** The compute market: who offers what at which price and how well, and what this console's API key used of it. */
import { Link } from '@tanstack/react-router'
import { PageHead } from '../../parts/PageHead.tsx'
import { Offers } from './Offers.tsx'
import { ProviderFigures } from './ProviderFigures.tsx'
import { SpendingFigures } from './SpendingFigures.tsx'
import { Usage } from './Usage.tsx'

export function Market() {
  return (
    <>
      <PageHead title="Market">
        Every offer with its price for a million tokens, and what the gateway itself measured of it. What auditors found
        is under{' '}
        <Link to="/audits" className="link">
          Audits
        </Link>
        .
      </PageHead>
      <div className="grid gap-14">
        <Offers />
        <SpendingFigures />
        <Usage />
        <ProviderFigures />
      </div>
    </>
  )
}
