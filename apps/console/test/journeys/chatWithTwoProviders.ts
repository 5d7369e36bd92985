/** Tops up, chats with each of two providers (or with the one there is), and adds the bill up: tokens × price, to the wei. */
import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { checkPage } from '../checkPage.ts'
import { openPage } from '../openBrowser.ts'
import { shoot } from '../shoot.ts'
import type { Stage } from '../stage.ts'

export async function chatWithTwoProviders(stage: Stage): Promise<void> {
  const page = await openPage(stage)
  await topUpPayer(page)
  await setRate(page)
  await page.goto('/chat')
  const chooser = page.getByLabel('Provider')
  await chooser.waitFor({ timeout: stage.modelWaitMs })
  await chooser.locator('option').nth(1).waitFor({ state: 'attached', timeout: stage.modelWaitMs })
  const offers = await readOffers(page)
  for (const [at, offer] of offers.entries()) {
    await page.getByLabel('Model').selectOption(offer.model)
    await chooser.selectOption(offer.provider)
    await page.getByLabel('Your question').fill('What is the capital of France?')
    await page.keyboard.press('Enter')
    await page.getByRole('table', { name: 'Bill of this answer' }).nth(at).waitFor({ timeout: 120_000 })
    await checkBill(page, at, offer.provider)
  }
  await shoot(page, 'chat-bill')
  stage.faults.push(...(await checkPage(page, 'chat, with a bill')))

  await page.goto('/market')
  const chart = page.getByRole('img', { name: /Tokens a day/ })
  await chart.waitFor()
  const most = Number(/at most (\d+) on/.exec(String(await chart.getAttribute('aria-label')))?.[1])
  assert.ok(most > 1, 'the chart shows no tokens of the chats before')
  await page.getByRole('region', { name: 'Usage by day and model' }).getByText('EUR').first().waitFor()
  const saving = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Save as CSV' }).click()
  assert.match((await saving).suggestedFilename(), /\.csv$/)
  await shoot(page, 'market-used')
  stage.faults.push(...(await checkPage(page, 'market, used')))
  await page.context().close()
}

/** The account behind the console's API key pays for its chats: more is put into its ledger. */
async function topUpPayer(page: Page): Promise<void> {
  await page.goto('/account')
  await page.getByLabel('Devnet test key').selectOption('2')
  await page.goto('/market')
  const free = page
    .locator('dt', { hasText: 'Free in the ledger' })
    .locator('xpath=following-sibling::dd')
    .locator('[title]')
  const readFree = async () => BigInt(String(await free.getAttribute('title')).replace(' wei', ''))
  await free.waitFor({ timeout: 60_000 })
  const beforeWei = await readFree()
  await page.getByLabel('Amount to top up, in 0G').fill('4')
  await page.getByRole('button', { name: 'Top up' }).click()
  await page.getByText('Topped up.').waitFor({ timeout: 30_000 })
  for (let attempt = 0; attempt < 40 && (await readFree()) <= beforeWei; attempt++) await page.waitForTimeout(500)
  assert.ok((await readFree()) > beforeWei, 'the paying account has no more than before')
}

async function setRate(page: Page): Promise<void> {
  await page.goto('/account')
  await page.getByLabel('Worth of one 0G').fill('1.25')
  await page.getByRole('button', { name: 'Show both' }).click()
  await page.getByText('also shown in EUR, at your rate').waitFor()
}

/** One offer of each of at most two providers. */
async function readOffers(page: Page): Promise<{ model: string; provider: string }[]> {
  const models = await page.getByLabel('Model').locator('option').allTextContents()
  const found = new Map<string, string>()
  for (const model of models) {
    await page.getByLabel('Model').selectOption(model)
    const options = page.getByLabel('Provider').locator('option')
    for (const option of await options.all()) {
      const provider = await option.getAttribute('value')
      if (provider && !found.has(provider)) found.set(provider, model)
    }
  }
  assert.ok(found.size > 0, 'nobody offers a chat')
  return [...found].slice(0, 2).map(([provider, model]) => ({ provider, model }))
}

async function checkBill(page: Page, at: number, provider: string): Promise<void> {
  const table = page.getByRole('table', { name: 'Bill of this answer' }).nth(at)
  const wei = await table
    .locator('[title$=" wei"]')
    .evaluateAll((cells) => cells.map((cell) => cell.getAttribute('title')))
  const [read, written, bill] = wei.map((title) => BigInt(String(title).replace(' wei', '')))
  assert.ok(read !== undefined && written !== undefined && bill !== undefined && bill > 0n)
  assert.equal(read + written, bill)
  assert.match(String(await table.textContent()), /EUR/)
  const answeredBy = page.getByRole('button', { name: 'Copy provider' }).nth(at)
  assert.equal((await answeredBy.getAttribute('title'))?.toLowerCase(), provider.toLowerCase())
}
