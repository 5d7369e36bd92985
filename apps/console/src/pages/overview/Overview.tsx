/** The network at a glance: the newest block, the horizon, the services and what was just done. */
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { useBlockFeed } from '../../network/blockFeed.ts'
import { useNetwork } from '../../network/NetworkProvider.tsx'
import { isUpkeep } from '../../network/upkeep.ts'
import { usePastWork } from '../../network/usePastWork.ts'
import { Age } from '../../parts/Age.tsx'
import { Drift } from '../../parts/Drift.tsx'
import { formatCount } from '../../parts/formatAmount.ts'
import { Notice } from '../../parts/Notice.tsx'
import { TransactionRows } from '../../parts/TransactionRows.tsx'
import { ModelReadiness } from './ModelReadiness.tsx'
import { Services } from './Services.tsx'

export function Overview() {
  return (
    <div className="grid gap-14 sm:gap-18">
      <Hero />
      <ModelReadiness />
      <Services />
      <RecentTransactions />
    </div>
  )
}

function Hero() {
  const { blocks, state } = useBlockFeed()
  const newest = blocks[0]
  return (
    <section aria-labelledby="hero">
      <div className="flex flex-wrap items-end justify-between gap-x-10 gap-y-6">
        <div>
          <h1 id="hero" className="label mb-2">
            {state === 'offline' ? 'Last block seen' : 'Newest block'}
          </h1>
          {newest ? (
            <Link
              to="/block/$block"
              params={{ block: String(newest.number) }}
              className="figure -ml-[0.03em] block text-[clamp(4.25rem,15vw,9.5rem)]"
            >
              {formatCount(newest.number)}
            </Link>
          ) : (
            <NoNumberYet offline={state === 'offline'} />
          )}
        </div>
        <p className="max-w-[22rem] pb-2 text-[1.0625rem] text-soft">
          Store a file, ask a model, and check what came back. Nothing here asks you to{' '}
          <em className="not-italic underline decoration-lift decoration-2 underline-offset-4">trust</em> the one who
          answers.
        </p>
      </div>
      <Drift blocks={blocks} />
      <HeroFacts />
    </section>
  )
}

function NoNumberYet({ offline }: { offline: boolean }) {
  if (offline) return <p className="figure text-[clamp(4.25rem,15vw,9.5rem)] text-mute">–</p>
  return <div className="skeleton h-[clamp(4.25rem,15vw,9.5rem)] w-64" />
}

function HeroFacts() {
  const { blocks, state } = useBlockFeed()
  const newest = blocks[0]
  const recent = blocks.reduce((sum, block) => sum + block.transactions.length, 0)
  if (state === 'offline')
    return (
      <div className="mt-5">
        <Notice kind="bad" title="The chain does not answer">
          What was seen last stays on this page. The console keeps trying and goes on by itself.
        </Notice>
      </div>
    )
  return (
    <dl className="mt-4 flex flex-wrap gap-x-8 gap-y-1 text-mute text-sm">
      <div className="flex gap-2">
        <dt>Last block</dt>
        <dd className="text-ink">{newest ? <Age seconds={newest.timestamp} /> : '…'}</dd>
      </div>
      <div className="flex gap-2">
        <dt>Transactions in the last {blocks.length} blocks</dt>
        <dd className="text-ink tabular-nums">{recent}</dd>
      </div>
    </dl>
  )
}

function RecentTransactions() {
  const { busy, state } = useBlockFeed()
  const { isPending } = usePastWork()
  const { contracts } = useNetwork()
  const [withUpkeep, setWithUpkeep] = useState(false)
  const recent = busy
    .flatMap((block) => block.transactions.map((each) => ({ ...each, timestamp: block.timestamp })))
    .filter((each) => withUpkeep || !isUpkeep(contracts, each))
    .slice(0, 8)
  return (
    <section aria-labelledby="recent">
      <div className="mb-3 flex flex-wrap items-baseline justify-between gap-x-6 gap-y-1">
        <h2 id="recent" className="heading">
          Transactions
        </h2>
        <div className="flex items-baseline gap-6 text-mute text-sm">
          <label className="flex items-center gap-2">
            <input type="checkbox" checked={withUpkeep} onChange={(event) => setWithUpkeep(event.target.checked)} />
            Nodes’ upkeep too
          </label>
          <Link to="/blocks" className="link">
            All blocks
          </Link>
        </div>
      </div>
      {recent.length > 0 ? (
        <TransactionRows transactions={recent} />
      ) : state === 'connecting' || isPending ? (
        <div className="skeleton h-24" />
      ) : (
        <Notice title="Nothing was sent yet">
          Store a file or pay for an answer; its transaction appears here within a second.
        </Notice>
      )}
    </section>
  )
}
