/** Drops a bundle on the page Verify, watches the model come by its root, cuts the network, opens the page again and verifies from what is kept. */
import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { askForBundle, openTestClient } from '../askForBundle.ts'
import { checkPage } from '../checkPage.ts'
import { openPage } from '../openBrowser.ts'
import { shoot } from '../shoot.ts'
import type { Stage } from '../stage.ts'

const accepted = 'Accepted: your browser computed the same answer'

export async function verifyWithoutNetwork(stage: Stage): Promise<void> {
  const client = await openTestClient(stage.url)
  await waitForModel(client.chat, stage.modelWaitMs)
  const bundle = await askForBundle(client)
  const page = await openPage(stage, {}, { allowed: /ERR_INTERNET_DISCONNECTED|Failed to fetch|WebSocket|wss?:/ })
  await page.goto('/verify')
  await refuseNonsense(stage, page)
  await give(page, bundle)
  await page.getByText('fetched from the storage network by its root').waitFor()
  await page.getByRole('button', { name: 'Execute it again' }).click()
  await page.getByText(accepted).waitFor({ timeout: 60_000 })
  await page.getByText(/ · weights fetched by their root/).waitFor()
  await shoot(page, 'verify-accepted')
  stage.faults.push(...(await checkPage(page, 'verify, accepted')))
  await page.getByText('both work with the network cut').waitFor({ timeout: 60_000 })

  await page.context().setOffline(true)
  await page.goto('/verify')
  assert.equal(await page.evaluate(`fetch('/config.json').then(() => 'reached', () => 'cut')`), 'cut')
  await verifyKept(page, bundle)
  await shoot(page, 'verify-offline')
  const changed = bundle.replace(/("outputTokens":\[)(\d+)/, (_, before, token) => `${before}${Number(token) + 1}`)
  assert.notEqual(changed, bundle)
  await page.getByRole('button', { name: 'Check something else' }).click()
  await give(page, changed)
  await page.getByRole('button', { name: 'Execute it again' }).click()
  await page.getByText('Refused: the receipt is about another question or answer').waitFor()

  // What is damaged on disk is not held against the provider: it is told apart, and fetched again where it can be.
  await page.evaluate(damage)
  await page.getByRole('button', { name: 'Check something else' }).click()
  await give(page, bundle)
  await page.getByRole('button', { name: 'Execute it again' }).click()
  await page.getByText('The model of this receipt is not here').waitFor({ timeout: 60_000 })
  await page.context().setOffline(false)
  await page.getByRole('link', { name: /Chain Live, block/ }).waitFor({ timeout: 60_000 })
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByText(accepted).waitFor({ timeout: 60_000 })

  await page.evaluate(tear)
  await page.getByRole('button', { name: 'check again' }).click()
  await page.getByText(accepted).waitFor({ state: 'hidden' })
  await page.getByText(accepted).waitFor({ timeout: 60_000 })
  await page.getByText(/ · weights fetched by their root/).waitFor()
  await page.context().close()
}

async function verifyKept(page: Page, bundle: string): Promise<void> {
  await give(page, bundle)
  await page.getByText('No network is needed').waitFor()
  await page.getByRole('button', { name: 'Execute it again' }).click()
  await page.getByText(accepted).waitFor({ timeout: 60_000 })
  await page.getByText(/ · weights kept in this browser/).waitFor()
}

async function refuseNonsense(stage: Stage, page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Paste it' }).click()
  await page.getByLabel('as text').fill('{"receipt": 7}')
  await page.getByRole('button', { name: 'Read it' }).click()
  await page.getByText('It is no receipt bundle').waitFor()
  stage.faults.push(...(await checkPage(page, 'verify, refused')))
}

async function give(page: Page, text: string): Promise<void> {
  const file = { name: 'bundle.json', mimeType: 'application/json', buffer: Buffer.from(text) }
  await page.getByLabel('Bundle, verdict or model').setInputFiles(file)
}

async function waitForModel(chat: Awaited<ReturnType<typeof openTestClient>>['chat'], waitMs: number): Promise<void> {
  for (let attempt = 0; attempt < waitMs / 500 && (await chat.models()).length === 0; attempt++)
    await new Promise((resolve) => setTimeout(resolve, 500))
}

const change = (body: string) => `(async () => {
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('weights')
  for await (const [name, handle] of folder.entries()) if (!name.endsWith('.segments')) { ${body} }
})()`
const write = (body: string) =>
  `const writer = await handle.createWritable({ keepExistingData: true }); ${body}; await writer.close()`
/** One byte of the header of every kept model. */
const damage = change(write('await writer.write({ type: "write", position: 100, data: new Uint8Array([1]) })'))
/** As a crash leaves it: half a file, its last bytes wrong, and no segment roots. */
const tear = change(
  `${write('await writer.truncate(300_000); await writer.write({ type: "write", position: 200_000, data: new Uint8Array(9) })')}
  await folder.removeEntry(name + '.segments')`,
)
