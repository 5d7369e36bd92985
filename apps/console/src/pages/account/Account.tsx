/** Who pays here, what there is to pay with, and what was paid for. */
import { PageHead } from '../../parts/PageHead.tsx'
import { Balances } from './Balances.tsx'
import { CurrencyChoice } from './CurrencyChoice.tsx'
import { Receipts } from './Receipts.tsx'
import { SignerChooser } from './SignerChooser.tsx'

export function Account() {
  return (
    <>
      <PageHead title="Account">Deposit once, pay per answer. Nobody can take more than you signed for.</PageHead>
      <div className="grid gap-14">
        <SignerChooser />
        <Balances />
        <CurrencyChoice />
        <Receipts />
      </div>
    </>
  )
}
