/** Deposits into the ledger and withdraws again, signed in the page by the devnet's test key. */
import { checkPage } from '../checkPage.ts'
import { openPage } from '../openBrowser.ts'
import { shoot } from '../shoot.ts'
import type { Stage } from '../stage.ts'

export async function moveFundsWithTestKey(stage: Stage): Promise<void> {
  const page = await openPage(stage)
  await page.goto('/account')
  await page.getByText('This is a test key that everybody knows.').waitFor()
  await page.getByLabel('Devnet test key').selectOption('2')
  await page.getByLabel('Amount to deposit, in 0G').fill('1e5')
  await page.getByText('A number of tokens, such as 2.5.').waitFor()
  await page.getByLabel('Amount to deposit, in 0G').fill('999999999')
  await page.getByText('There are only').waitFor()
  await page.getByLabel('Amount to deposit, in 0G').fill('5')
  await page.getByRole('button', { name: 'Deposit' }).click()
  await page.getByText('Done.').waitFor({ timeout: 30_000 })
  await page.getByText(/5 0G of it is free/).waitFor()
  await shoot(page, 'account-deposited')
  stage.faults.push(...(await checkPage(page, 'account, deposited')))
  await page.getByLabel('Amount to withdraw, in 0G').fill('5')
  await page.getByRole('button', { name: 'Withdraw' }).click()
  await page.getByText('Your first deposit opens it.').waitFor({ timeout: 30_000 })
  await page.context().close()
}
