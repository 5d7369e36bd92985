/** Goes from the overview to a transaction, its block and its sender, and meets what does not exist. */
import { checkPage } from '../checkPage.ts'
import { openPage } from '../openBrowser.ts'
import { shoot } from '../shoot.ts'
import type { Stage } from '../stage.ts'

export async function readTheChain(stage: Stage): Promise<void> {
  const page = await openPage(stage)
  await page.goto('/')
  await page
    .getByRole('link', { name: /depositFund|addLedger|submit|settleVouchers|refund/ })
    .first()
    .click()
  await page.getByText('Network fee').waitFor()
  await page.getByRole('heading', { name: 'Events' }).waitFor()
  await shoot(page, 'transaction')
  stage.faults.push(...(await checkPage(page, 'transaction')))
  await page.getByRole('link', { name: /^block/ }).click()
  await page.getByText('State root', { exact: true }).waitFor()
  await shoot(page, 'block')
  stage.faults.push(...(await checkPage(page, 'block')))
  await page.goto('/address/0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266')
  await page.getByText('Transactions sent').waitFor()
  stage.faults.push(...(await checkPage(page, 'address')))
  await page.goto('/block/999999999')
  await page.getByText('cannot be shown').waitFor()
  await page.goto('/tx/0x12')
  await page.getByText('A transaction is named by its hash').waitFor()
  await page.goto('/nowhere')
  await page.getByText('Nothing is here').waitFor()
  await page.context().close()
}
