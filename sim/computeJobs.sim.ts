/** The provider's job log under power cuts at every write: what a client or user was told stays true. COMPUTE §8.1 */
import { bytesToHex, type Hex } from '@weightless/codec'
import { type JobLog, openJobLog, type StoredJob } from '@weightless/compute/settlement/jobLog'
import { nextReceiptsRoot } from '@weightless/compute/wire'
import type { Env } from '@weightless/env'
import type { Sim } from '@weightless/env/sim'
import { crashFaults, isInjected, runCrashRounds } from './crashRounds.ts'
import { claim, type Scenario } from './scenario.ts'

export const computeJobs: Scenario = {
  name: 'compute/jobs',
  claim: 'No receipt that was promised is lost, none counts twice, and vouchers pay exactly what they cover.',
  plants: ['skip-fsync'],
  fires: crashFaults,
  run: (seed, onSim) => {
    const told: Told = { receipts: new Map(), vouched: 0n }
    return runCrashRounds(seed, onSim, { work: (env, sim) => workOnJobs(env, sim, told) })
  },
}

/** What the outside has heard of. */
type Told = { receipts: Map<Hex, bigint>; vouched: bigint }

const user: Hex = `0x${'aa'.repeat(20)}`
const provider: Hex = `0x${'bb'.repeat(20)}`
const signature: Hex = `0x${'00'.repeat(65)}`

async function workOnJobs(env: Env, sim: Sim, told: Told): Promise<void> {
  try {
    const log = await openJobLog(env.disk, 'jobs')
    await compare(log, told)
    for (let step = 0; step < 8; step++) {
      const together = Array.from({ length: 1 + sim.random.integer(3) }, () => answerJob(log, sim, told))
      await Promise.all(together)
      if (sim.random.chance(0.6)) await payAll(log, sim, told)
    }
    await log.close()
  } catch (error) {
    if (!isInjected(error)) throw error
  }
}

async function answerJob(log: JobLog, sim: Sim, told: Told): Promise<void> {
  const receiptHash = bytesToHex(sim.random.bytes(32))
  const [fee, jobNonce] = [BigInt(1 + sim.random.integer(1000)), log.book.of(user).jobNonce + 1n]
  const jobId = `chatcmpl-${receiptHash.slice(2, 34)}`
  const exchange = { text: '' }
  const job: StoredJob = {
    jobId,
    user,
    jobNonce,
    receiptHash,
    bundle: { version: 1, settlement: user, receipt: {}, opening: { text: '12n' } },
    authorization: undefined,
    exchange,
  }
  await log.addReceipt({ kind: 'receipt', jobId, path: 'voucher', user, jobNonce, fee, receiptHash }, job)
  told.receipts.set(receiptHash, fee)
}

async function payAll(log: JobLog, sim: Sim, told: Told): Promise<void> {
  const account = log.book.of(user)
  const receipts = [...account.unvouched.keys()].slice(0, 1 + sim.random.integer(4))
  let [cumulativeFee, receiptsRoot] = [account.vouched, account.receiptsRoot]
  for (const receiptHash of receipts) {
    cumulativeFee += account.unvouched.get(receiptHash)!.fee
    receiptsRoot = nextReceiptsRoot(receiptsRoot, receiptHash)
  }
  const jobNonce = account.jobNonce + 1n
  const voucher = { user, provider, cumulativeFee, jobNonce, receiptsRoot }
  const fault = await log.addVoucher({ voucher, signature, receipts })
  claim(fault === undefined, `an exact voucher was refused: ${fault}`)
  told.vouched = cumulativeFee
  const again = await log.addVoucher({ voucher: { ...voucher, jobNonce: jobNonce + 1n }, signature, receipts })
  claim(again !== undefined || receipts.length === 0, 'the same receipts were paid twice')
}

async function compare(log: JobLog, told: Told): Promise<void> {
  const account = log.book.of(user)
  let sum = 0n
  for (const [receiptHash, fee] of told.receipts) {
    const job = await log.findByReceipt(receiptHash)
    claim(job !== undefined, `receipt ${receiptHash} was promised and is lost`)
    claim((job.bundle.opening as { text: string }).text === '12n', 'the text of a job was changed')
    sum += fee
  }
  claim(account.receipted >= sum, 'less is owed than was receipted')
  claim(account.vouched >= told.vouched, 'an acknowledged voucher is lost')
  const open = [...account.unvouched.values()].reduce((total, { fee }) => total + fee, 0n)
  claim(account.vouched + open === account.receipted, 'paid and unpaid do not add up to what was receipted')
  told.vouched = account.vouched
}
