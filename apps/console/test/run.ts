/**
 * `npm run test:browser`: drives the built console in Chromium against a real devnet, as a user does: looks at every page
 * in both themes and on a phone, stores a file, stops two nodes, asks, verifies, adds up a bill, fine-tunes, deposits with a wallet, goes everywhere by keyboard, and computes every kernel's hashes.
 * Any console error, accessibility fault or sideways scroll fails it. `--url URL` uses a network that runs already;
 * `--keep` renews the pictures in `screenshots/`.
 */
import { mkdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { agreeOnHashes } from './journeys/agreeOnHashes.ts'
import { askAndVerify } from './journeys/askAndVerify.ts'
import { chatWithTwoProviders } from './journeys/chatWithTwoProviders.ts'
import { depositWithWallet } from './journeys/depositWithWallet.ts'
import { disputeCheat } from './journeys/disputeCheat.ts'
import { fineTuneOnFile } from './journeys/fineTuneOnFile.ts'
import { goByKeyboard } from './journeys/goByKeyboard.ts'
import { loseTheNetwork } from './journeys/loseTheNetwork.ts'
import { moveFundsWithTestKey } from './journeys/moveFundsWithTestKey.ts'
import { readTheChain } from './journeys/readTheChain.ts'
import { seeEveryPage } from './journeys/seeEveryPage.ts'
import { stopTwoNodes } from './journeys/stopTwoNodes.ts'
import { storeAndFetchFile } from './journeys/storeAndFetchFile.ts'
import { verifyWithoutNetwork } from './journeys/verifyWithoutNetwork.ts'
import { openBrowser } from './openBrowser.ts'
import { keepLastSight, screenshotFolder } from './shoot.ts'
import type { Stage } from './stage.ts'
import { startNetwork } from './startNetwork.ts'

const journeys: readonly [string, (stage: Stage) => Promise<void>][] = [
  ['store and fetch a file', storeAndFetchFile],
  ['stop two nodes and lose nothing', stopTwoNodes],
  ['ask and verify in the browser', askAndVerify],
  ['top up, chat with two providers, read the bill', chatWithTwoProviders],
  ['verify a dropped bundle, then without a network', verifyWithoutNetwork],
  ['fine-tune on a dropped file', fineTuneOnFile],
  ['move funds with the test key', moveFundsWithTestKey],
  ['deposit with a wallet', depositWithWallet],
  ['see every page, light and dark, desk and phone', seeEveryPage],
  ['read the chain', readTheChain],
  ['go everywhere by keyboard', goByKeyboard],
  ['dispute an answer of a cheat and judge the verdict', disputeCheat],
  ['agree with Node on every hash', agreeOnHashes],
  ['lose the network and find it again', loseTheNetwork],
]

const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    only: { type: 'string' },
    keep: { type: 'boolean', default: false },
    weights: { type: 'string', default: 'auto' },
    'model-wait': { type: 'string', default: '180' },
  },
})
mkdirSync(screenshotFolder, { recursive: true })
const network = await startNetwork({ url: values.url, weights: values.weights })
const browser = await openBrowser()
let failed = 0
try {
  console.log(`console at ${network.url}`)
  for (const [name, journey] of journeys) {
    if (values.only && !name.includes(values.only)) continue
    const startMs = performance.now()
    const faults: string[] = []
    const stage: Stage = { ...network, browser, faults, modelWaitMs: Number(values['model-wait']) * 1000 }
    try {
      await journey(stage)
    } catch (error) {
      faults.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
      faults.push(...(await keepLastSight(browser, name)))
    }
    const took = `${((performance.now() - startMs) / 1000).toFixed(1)} s`
    console.log(`${faults.length === 0 ? '✔' : '✖'} ${name} (${took})`)
    for (const context of browser.contexts()) await context.close()
    for (const fault of faults) console.log(`    ${fault.replaceAll('\n', '\n    ')}`)
    if (faults.length > 0) failed++
  }
} finally {
  await browser.close()
  await network.close()
}
console.log(failed === 0 ? 'The console holds.' : `${failed} journeys failed.`)
process.exit(failed === 0 ? 0 : 1)
