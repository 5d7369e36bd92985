/** The record of each target and of each auditor, summed from the events of the audit contract; nothing of it is an auditor's word to us. */
import { auditRoundsAbi } from '@weightless/contracts/abi/auditRounds.generated'
import { targetIdOf } from '@weightless/contracts/drawTargets'
import { contractAddress, type NetworkConfig } from '@weightless/sdk/networkConfig'
import { getLogs, readContract } from 'viem/actions'
import { chainClient } from '../../network/chainClient.ts'

type TargetKind = 'inference' | 'storage' | 'attestation' | 'chain'
type Outcome = 'clean' | 'faulty' | 'unreachable' | 'undecided'
type CaseState = 'open' | 'contested' | 'upheld' | 'dismissed' | 'carried out'

export type TargetRecord = {
  id: string
  kind: TargetKind
  rounds: { [outcome in Outcome]: number }
  /** Set once its planter has opened it. */
  drift: string | undefined
  cases: { round: bigint; state: CaseState; takenWei: bigint }[]
}

export type AuditorRecord = {
  address: string
  bondWei: bigint
  reports: number
  missing: number
  paidWei: bigint
  takenWei: bigint
}

export type Audits = {
  round: bigint
  poolWei: bigint
  targets: TargetRecord[]
  auditors: AuditorRecord[]
}

const kinds: readonly TargetKind[] = ['inference', 'storage', 'attestation', 'chain']
const outcomes: readonly Outcome[] = ['undecided', 'clean', 'faulty', 'unreachable']

export async function readAudits(config: NetworkConfig): Promise<Audits> {
  const client = chainClient(config.chain.rpcUrl)
  const at = { address: contractAddress(config, 'auditRounds'), abi: auditRoundsAbi } as const
  const [round, poolWei, listed, logs] = await Promise.all([
    readContract(client, { ...at, functionName: 'currentRound' }),
    readContract(client, { ...at, functionName: 'pool' }),
    readContract(client, { ...at, functionName: 'targets' }),
    getLogs(client, { address: at.address, events: auditRoundsAbi.filter(isEvent), fromBlock: 0n, strict: true }),
  ])
  const targets = new Map<string, TargetRecord>()
  const targetOf = (id: string, kind: number): TargetRecord => {
    const name = `${kind} ${id}`
    const known = targets.get(name) ?? emptyTarget(id, kind)
    targets.set(name, known)
    return known
  }
  const plantedOf = (id: string) =>
    targetOf(id, listed.find((target) => target.id === id && target.kind <= 2)?.kind ?? 1)
  const auditors = new Map<string, AuditorRecord>()
  const auditorOf = (address: string): AuditorRecord => {
    const known = auditors.get(address) ?? emptyAuditor(address)
    auditors.set(address, known)
    return known
  }
  const caseOf = new Map<string, TargetRecord['cases'][number]>()
  for (const { id, kind } of listed) targetOf(id, kind)
  for (const log of logs) {
    const { eventName, args } = log
    if (eventName === 'Settled') targetOf(args.id, args.kind).rounds[outcomes[args.outcome] ?? 'undecided']++
    if (eventName === 'Revealed') auditorOf(args.auditor).reports++
    if (eventName === 'Paid') auditorOf(args.auditor).paidWei += args.amount
    if (eventName === 'AuditorJoined') auditorOf(args.auditor).bondWei = args.bond
    if (eventName === 'AuditorResigned') auditorOf(args.auditor).bondWei = 0n
    if (eventName === 'BondTaken') takeFrom(auditorOf(args.auditor), args)
    if (eventName === 'PlantOpened') plantedOf(args.id).drift = describeDrift(textOf(args.drift))
    if (eventName === 'CaseOpened') {
      const opened = { round: args.round, state: 'open' as CaseState, takenWei: 0n }
      targetOf(targetIdOf(args.provider), 1).cases.push(opened)
      caseOf.set(args.caseId, opened)
    }
    if (eventName === 'CaseContested') setState(caseOf.get(args.caseId), 'contested')
    if (eventName === 'CaseDecided') setState(caseOf.get(args.caseId), args.isUpheld ? 'upheld' : 'dismissed')
    if (eventName === 'VerdictCarriedOut') setState(caseOf.get(args.caseId), 'carried out', args.amount)
  }
  return { round, poolWei, targets: [...targets.values()], auditors: [...auditors.values()] }
}

const isEvent = <Item extends { type: string }>(item: Item): item is Extract<Item, { type: 'event' }> =>
  item.type === 'event'

const emptyTarget = (id: string, kind: number): TargetRecord => ({
  id,
  kind: kinds[kind - 1] ?? 'inference',
  rounds: { clean: 0, faulty: 0, unreachable: 0, undecided: 0 },
  drift: undefined,
  cases: [],
})

const emptyAuditor = (address: string): AuditorRecord => ({
  address,
  bondWei: 0n,
  reports: 0,
  missing: 0,
  paidWei: 0n,
  takenWei: 0n,
})

function takeFrom(auditor: AuditorRecord, { amount, isMissing }: { amount: bigint; isMissing: boolean }): void {
  auditor.bondWei -= amount
  auditor.takenWei += amount
  if (isMissing) auditor.missing++
}

function setState(entry: TargetRecord['cases'][number] | undefined, state: CaseState, takenWei = 0n): void {
  if (entry) Object.assign(entry, { state, takenWei })
}

/** What a planter wrote; shown as text, whatever it is. */
/** In words where it is said as the devnet says it, else as it is. */
function describeDrift(text: string): string {
  const [, tensor, ulps] = /"tensor":"([a-z0-9_.]{1,60})","ulps":(\d{1,9})/.exec(text) ?? []
  return tensor === undefined ? text : `${tensor}, ${ulps} ${ulps === '1' ? 'unit' : 'units'} in the last place`
}

function textOf(bytes: string): string {
  const pairs = bytes.slice(2, 402).match(/../g) ?? []
  return new TextDecoder().decode(Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16)))
}
