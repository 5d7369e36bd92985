/** How a node stands: its room, its peers, and what mining brings. Counts are since it started. */
import type { NodeStatusJson } from '@weightless/sdk'
import type { ReactNode } from 'react'
import { Amount } from '../../parts/Amount.tsx'
import { Copyable } from '../../parts/Copyable.tsx'
import { formatBytes, formatCount } from '../../parts/formatAmount.ts'

type Mining = NonNullable<NodeStatusJson['mining']>

const states: { [state in Mining['state']]: string } = {
  starting: 'asks for its id',
  idle: 'waits for the next epoch',
  mining: 'looks for answers',
  resting: 'rests: nothing here pays now',
  paused: 'paused',
  away: 'waits for the chain',
}

export function NodeFacts(props: { status: NodeStatusJson; freeBytes: number | undefined }) {
  const { freeBytes } = props
  const { peers, mining } = props.status
  return (
    <dl className="grid gap-1 text-sm">
      {freeBytes !== undefined && <Line name="Free">{formatBytes(freeBytes)}</Line>}
      <Line name="Peers">{peers ? `${peers.connected} connected` : 'not joined by libp2p'}</Line>
      <Line name="Mining">{mining ? states[mining.state] : 'no'}</Line>
      {mining && <Earnings mining={mining} />}
    </dl>
  )
}

function Earnings({ mining }: { mining: Mining }) {
  const { answersWon, owedWei, fetchedWei, beneficiary } = mining
  return (
    <>
      <Line name="Answers won">{formatCount(answersWon)}</Line>
      <Line name="Reward">
        <Amount wei={BigInt(owedWei) + BigInt(fetchedWei)} />
      </Line>
      <Line name="Paid to">
        <Copyable text={beneficiary} what="address of the miner" />
      </Line>
    </>
  )
}

function Line({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex items-baseline justify-between gap-3">
      <dt className="text-mute">{name}</dt>
      <dd className="min-w-0 text-right tabular-nums">{children}</dd>
    </div>
  )
}
