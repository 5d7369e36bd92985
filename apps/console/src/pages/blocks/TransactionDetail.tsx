/** One transaction: what it asked for in words, what came of it, and the events it left. */
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { type Hash, isHash } from 'viem'
import { getTransaction, getTransactionReceipt } from 'viem/actions'
import { chainClient } from '../../network/chainClient.ts'
import { contractNameOf } from '../../network/decodeTransaction.ts'
import { useNetwork } from '../../network/NetworkProvider.tsx'
import { Amount } from '../../parts/Amount.tsx'
import { Copyable } from '../../parts/Copyable.tsx'
import { Fact, Facts } from '../../parts/Facts.tsx'
import { formatCount } from '../../parts/formatAmount.ts'
import { ErrorNotice } from '../../parts/Notice.tsx'
import { PageHead } from '../../parts/PageHead.tsx'
import { PageLoading } from '../../parts/PageLoading.tsx'
import { useDecoded } from '../../parts/TransactionRows.tsx'
import { EventList } from './EventList.tsx'

export function TransactionDetail() {
  const { hash } = useParams({ from: '/tx/$hash' })
  const { data, error, isPending, refetch } = useTransaction(hash)
  if (isPending) return <PageLoading />
  if (error) return <ErrorNotice title="This transaction cannot be shown" error={error} onRetry={refetch} />
  return <TransactionView {...data} />
}

type Found = NonNullable<ReturnType<typeof useTransaction>['data']>

function TransactionView({ transaction, receipt }: Found) {
  const decoded = useDecoded(transaction)
  return (
    <>
      <PageHead title={decoded?.method ?? 'Transaction'} />
      <Facts>
        <Fact name="Hash">
          <Copyable text={transaction.hash} short={transaction.hash} what="transaction hash" />
        </Fact>
        <Fact name="Outcome">
          {!receipt ? (
            'waiting for a block'
          ) : receipt.status === 'success' ? (
            <span className="font-[560] text-good">done</span>
          ) : (
            <span className="font-[560] text-bad">reverted</span>
          )}
          {receipt && (
            <>
              {' in '}
              <Link className="link" to="/block/$block" params={{ block: String(receipt.blockNumber) }}>
                block {formatCount(receipt.blockNumber)}
              </Link>
            </>
          )}
        </Fact>
        <Fact name="From">
          <AddressLink address={transaction.from} />
        </Fact>
        <Fact name="To">
          {transaction.to ? (
            <AddressLink address={transaction.to} />
          ) : receipt?.contractAddress ? (
            <AddressLink address={receipt.contractAddress} />
          ) : (
            'a new contract'
          )}
        </Fact>
        <Fact name="Value">
          <Amount wei={transaction.value} />
        </Fact>
        {receipt && (
          <Fact name="Network fee">
            <Amount wei={receipt.gasUsed * receipt.effectiveGasPrice} />{' '}
            <span className="text-mute">({formatCount(receipt.gasUsed)} gas)</span>
          </Fact>
        )}
        {decoded?.args.map((arg) => (
          <Fact key={arg.name} name={arg.name}>
            <span className="break-all font-mono text-[0.8125rem]">
              {arg.value || <span className="font-sans text-mute">empty</span>}
            </span>
          </Fact>
        ))}
      </Facts>
      {receipt && <EventList key={transaction.hash} hash={transaction.hash} logs={receipt.logs} />}
    </>
  )
}

export function AddressLink({ address }: { address: Hash | string }) {
  const name = contractNameOf(useNetwork(), address)
  return (
    <Link to="/address/$address" params={{ address }} className="link">
      {name && <span className="mr-2 font-[560]">{name}</span>}
      <span className="break-all font-mono text-[0.8125rem]">{address}</span>
    </Link>
  )
}

function useTransaction(hash: string) {
  const { chain } = useNetwork()
  return useQuery({
    queryKey: ['transaction', hash],
    queryFn: async () => {
      if (!isHash(hash)) throw new Error('A transaction is named by its hash: 0x and 64 hex digits.')
      const client = chainClient(chain.rpcUrl)
      const transaction = await getTransaction(client, { hash })
      const receipt = transaction.blockNumber === null ? undefined : await getTransactionReceipt(client, { hash })
      return { transaction, receipt }
    },
    refetchInterval: (query) => (query.state.data && !query.state.data.receipt ? 1_000 : false),
  })
}
