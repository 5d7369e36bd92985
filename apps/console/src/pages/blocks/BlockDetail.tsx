/** One block: its facts and what it contains. */
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import type { Hash } from 'viem'
import { getBlock } from 'viem/actions'
import { chainClient } from '../../network/chainClient.ts'
import { useNetwork } from '../../network/NetworkProvider.tsx'
import { Age } from '../../parts/Age.tsx'
import { Amount } from '../../parts/Amount.tsx'
import { Copyable } from '../../parts/Copyable.tsx'
import { Fact, Facts } from '../../parts/Facts.tsx'
import { formatBytes, formatCount } from '../../parts/formatAmount.ts'
import { ErrorNotice, Notice } from '../../parts/Notice.tsx'
import { PageHead } from '../../parts/PageHead.tsx'
import { PageLoading } from '../../parts/PageLoading.tsx'
import { TransactionRows } from '../../parts/TransactionRows.tsx'

export function BlockDetail() {
  const { block: wanted } = useParams({ from: '/block/$block' })
  const { data, error, isPending, refetch } = useBlock(wanted)
  if (isPending) return <PageLoading />
  if (error) return <ErrorNotice title={`Block ${wanted} cannot be shown`} error={error} onRetry={refetch} />
  const { number, transactions } = data
  return (
    <>
      <PageHead title={<span className="tabular-nums">Block {formatCount(number)}</span>} />
      <Facts>
        <Fact name="Hash">
          <Copyable text={data.hash} short={data.hash} what="block hash" />
        </Fact>
        <Fact name="Time">
          {new Date(Number(data.timestamp) * 1000).toLocaleString()} · <Age seconds={data.timestamp} /> ago
        </Fact>
        <Fact name="Gas used">
          {formatCount(data.gasUsed)} of {formatCount(data.gasLimit)}
        </Fact>
        {data.baseFeePerGas !== null && (
          <Fact name="Base fee per gas">
            <Amount wei={data.baseFeePerGas} />
          </Fact>
        )}
        <Fact name="Size">{formatBytes(Number(data.size))}</Fact>
        <Fact name="State root">
          <Copyable text={data.stateRoot} short={data.stateRoot} what="state root" />
        </Fact>
      </Facts>
      <h2 className="heading mt-10 mb-2">Transactions</h2>
      {transactions.length > 0 ? (
        <TransactionRows transactions={transactions.map((each) => ({ ...each, timestamp: data.timestamp }))} />
      ) : (
        <Notice title="An empty block">It moves the clock of the chain on, nothing else.</Notice>
      )}
      <nav aria-label="Neighbours" className="mt-10 flex gap-3">
        {number > 0n && (
          <Link to="/block/$block" params={{ block: String(number - 1n) }} className="button">
            ← {formatCount(number - 1n)}
          </Link>
        )}
        <Link to="/block/$block" params={{ block: String(number + 1n) }} className="button">
          {formatCount(number + 1n)} →
        </Link>
      </nav>
    </>
  )
}

function useBlock(wanted: string) {
  const { chain } = useNetwork()
  return useQuery({
    queryKey: ['block', wanted],
    queryFn: () => {
      const client = chainClient(chain.rpcUrl)
      if (/^0x[0-9a-fA-F]{64}$/.test(wanted))
        return getBlock(client, { blockHash: wanted as Hash, includeTransactions: true })
      if (/^\d{1,15}$/.test(wanted)) return getBlock(client, { blockNumber: BigInt(wanted), includeTransactions: true })
      throw new Error('A block is named by its number or its hash.')
    },
    staleTime: 60_000,
  })
}
