/** Transactions as rows: what each does in words, who sent it, to whom, when. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { LiveTransaction } from '../network/blockFeed.ts'
import { contractNameOf, decodeTransaction } from '../network/decodeTransaction.ts'
import { useNetwork } from '../network/NetworkProvider.tsx'
import { Age } from './Age.tsx'
import { Amount } from './Amount.tsx'
import { shorten } from './Copyable.tsx'

export type DatedTransaction = LiveTransaction & { timestamp: bigint }

export function TransactionRows({ transactions }: { transactions: readonly DatedTransaction[] }) {
  return (
    <ul className="rows">
      {transactions.map((transaction) => (
        <TransactionRow key={transaction.hash} transaction={transaction} />
      ))}
    </ul>
  )
}

function TransactionRow({ transaction }: { transaction: DatedTransaction }) {
  const config = useNetwork()
  const decoded = useDecoded(transaction)
  return (
    <li className="arrive grid grid-cols-[1fr_auto] items-baseline gap-x-4 gap-y-0.5 py-3 sm:grid-cols-[minmax(11rem,1.1fr)_2fr_8rem_4rem]">
      <Link to="/tx/$hash" params={{ hash: transaction.hash }} className="link truncate font-[560]">
        {decoded?.method ?? '…'}
      </Link>
      <span className="order-last col-span-2 truncate text-mute text-sm sm:order-none sm:col-span-1">
        <span className="font-mono text-[0.8125rem]">{shorten(transaction.from)}</span>
        <span aria-hidden="true"> → </span>
        <span className="sr-only">to</span>
        {transaction.to
          ? (contractNameOf(config, transaction.to) ?? (
              <span className="font-mono text-[0.8125rem]">{shorten(transaction.to)}</span>
            ))
          : 'new contract'}
      </span>
      <span className="hidden text-right text-sm sm:block">
        {transaction.value > 0n && <Amount wei={transaction.value} />}
      </span>
      <span className="text-right text-mute text-sm">
        <Age seconds={transaction.timestamp} />
      </span>
    </li>
  )
}

export function useDecoded(transaction: Pick<LiveTransaction, 'hash' | 'to' | 'input' | 'value'>) {
  const config = useNetwork()
  const { data } = useQuery({
    queryKey: ['decoded', transaction.hash],
    queryFn: () => decodeTransaction(config, transaction),
    staleTime: Number.POSITIVE_INFINITY,
  })
  return data
}
