/** What `measureBrowser.ts` runs in a page: the time that each way of asking for signatures takes for each quote. */
import { tcbStatuses, verifyDcapQuote } from '@weightless/attest'
import { verifyTogether } from '@weightless/crypto'
import { verifyNatively } from '@weightless/env/browser'

export type PageCase = { name: string; quote: number[]; collateral: { [field: string]: string }; atSeconds: number }
export type PageTime = { name: string; how: string; status: string; firstMs: number; medianMs: number }

const rounds = 41

Object.assign(globalThis, { measureQuotes })

async function measureQuotes(cases: readonly PageCase[]): Promise<PageTime[]> {
  const times: PageTime[] = []
  for (const { name, quote, collateral, atSeconds } of cases) {
    const bytes = Uint8Array.from(quote)
    const work = () => {
      const verdict = verifyDcapQuote(bytes, collateral, { atSeconds, allowStatuses: tcbStatuses })
      return verdict.ok ? verdict.value.status : verdict.code
    }
    const together = () => verifyTogether(verifyNatively, work)
    times.push(await measure(name, 'WebCrypto, together', together))
    times.push(await measure(name, 'JavaScript', async () => work()))
  }
  return times
}

async function measure(name: string, how: string, ask: () => Promise<string>): Promise<PageTime> {
  const takenMs: number[] = []
  let status = ''
  for (let i = 0; i < rounds; i++) {
    const startedMs = performance.now()
    status = await ask()
    takenMs.push(performance.now() - startedMs)
  }
  const firstMs = takenMs[0]!
  return { name, how, status, firstMs, medianMs: takenMs.sort((a, b) => a - b)[rounds >> 1]! }
}
