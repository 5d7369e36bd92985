/** The events that a transaction left, decoded where the contract is ours. */
import { useQuery } from '@tanstack/react-query'
import { type Abi, decodeEventLog, type Log } from 'viem'
import { contractNameOf, say } from '../../network/decodeTransaction.ts'
import { useNetwork } from '../../network/NetworkProvider.tsx'

export function EventList({ hash, logs }: { hash: string; logs: readonly Log<bigint, number, false>[] }) {
  const config = useNetwork()
  const { data = [] } = useQuery({
    queryKey: ['events', hash],
    queryFn: () => decodeLogs(logs),
    staleTime: Number.POSITIVE_INFINITY,
  })
  return (
    <section aria-labelledby="events">
      <h2 id="events" className="heading mt-10 mb-2">
        Events
      </h2>
      {logs.length === 0 && <p className="text-mute">It left none.</p>}
      <ul className="rows">
        {data.map((event) => (
          <li key={event.index} className="grid gap-1.5 py-3">
            <p>
              <span className="font-[560]">{event.name}</span>{' '}
              <span className="text-mute">by {contractNameOf(config, event.address) ?? event.address}</span>
            </p>
            <dl className="grid gap-x-4 text-sm sm:grid-cols-[10rem_minmax(0,1fr)]">
              {event.args.map(([name, value]) => (
                <div key={name} className="contents">
                  <dt className="text-mute">{name}</dt>
                  <dd className="break-all font-mono text-[0.8125rem]">{value}</dd>
                </div>
              ))}
            </dl>
          </li>
        ))}
      </ul>
    </section>
  )
}

type DecodedEvent = { index: number; address: string; name: string; args: [string, string][] }

async function decodeLogs(logs: readonly Log<bigint, number, false>[]): Promise<DecodedEvent[]> {
  const { abis } = await import('@weightless/contracts')
  const events = Object.values(abis as Record<string, Abi>)
    .flat()
    .filter((item) => item.type === 'event')
  return logs.map(({ address, topics, data, logIndex }) => {
    const name = topics[0] ?? 'anonymous'
    try {
      const decoded = decodeEventLog({ abi: events, topics, data, strict: false }) as {
        eventName: string
        args?: object
      }
      const args = Object.entries(decoded.args ?? {}).map(([key, value]): [string, string] => [key, say(value)])
      return { index: logIndex, address, name: decoded.eventName, args }
    } catch {
      // An event of a contract that is not ours: its topics say as much as can be said.
      return { index: logIndex, address, name, args: [['data', say(data)]] }
    }
  })
}
