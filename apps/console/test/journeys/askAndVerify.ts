/** Asks the model, watches it stream, stops one answer, verifies another by running it again in the page, finds its receipt. */
import { checkPage } from '../checkPage.ts'
import { openPage } from '../openBrowser.ts'
import { shoot } from '../shoot.ts'
import type { Stage } from '../stage.ts'

export async function askAndVerify(stage: Stage): Promise<void> {
  const page = await openPage(stage)
  await page.goto('/chat')
  await page.getByLabel('Model').waitFor({ timeout: stage.modelWaitMs })
  await shoot(page, 'chat-empty')
  await page.getByLabel('Your question').fill('What is the capital of France?')
  await page.keyboard.press('Enter')
  await page.getByText(/\d+ read, \d+ written/).waitFor({ timeout: 120_000 })
  const verify = page.getByRole('button', { name: 'Verify in this browser' })
  await verify.waitFor()
  await shoot(page, 'chat-answered')
  stage.faults.push(...(await checkPage(page, 'chat, answered')))
  await verify.click()
  await page.getByText('Accepted: your browser computed the same answer').waitFor({ timeout: 120_000 })
  await shoot(page, 'chat-verified')
  stage.faults.push(...(await checkPage(page, 'chat, verified')))
  // The second time the weights come from this browser's own files.
  await page.getByRole('button', { name: 'check again' }).click()
  await page.getByText('kept in this browser and hashed').waitFor({ timeout: 120_000 })

  await page.getByLabel('Your question').fill('Count from one to one thousand, in words.')
  await page.keyboard.press('Enter')
  await page.locator('form').getByRole('button', { name: 'Stop' }).click()
  await page.getByText('You stopped here').waitFor()

  await page.getByRole('link', { name: 'Account' }).first().click()
  await page.locator('summary', { hasText: 'capital of France' }).click()
  await page.getByRole('link', { name: /in block/ }).waitFor({ timeout: 120_000 })
  await page.locator('details[open]').scrollIntoViewIfNeeded()
  await shoot(page, 'account-receipt')
  stage.faults.push(...(await checkPage(page, 'account, receipt')))
  await page.context().close()
  await refuseForgery(stage)
}

/** A receipt that does not belong to its answer: one token exchanged on the way, then a true one of another question. */
async function refuseForgery(stage: Stage): Promise<void> {
  const page = await openPage(stage)
  let earlier: unknown
  await page.route('**/v1/receipts/*', async (route) => {
    const response = await route.fetch()
    const bundle = (await response.json()) as { opening?: { outputTokens: number[] } }
    if (!bundle.opening || earlier) return route.fulfill({ response, json: earlier ?? bundle })
    earlier = structuredClone(bundle)
    bundle.opening.outputTokens[0] = (bundle.opening.outputTokens[0] ?? 0) + 1
    return route.fulfill({ response, json: bundle })
  })
  await page.goto('/chat')
  await page.getByRole('button', { name: 'What is the capital of France?' }).click()
  await page.getByRole('button', { name: 'Verify in this browser' }).click({ timeout: 120_000 })
  await page.getByText('Refused: the receipt is about another question or answer').waitFor({ timeout: 120_000 })
  await shoot(page, 'chat-refused')
  stage.faults.push(...(await checkPage(page, 'chat, refused')))
  await page.getByLabel('Your question').fill('And of Spain?')
  await page.keyboard.press('Enter')
  await page.getByText('What stands above is not the question and the answer').waitFor({ timeout: 120_000 })
  await page.context().close()
}
