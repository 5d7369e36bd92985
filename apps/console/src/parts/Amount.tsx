/** An amount of money; the exact figure in wei is one hover away. */
import { formatAmount } from './formatAmount.ts'

export function Amount({ wei, className = '' }: { wei: bigint; className?: string }) {
  return (
    <span className={`whitespace-nowrap tabular-nums ${className}`} title={`${wei} wei`}>
      {formatAmount(wei)}
    </span>
  )
}
