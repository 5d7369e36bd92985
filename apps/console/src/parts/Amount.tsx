/** An amount of money, also in the user's currency where she set a rate; the exact figure in wei is one hover away. */
import { formatInCurrency, useCurrencyRate } from './currencyRate.ts'
import { formatAmount } from './formatAmount.ts'

export function Amount({ wei, className = '' }: { wei: bigint; className?: string }) {
  const rate = useCurrencyRate()
  return (
    <span className={`tabular-nums ${className}`} title={`${wei} wei`}>
      <span className="whitespace-nowrap">{formatAmount(wei)}</span>
      {rate && <span className="whitespace-nowrap text-mute"> ({formatInCurrency(wei, rate)})</span>}
    </span>
  )
}
