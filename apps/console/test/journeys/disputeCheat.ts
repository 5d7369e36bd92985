/** Asks a provider that cheats, finds the answer wrong, disputes it down to one number, saves the verdict, judges that on another page and in the file for other machines, and takes it to the chain. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import type { Hex } from 'viem'
import { openTestClient } from '../askForBundle.ts'
import { checkPage } from '../checkPage.ts'
import { injectWallet, type WalletLog } from '../injectWallet.ts'
import { openPage } from '../openBrowser.ts'
import { shoot } from '../shoot.ts'
import type { Stage } from '../stage.ts'
import { startCheat } from '../startCheat.ts'

/** Account 3 of the usual test mnemonic, which is the user's alone. */
const walletKey: Hex = '0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6'
const repository = join(import.meta.dirname, '../../../..')
const isHeavy = Boolean(process.env.WEIGHTLESS_HEAVY)
const patienceMs = isHeavy ? 300_000 : 90_000
const tinyWeights = join(repository, 'packages/tensor/models/weightless-bard-1m.gguf')
const standalone = join(repository, 'apps/console/dist/weightless-verify.html')

export async function disputeCheat(stage: Stage): Promise<void> {
  const weights = isHeavy ? await largeWeights() : tinyWeights
  const client = await openTestClient(stage.url)
  // Nobody else may serve this model: its weights are put where a verifier finds them.
  await client.files.upload(new Uint8Array(readFileSync(weights)), { isPublic: true })
  const cheat = await startCheat(stage.url, weights)
  try {
    const verdict = await convict(stage, cheat.model)
    await judgeOnDisk(stage, verdict, weights)
    await slashByWallet(stage, verdict)
  } finally {
    await cheat.close()
  }
}

/** Returns the verdict file. */
async function convict(stage: Stage, model: string): Promise<string> {
  const page = await openPage(stage)
  await page.goto('/chat')
  await page.getByLabel('Model').selectOption(model, { timeout: stage.modelWaitMs })
  await page.getByLabel('Your question').fill('Who art thou?')
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Verify in this browser' }).waitFor({ timeout: patienceMs })
  await page.getByRole('link', { name: 'Account' }).first().click()
  await page.locator('summary', { hasText: 'Who art thou?' }).click()
  await page.getByRole('button', { name: 'Verify in this browser' }).click()
  await page.getByText(/^Refused:/).waitFor({ timeout: patienceMs })
  await page.getByRole('button', { name: 'Open a dispute' }).click()
  await page.getByText('Guilty: one number of this answer is wrong').waitFor({ timeout: patienceMs })
  const expected = await shownFact(page, 'Expected')
  await page.locator('[data-verdict="guilty"]').scrollIntoViewIfNeeded()
  await shoot(page, 'account-guilty')
  stage.faults.push(...(await checkPage(page, 'account, guilty')))
  const saving = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Save the verdict' }).click()
  const verdict = readFileSync(await (await saving).path(), 'utf8')

  await page.getByRole('link', { name: 'Verify' }).first().click()
  await judge(page, verdict)
  await page.getByText(/ · weights kept in this browser/).waitFor()
  assert.equal(await shownFact(page, 'Expected'), expected)
  console.log(`    judged in ${await workMs(page)} ms with kept weights`)
  await shoot(page, 'verify-guilty')
  stage.faults.push(...(await checkPage(page, 'verify, guilty')))
  await page.getByRole('button', { name: 'Check something else' }).click()
  const changed = verdict.replace(/"position": (\d+)/, (_, position) => `"position": ${Number(position) + 1}`)
  assert.notEqual(changed, verdict)
  await give(page, [{ name: 'verdict.json', text: changed }])
  await page.getByRole('button', { name: 'Judge it again' }).click()
  await page.getByText('Refused: this file shows nothing').waitFor({ timeout: 60_000 })
  await page.context().close()
  return verdict
}

/** Another visitor takes the verdict to the chain; the page's worker reaches her wallet through the page. */
async function slashByWallet(stage: Stage, verdict: string): Promise<void> {
  const { chain } = (await (await fetch(`${stage.url}/config.json`)).json()) as { chain: { rpcUrl: string } }
  let log: WalletLog = { methods: [] }
  const wallet = { privateKey: walletKey, rpcUrl: chain.rpcUrl, name: 'Lantern Wallet' }
  const prepare = async (context: BrowserContext) => {
    log = await injectWallet(context, wallet)
  }
  const page = await openPage(stage, {}, { prepare })
  await page.goto('/account')
  await page.getByRole('button', { name: 'Lantern Wallet' }).click()
  await page.getByRole('button', { name: 'Disconnect' }).waitFor()
  await page.getByRole('link', { name: 'Verify' }).first().click()
  await judge(page, verdict)
  await page.getByText('Your wallet Lantern Wallet is asked').waitFor()
  await page.getByRole('button', { name: 'Take it to the chain' }).click()
  await page.getByText('Slashed: the contracts computed the same').waitFor({ timeout: patienceMs })
  assert.ok(log.methods.includes('eth_sendTransaction'), 'the wallet was not asked to send')
  await shoot(page, 'verify-slashed')
  stage.faults.push(...(await checkPage(page, 'verify, slashed')))
  await page.context().close()
}

/** Another machine: a file opened from disk, and no network at all. */
async function judgeOnDisk(stage: Stage, verdict: string, weights: string): Promise<void> {
  const page = await openPage(stage, { offline: true })
  await page.goto(`file://${standalone}`)
  await page.getByLabel('Bundle, verdict or model').setInputFiles(weights)
  await judge(page, verdict)
  await page.getByText(/ · weights from your file/).waitFor()
  await page.getByRole('button', { name: 'check again' }).click()
  await page.getByText('Guilty: one number').waitFor({ timeout: 60_000 })
  console.log(`    judged in ${await workMs(page)} ms from a file that was hashed before`)
  await shoot(page, 'verify-on-disk')
  stage.faults.push(...(await checkPage(page, 'verify, on disk')))
  await page.context().close()
}

async function judge(page: Page, verdict: string): Promise<void> {
  await give(page, [{ name: 'verdict.json', text: verdict }])
  await page.getByRole('button', { name: 'Judge it again' }).click()
  await page.getByText('Guilty: one number of this answer is wrong').waitFor({ timeout: patienceMs })
}

async function give(page: Page, files: readonly { name: string; text: string }[]): Promise<void> {
  const given = files.map(({ name, text }) => ({ name, mimeType: 'application/json', buffer: Buffer.from(text) }))
  await page.getByLabel('Bundle, verdict or model').setInputFiles(given)
}

const shownFact = (page: Page, name: string) =>
  page.locator('[data-verdict="guilty"] dt', { hasText: name }).locator('xpath=following-sibling::dd').textContent()

const workMs = (page: Page) => page.locator('[data-work-ms]').getAttribute('data-work-ms')

async function largeWeights(): Promise<string> {
  const { resolveWeights } = await import('@weightless/node/weights/resolveWeights')
  const { smolLm2 } = await import('@weightless/node/weights/modelSources')
  return (await resolveWeights(smolLm2)).path
}
