/** Time on the clock to verify a public quote in the machine's own Chromium. Usage: node measureBrowser.ts */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { bundlePage } from '../../apps/console/test/bundlePage.ts'
import { openBrowser } from '../../apps/console/test/openBrowser.ts'
import type { PageCase, PageTime } from './pageOfQuotes.ts'

const folder = join(import.meta.dirname, '../../vectors/attestation/dcap')
const read = (name: string) => readFileSync(join(folder, name))
const { verdicts } = JSON.parse(read('verdicts.json').toString()) as {
  verdicts: { [name: string]: { atSeconds: number } }
}
const cases: PageCase[] = ['sgx-v3', 'tdx-v4'].map((name) => ({
  name,
  quote: [...read(`${name}.quote`)],
  collateral: JSON.parse(read(`${name}.collateral.json`).toString()) as PageCase['collateral'],
  atSeconds: verdicts[name]!.atSeconds,
}))

const code = await bundlePage(join(import.meta.dirname, 'pageOfQuotes.ts'))
// A page from loopback is one of those that may use WebCrypto.
const server = createServer((_request, response) => {
  response.setHeader('content-type', 'text/html').end('<!doctype html><title>quotes</title>')
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const browser = await openBrowser()
try {
  const page = await browser.newPage()
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  await page.addScriptTag({ content: code, type: 'module' })
  const ask = (given: PageCase[]) =>
    (globalThis as unknown as { measureQuotes(cases: PageCase[]): Promise<PageTime[]> }).measureQuotes(given)
  for (const { name, how, status, firstMs, medianMs } of await page.evaluate(ask, cases)) {
    console.log(`${name}, ${how}: ${medianMs.toFixed(1)} ms (first ${firstMs.toFixed(1)}), ${status}`)
  }
  console.log(`Chromium ${browser.version()}`)
} finally {
  await browser.close()
  server.close()
}
