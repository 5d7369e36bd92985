/**
 * Processor time to verify a public quote, ours beside dcap-qvl in JavaScript, taken in turn in one process: first with our
 * JavaScript signatures, then by WebCrypto, as a browser has it (ours alone), then with the machine's own. Medians of
 * `rounds` batches; nothing is cached between two quotes. Usage: node measureQuotes.ts
 */
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { verify as verifyRival } from '@phala/dcap-qvl'
import { tcbStatuses, verifyDcapQuote } from '@weightless/attest'
import { verifyTogether } from '@weightless/crypto'
import { verifyNatively } from '@weightless/env/browser'

const folder = join(import.meta.dirname, '../../vectors/attestation/dcap')
const rounds = 9
const batch = 10
const { verdicts } = JSON.parse(readFileSync(join(folder, 'verdicts.json'), 'utf8')) as {
  verdicts: { [name: string]: { atSeconds: number } }
}

type Case = { name: string; ours: () => string; rival: () => string }

const cases: Case[] = ['sgx-v3', 'tdx-v4'].map((name) => {
  const quote = new Uint8Array(readFileSync(join(folder, `${name}.quote`)))
  const collateral = JSON.parse(readFileSync(join(folder, `${name}.collateral.json`), 'utf8')) as {
    [field: string]: string
  }
  const { atSeconds } = verdicts[name]!
  return {
    name,
    ours() {
      const verdict = verifyDcapQuote(quote, collateral, { atSeconds, allowStatuses: tcbStatuses })
      return verdict.ok ? verdict.value.status : verdict.code
    },
    rival: () => verifyRival(Buffer.from(quote), collateral, atSeconds).status,
  }
})

console.log(`${cpus()[0]!.model}, Node ${process.version}; milliseconds of processor time a quote`)
compare('JavaScript')
for (const one of cases) await measureTogether(one)
await import('@weightless/env/node')
compare("machine's own")

function compare(signatures: string): void {
  for (const { name, ours, rival } of cases) {
    const [mine, theirs] = [ours(), rival()]
    if (mine !== theirs) throw new Error(`${name}: ${mine} here, ${theirs} there`)
    const times: [number[], number[]] = [[], []]
    for (let round = 0; round < rounds; round++) {
      for (const [i, work] of [ours, rival].entries()) times[i]!.push(cpuMs(work))
    }
    const [a, b] = times.map((list) => list.sort((x, y) => x - y)[rounds >> 1]!) as [number, number]
    console.log(
      `${name}, ${signatures} signatures: ours ${a.toFixed(1)}, dcap-qvl ${b.toFixed(1)}, ratio ${(b / a).toFixed(1)}`,
    )
  }
}

/** First quote of the process, then the median; time on the clock beside the processor's, which several threads share. */
async function measureTogether({ name, ours }: Case): Promise<void> {
  const expected = ours()
  const times: { wallMs: number; cpuMs: number }[] = []
  for (let i = 0; i < rounds * batch; i++) {
    const [startedMs, before] = [performance.now(), process.cpuUsage()]
    const said = await verifyTogether(verifyNatively, ours)
    const { user, system } = process.cpuUsage(before)
    if (said !== expected) throw new Error(`${name}: ${said} together, ${expected} one by one`)
    times.push({ wallMs: performance.now() - startedMs, cpuMs: (user + system) / 1000 })
  }
  const median = (of: 'wallMs' | 'cpuMs') => times.map((time) => time[of]).sort((x, y) => x - y)[times.length >> 1]!
  const [first] = times
  console.log(
    `${name}, WebCrypto, together: ours ${median('cpuMs').toFixed(1)} (clock ${median('wallMs').toFixed(1)}, first ${first!.cpuMs.toFixed(1)})`,
  )
}

function cpuMs(work: () => string): number {
  const before = process.cpuUsage()
  for (let i = 0; i < batch; i++) work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / batch
}
