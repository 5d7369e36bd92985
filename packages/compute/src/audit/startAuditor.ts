/**
 * An auditor: enrols, is drawn, audits, commits, reveals, settles, round after round. Everything that it needs to reveal is
 * on its disk before it commits. Spec: spec/alignment.md 4, 10
 */
import { bytesToHex, bytesToText, concatBytes, type Hex, hexToBytes, textToBytes } from '@weightless/codec'
import { drawTargets, findingOf, reportCommitment, targetKind } from '@weightless/contracts/drawTargets'
import { fileRoot, keccak256, secp256k1PublicKey, vrfProve, vrfPublicKey, vrfWitness } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import type { Ledger } from '@weightless/ledger'
import type { Bundle } from '@weightless/receipt'
import { type AttestationTools, auditAttestation } from './attestation/auditAttestation.ts'
import { type AuditChain, openAuditChain, type RoundClock } from './auditChain.ts'
import { type AuditTools, auditProvider } from './auditTarget.ts'
import { auditChainNode, type ChainNodeTools } from './chainNode/auditChainNode.ts'
import { encodeEvidence, type TargetEvidence } from './evidence.ts'
import { gatherEvidence } from './gatherEvidence.ts'
import { judgeEvidence } from './judgeEvidence.ts'
import { createSettler } from './settleRounds.ts'
import { auditShared, type FetchShared } from './sharedReceipts.ts'
import { type SprtState, sprtStart } from './sprt.ts'
import { auditHolder, type HolderTools } from './storage/auditHolder.ts'

export type AuditorOptions = {
  env: Pick<Env, 'clock' | 'log'>
  /** With the auditor's account, which has a licence. */
  ledger: Ledger
  auditRounds: Hex
  /** 32 bytes: the key by which it is drawn. */
  secret: Uint8Array
  tools: AuditTools
  /** Where users' answers come from; without it there are none. */
  shared?: FetchShared
  /** A user's answer was wrong: a proof that needs no quorum. */
  onProved?(bundle: Bundle): void
  /** How storage nodes are read; without it nothing is said of them. */
  holders?: HolderTools
  /** Its files, by name. */
  store: { read(name: string): Promise<Uint8Array | undefined>; write(name: string, bytes: Uint8Array): Promise<void> }
  /** Puts evidence where jurors find it by its root, and gets it from there. */
  publish(evidence: Uint8Array): Promise<void>
  fetchEvidence(root: Hex): Promise<Uint8Array | undefined>
  /** How claims of hardware, and nodes of the chain, are looked at; without them nothing is said of those. */
  attestations?: AttestationTools
  chainNodes?: ChainNodeTools
  /** Enrols for every round at first, and later for one in `everyRounds`. */
  firstRounds: number
  everyRounds: number
  /** So that several auditors do not settle the same at once. */
  settleDelaySeconds: number
  tickMs: number
  onEvent?(event: AuditorEvent): void
}

export type AuditorEvent =
  | { type: 'enrolled' | 'committed' | 'revealed'; round: bigint }
  | { type: 'found'; round: bigint; found: TargetEvidence }
  | { type: 'fault'; reason: string }

export type Auditor = { close(): Promise<void> }

/** What is kept of a report between its commitment and its reveal. */
type KeptReport = { findings: Hex; evidence: Hex }
type Job = { round: bigint; stop: AbortController; report: Promise<KeptReport>; isDone: boolean; fault?: string }

/** Resolves when it is enlisted with a bond and a key. @throws {TransactionRevertedError} {InsufficientFundsError} */
export async function startAuditor(options: AuditorOptions): Promise<Auditor> {
  const { env, ledger, auditRounds, secret, tickMs } = options
  const chain = await openAuditChain(ledger, auditRounds)
  await enlist(chain, ledger.address!, secret)
  const stop = new AbortController()
  const ended = (async () => {
    const tick = createTicks(options, chain)
    while (!stop.signal.aborted) {
      await tick().catch((fault: unknown) => {
        const reason = fault instanceof Error ? fault.message : String(fault)
        env.log.warn('audit not gone on with', { reason })
        options.onEvent?.({ type: 'fault', reason })
      })
      await env.clock.sleep(tickMs, stop.signal).catch(() => undefined)
    }
    tick.stop()
  })()
  return {
    async close() {
      stop.abort()
      await ended
    },
  }
}

/** Puts up what its bond lacks. */
async function enlist(chain: AuditChain, account: Hex, secret: Uint8Array): Promise<void> {
  const { isEnlisted, bondWei } = await chain.bondOf(account)
  if (isEnlisted && bondWei >= chain.rules.bondWei) return
  const point = secp256k1PublicKey(secret)!
  const [keyX, keyY] = [point.subarray(1, 33), point.subarray(33)].map((half) => BigInt(bytesToHex(half)))
  await chain.join(keyX!, keyY!, chain.rules.bondWei - bondWei)
}

function createTicks(options: AuditorOptions, chain: AuditChain) {
  const { ledger, secret, settleDelaySeconds, onEvent } = options
  const account = ledger.address!
  const settle = createSettler(chain, options.env)
  const states = new Map<string, SprtState>()
  let firstRound: bigint | undefined
  let job: Job | undefined

  async function enrolNext({ round, second }: RoundClock): Promise<void> {
    firstRound ??= round
    // From the first reveal on, enrolling is for the round after: that is left to its own time.
    if (second >= Number(chain.rules.workSeconds)) return
    const next = round + 1n
    const targets = await chain.targets()
    const isWanted =
      round - firstRound < BigInt(options.firstRounds) ||
      next % BigInt(options.everyRounds) === 0n ||
      targets.some(({ juryRound }) => juryRound === next)
    if (!isWanted || targets.length === 0) return
    const { lastRound, bondWei } = await chain.bondOf(account)
    if (lastRound >= next) return
    if (bondWei < chain.rules.bondWei) await enlist(chain, account, secret)
    await chain.enrol()
    onEvent?.({ type: 'enrolled', round: next })
  }

  async function work({ round, second }: RoundClock): Promise<void> {
    if (job && job.round !== round) job = endJob(job)
    const { state, licences } = await chain.reportOf(round, account)
    if (state !== 'enrolled' && state !== 'committed') return
    const { seed, licences: allLicences } = await chain.roundOf(round)
    if (BigInt(seed) === 0n) {
      await chain.beginRound()
      return
    }
    const workSeconds = Number(chain.rules.workSeconds)
    if (state === 'committed') {
      if (second >= workSeconds) await reveal(round, seed)
      return
    }
    if (second >= workSeconds - commitSeconds) return
    job ??= beginJob(options, chain, states, { round, seed, licences, allLicences })
    if (job.fault) {
      onEvent?.({ type: 'fault', reason: job.fault })
      // The next tick tries again.
      job = undefined
      return
    }
    // What was found by now has to do.
    if (second >= workSeconds - 2 * commitSeconds) job.stop.abort()
    if (!job.isDone) return
    const { findings, evidence } = await job.report
    const report = { auditor: account, round, findings: hexToBytes(findings), evidence, salt: saltOf(secret, round) }
    await chain.commit(reportCommitment(report))
    onEvent?.({ type: 'committed', round })
  }

  async function reveal(round: bigint, seed: Hex): Promise<void> {
    const kept = await readReport(options.store, round)
    if (!kept) return
    const alpha = hexToBytes(seed)
    const proof = vrfWitness(vrfPublicKey(secret), alpha, vrfProve(secret, alpha).proof)
    await chain.reveal(proof, kept.findings, kept.evidence, saltOf(secret, round))
    onEvent?.({ type: 'revealed', round })
    // Only what somebody may have to judge; not before the reveal, or it could be copied.
    if (!hexToBytes(kept.findings).includes(findingOf.faulty)) return
    const evidence = await options.store.read(evidenceName(round))
    if (evidence) await options.publish(evidence)
  }

  const tick = async (): Promise<void> => {
    const clock = await chain.clock()
    await enrolNext(clock)
    await work(clock)
    const nowSeconds = (await ledger.block('latest')).timestampSeconds
    await settle(clock, nowSeconds, settleDelaySeconds)
  }
  return Object.assign(tick, {
    stop() {
      if (job) endJob(job)
    },
  })
}

function beginJob(
  options: AuditorOptions,
  chain: AuditChain,
  states: Map<string, SprtState>,
  draw: Omit<RoundDraw, 'signal'>,
): Job {
  const stop = new AbortController()
  const report = makeReport(options, chain, states, { ...draw, signal: stop.signal })
  const begun: Job = { round: draw.round, stop, report, isDone: false }
  report.then(
    () => {
      begun.isDone = true
    },
    (fault: unknown) => {
      begun.fault = fault instanceof Error ? fault.message : String(fault)
    },
  )
  return begun
}

function endJob({ stop }: Job): undefined {
  stop.abort()
}

type RoundDraw = { round: bigint; seed: Hex; licences: bigint; allLicences: bigint; signal: AbortSignal }

/** Audits what the key draws, and puts report and evidence on the disk. */
async function makeReport(
  options: AuditorOptions,
  chain: AuditChain,
  states: Map<string, SprtState>,
  { round, seed, licences, allLicences, signal }: RoundDraw,
): Promise<KeptReport> {
  const { ledger, secret, store, onEvent } = options
  const beta = bytesToHex(vrfProve(secret, hexToBytes(seed)).beta)
  const targets = await chain.targets()
  const auditorsPerTarget = BigInt(chain.rules.auditorsPerTarget)
  const findings = new Uint8Array(targets.length)
  const all: TargetEvidence[] = []
  const look = async (index: number) => {
    const { id, kind, juryRound } = targets[index]!
    const found = await lookAt(options, chain, states, { id, kind, index, beta, juryRound, round }, signal)
    findings[index] = found.finding
    all.push(found)
    onEvent?.({ type: 'found', round, found })
  }
  // At once: one that is slow keeps no other waiting.
  await Promise.all(drawTargets({ beta, round, licences, allLicences, auditorsPerTarget }, targets).map(look))
  const evidence = encodeEvidence({ round, auditor: ledger.address!, beta, targets: all })
  const kept: KeptReport = { findings: bytesToHex(findings), evidence: bytesToHex(fileRoot(evidence)) }
  await store.write(evidenceName(round), evidence)
  await store.write(reportName(round), textToBytes(JSON.stringify(kept)))
  return kept
}

type Looking = { id: Hex; kind: number; index: number; beta: Hex; juryRound: bigint; round: bigint }

async function lookAt(
  options: AuditorOptions,
  chain: AuditChain,
  states: Map<string, SprtState>,
  target: Looking,
  signal: AbortSignal,
): Promise<TargetEvidence> {
  const { attestations, chainNodes, holders, tools } = options
  const { id, kind, index, beta, juryRound, round } = target
  const name = `${kind} ${id}`
  /** Goes on with the test of the target where the last round left it. */
  const test = async (audit: (before: SprtState) => Promise<{ found: TargetEvidence; after: SprtState }>) => {
    const { found, after } = await audit(states.get(name) ?? sprtStart)
    states.set(name, after)
    return found
  }
  if (kind === targetKind.storage && holders) {
    return test((before) => auditHolder(holders, { id, beta, before }, signal))
  }
  if (kind === targetKind.attestation && attestations) return auditAttestation(attestations, { id, beta }, signal)
  if (kind === targetKind.chain && chainNodes) {
    return test((before) => auditChainNode(chainNodes, { id, beta, before }, signal))
  }
  // It has no way to look at others.
  if (kind !== targetKind.inference) return { id, kind, finding: findingOf.skipped, outcomes: [] }
  if (juryRound !== round) return test((before) => auditAnswers(options, { ...target, before }, signal))
  const shown = await gatherEvidence(chain, { id, index, juryRound }, options.fetchEvidence)
  return judgeEvidence(tools.judge, id, shown)
}

/** What the provider answers the auditor, and what it answered users. */
async function auditAnswers(
  { tools, shared, onProved }: AuditorOptions,
  { id, beta, round, before }: Looking & { before: SprtState },
  signal: AbortSignal,
): Promise<{ found: TargetEvidence; after: SprtState }> {
  const others = shared ? await auditShared(tools, shared, { id, beta, round }, signal) : []
  const wrong = others.filter(({ verdict }) => verdict === 'wrong')
  for (const { bundle } of wrong) if (bundle) onProved?.(bundle)
  const { found, after } = await auditProvider(tools, { id, beta, before, isSuspect: wrong.length > 0 }, signal)
  return { found: { ...found, outcomes: [...found.outcomes, ...others] }, after }
}

async function readReport(store: AuditorOptions['store'], round: bigint): Promise<KeptReport | undefined> {
  const bytes = await store.read(reportName(round))
  return bytes && (JSON.parse(bytesToText(bytes)) as KeptReport)
}

/** The same after a restart, and nobody else's to know. */
function saltOf(secret: Uint8Array, round: bigint): Hex {
  return bytesToHex(keccak256(concatBytes([secret, textToBytes(`audit salt ${round}`)])))
}

const reportName = (round: bigint): string => `report-${round}.json`
const evidenceName = (round: bigint): string => `evidence-${round}.json`
/** Time that is left for a commitment to get into a block. */
const commitSeconds = 5
