/** Who was audited with which outcome, what followed, and how each auditor did: all of it read from the chain. */
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useNetwork } from '../../network/NetworkProvider.tsx'
import { Amount } from '../../parts/Amount.tsx'
import { Copyable } from '../../parts/Copyable.tsx'
import { formatCount } from '../../parts/formatAmount.ts'
import { Item } from '../../parts/Item.tsx'
import { ErrorNotice, Notice } from '../../parts/Notice.tsx'
import { PageHead } from '../../parts/PageHead.tsx'
import { type AuditorRecord, readAudits, type TargetRecord } from './readAudits.ts'

export function Audits() {
  const config = useNetwork()
  const isThere = config.contracts.auditRounds !== undefined
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['audits', config.chain.rpcUrl],
    queryFn: () => readAudits(config),
    refetchInterval: 5_000,
    enabled: isThere,
  })
  return (
    <>
      <PageHead title="Audits">
        Auditors ask providers as users do and make the answers again bit by bit, read from storage nodes what those
        signed for, ask for fresh attestations and for blocks, and say on the chain what they found.
      </PageHead>
      {!isThere && <Notice title="Nobody is audited on this network" />}
      {isThere && isPending && <div className="skeleton h-32" />}
      {error && !data && (
        <ErrorNotice title="The chain does not say what was audited" error={error} onRetry={refetch} />
      )}
      {data && (
        <div className="grid gap-14">
          <p className="text-mute text-sm">
            Round {formatCount(Number(data.round))}; <Amount wei={data.poolWei} /> wait to pay for findings.
          </p>
          <Section id="targets" title="Audited">
            {data.targets.length === 0 && <Notice title="Nobody is listed for audits yet" />}
            <ul className="grid gap-3">
              {data.targets.map((target) => (
                <TargetRow key={`${target.kind} ${target.id}`} target={target} />
              ))}
            </ul>
          </Section>
          <Section id="auditors" title="Auditors">
            {data.auditors.length === 0 && <Notice title="Nobody audits yet" />}
            <ul className="grid gap-3">
              {data.auditors.map((auditor) => (
                <AuditorRow key={auditor.address} auditor={auditor} />
              ))}
            </ul>
          </Section>
        </div>
      )}
    </>
  )
}

function Section({ id, title, children }: { id: string; title: string; children: ReactNode }) {
  return (
    <section aria-labelledby={id} className="grid gap-3">
      <h2 id={id} className="heading">
        {title}
      </h2>
      {children}
    </section>
  )
}

function TargetRow({ target }: { target: TargetRecord }) {
  const { id, kind, rounds, drift, cases } = target
  const name = kind === 'inference' || kind === 'attestation' ? `0x${id.slice(26)}` : id
  return (
    <li className="sheet grid gap-3 px-5 py-4">
      <div className="flex flex-wrap items-baseline justify-between gap-x-5 gap-y-1">
        <Copyable text={name} what={identifiers[kind]} />
        <span className={`text-sm ${cases.length > 0 ? 'text-bad' : 'text-mute'}`}>{saysOf(target)}</span>
      </div>
      <dl className="grid grid-cols-2 gap-x-6 gap-y-3 sm:grid-cols-4">
        <Item name="Clean">{roundsOf(rounds.clean)}</Item>
        <Item name="Faulty">{roundsOf(rounds.faulty)}</Item>
        <Item name="Unreachable">{roundsOf(rounds.unreachable)}</Item>
        <Item name="No quorum">{roundsOf(rounds.undecided)}</Item>
      </dl>
      {drift !== undefined && (
        <p className="text-sm text-soft">
          Planted: bad on purpose, to see whether auditors look. Its drift: <span className="break-all">{drift}</span>
        </p>
      )}
      {cases.map(({ round, state, takenWei }) => (
        <p key={String(round)} className="text-sm">
          Found faulty in round {formatCount(Number(round))}: case {state}
          {state === 'carried out' && (
            <>
              , <Amount wei={takenWei} /> of its stake burned
            </>
          )}
        </p>
      ))}
    </li>
  )
}

function saysOf({ kind, cases }: TargetRecord): string {
  if (cases.some(({ state }) => state === 'carried out')) return 'found and slashed'
  if (cases.length > 0) return 'found faulty'
  return kindNames[kind]
}

function AuditorRow({ auditor }: { auditor: AuditorRecord }) {
  const { address, bondWei, reports, missing, paidWei, takenWei } = auditor
  return (
    <li className="sheet grid gap-3 px-5 py-4">
      <Copyable text={address} what="auditor" />
      <dl className="grid grid-cols-2 gap-x-6 gap-y-3 sm:grid-cols-4">
        <Item name="Reports">
          {formatCount(reports)} shown, {formatCount(missing)} missing
        </Item>
        <Item name="Earned">
          <Amount wei={paidWei} />
        </Item>
        <Item name="Lost">
          <Amount wei={takenWei} />
        </Item>
        <Item name="Bond">
          <Amount wei={bondWei} />
        </Item>
      </dl>
    </li>
  )
}

const kindNames = {
  inference: 'provider of inference',
  storage: 'storage node',
  attestation: 'claim of trusted hardware',
  chain: 'node of the chain',
} as const

const identifiers = {
  inference: 'address',
  storage: 'node id',
  attestation: 'address',
  chain: 'hash of its URL',
} as const

const roundsOf = (count: number): string => (count === 1 ? '1 round' : `${formatCount(count)} rounds`)
