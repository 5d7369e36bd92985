/**
 * An auditor: enrols, is drawn, audits, commits, reveals, settles, round after round. Everything that it needs to reveal is
 * on its disk before it commits. Spec: spec/alignment.md 4, 10
 */
import { bytesToHex, concatBytes, type Hex, hexToBytes, textToBytes } from '@weightless/codec'
import { reportCommitment } from '@weightless/contracts/drawTargets'
import { keccak256, secp256k1PublicKey, vrfProve, vrfPublicKey, vrfWitness } from '@weightless/crypto'
import { type AuditChain, openAuditChain, type RoundClock } from './auditChain.ts'
import { type KeptReport, openAuditMemory } from './auditMemory.ts'
import type { AuditorOptions } from './auditorOptions.ts'
import { left, makeReport, type ReportParts, type RoundDraw } from './makeReport.ts'
import { createSettler } from './settleRounds.ts'

export type Auditor = { close(): Promise<void> }

type Job = { round: bigint; stop: AbortController; report: Promise<KeptReport>; isDone: boolean; fault?: string }

/** Resolves when it is enlisted with a bond and a key. @throws {TransactionRevertedError} {InsufficientFundsError} */
export async function startAuditor(options: AuditorOptions): Promise<Auditor> {
  const { env, ledger, auditRounds, secret, tickMs } = options
  const chain = await openAuditChain(ledger, auditRounds)
  await enlist(chain, ledger.address!, secret)
  const memory = await openAuditMemory(options.disk)
  const stop = new AbortController()
  const ended = (async () => {
    const tick = createTicks({ options, chain, memory })
    while (!stop.signal.aborted) {
      await tick().catch((fault: unknown) => {
        const reason = fault instanceof Error ? fault.message : String(fault)
        env.log.warn('audit not gone on with', { reason })
        options.onEvent?.({ type: 'fault', reason })
      })
      await env.clock.sleep(tickMs, stop.signal).catch(() => undefined)
    }
    await tick.stop()
    await memory.close()
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

function createTicks(parts: ReportParts) {
  const { options, chain, memory } = parts
  const { ledger, secret, settleDelaySeconds, onEvent } = options
  const account = ledger.address!
  const settle = createSettler(chain, memory, options.env)
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
    if (job && job.round !== round) {
      await endJob(job)
      job = undefined
    }
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
    job ??= beginJob(parts, { round, seed, licences, allLicences })
    if (job.fault) {
      onEvent?.({ type: 'fault', reason: job.fault })
      // The next tick tries again, when those that had no fault have ended too.
      job.stop.abort(left)
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
    const kept = memory.report()
    if (kept?.round !== round || kept.seed !== seed) return
    const alpha = hexToBytes(seed)
    const proof = vrfWitness(vrfPublicKey(secret), alpha, vrfProve(secret, alpha).proof)
    await chain.reveal(proof, kept.findings, kept.evidence, saltOf(secret, round))
    onEvent?.({ type: 'revealed', round })
  }

  const tick = async (): Promise<void> => {
    const clock = await chain.clock()
    await enrolNext(clock)
    await work(clock)
    await publish(parts, clock)
    const nowSeconds = (await ledger.block('latest')).timestampSeconds
    await settle(clock, nowSeconds, settleDelaySeconds)
  }
  return Object.assign(tick, {
    async stop() {
      if (job) await endJob(job)
    },
  })
}

/** Not before the reveal, or it could be copied; what missed its reveal nobody asks for. */
async function publish({ options, chain, memory }: ReportParts, { round }: RoundClock): Promise<void> {
  const due = memory.unpublished()
  if (due === undefined) return
  const { state } = await chain.reportOf(due, options.ledger.address!)
  if (due === round && state !== 'revealed') return
  const evidence = state === 'revealed' ? await memory.evidence(due) : undefined
  if (evidence) await options.publish(evidence)
  await memory.published(due)
}

function beginJob(parts: ReportParts, draw: Omit<RoundDraw, 'signal'>): Job {
  const stop = new AbortController()
  const report = makeReport(parts, { ...draw, signal: stop.signal })
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

/** What it writes is written when this resolves. */
async function endJob({ stop, report }: Job): Promise<void> {
  stop.abort(left)
  await report.catch(() => undefined)
}

/** The same after a restart, and nobody else's to know. */
function saltOf(secret: Uint8Array, round: bigint): Hex {
  return bytesToHex(keccak256(concatBytes([secret, textToBytes(`audit salt ${round}`)])))
}

/** Time that is left for a commitment to get into a block. */
const commitSeconds = 5
