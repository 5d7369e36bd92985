/** One address: what it holds, and what it did in the newest blocks. */
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { isAddress } from 'viem'
import { getBalance, getCode, getTransactionCount } from 'viem/actions'
import { useBlockFeed } from '../../network/blockFeed.ts'
import { chainClient } from '../../network/chainClient.ts'
import { contractNameOf } from '../../network/decodeTransaction.ts'
import { useNetwork } from '../../network/NetworkProvider.tsx'
import { Amount } from '../../parts/Amount.tsx'
import { Copyable } from '../../parts/Copyable.tsx'
import { Fact, Facts } from '../../parts/Facts.tsx'
import { formatBytes, formatCount } from '../../parts/formatAmount.ts'
import { ErrorNotice, Notice } from '../../parts/Notice.tsx'
import { PageHead } from '../../parts/PageHead.tsx'
import { PageLoading } from '../../parts/PageLoading.tsx'
import { TransactionRows } from '../../parts/TransactionRows.tsx'

export function AddressDetail() {
  const { address } = useParams({ from: '/address/$address' })
  const config = useNetwork()
  const { data, error, isPending, refetch } = useAddress(address)
  const { busy } = useBlockFeed()
  const mine = busy
    .flatMap((block) => block.transactions.map((each) => ({ ...each, timestamp: block.timestamp })))
    .filter(({ from, to }) => from === address.toLowerCase() || to === address.toLowerCase())
    .slice(0, 20)
  if (isPending) return <PageLoading />
  if (error) return <ErrorNotice title="This address cannot be shown" error={error} onRetry={refetch} />
  return (
    <>
      <PageHead title={contractNameOf(config, address) ?? (data.codeBytes > 0 ? 'Contract' : 'Account')} />
      <Facts>
        <Fact name="Address">
          <Copyable text={address} short={address} what="address" />
        </Fact>
        <Fact name="Balance">
          <Amount wei={data.balanceWei} />
        </Fact>
        <Fact name="Transactions sent">{formatCount(data.nonce)}</Fact>
        {data.codeBytes > 0 && <Fact name="Code">{formatBytes(data.codeBytes)}</Fact>}
      </Facts>
      <h2 className="heading mt-10 mb-2">Lately</h2>
      {mine.length > 0 ? (
        <TransactionRows transactions={mine} />
      ) : (
        <Notice title="Nothing lately">Older transactions are on the chain, but not kept in this page.</Notice>
      )}
    </>
  )
}

function useAddress(address: string) {
  const { chain } = useNetwork()
  return useQuery({
    queryKey: ['address', address],
    queryFn: async () => {
      if (!isAddress(address, { strict: false })) throw new Error('An address is 0x and 40 hex digits.')
      const client = chainClient(chain.rpcUrl)
      const [balanceWei, nonce, code] = await Promise.all([
        getBalance(client, { address }),
        getTransactionCount(client, { address }),
        getCode(client, { address }),
      ])
      return { balanceWei, nonce, codeBytes: code ? code.length / 2 - 1 : 0 }
    },
    refetchInterval: 5_000,
  })
}
