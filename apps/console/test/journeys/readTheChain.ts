/** Goes from the overview to a transaction, its block and its sender, and meets what does not exist. */
import { checkPage } from '../checkPage.ts'
import { openPage } from '../openBrowser.ts'
import { shoot } from '../shoot.ts'
import type { Stage } from '../stage.ts'

export async function readTheChain(stage: Stage): Promise<void> {
  const page = await openPage(stage)
  await page.goto('/')
  const rows = page.getByRole('region', { name: 'Transactions' }).getByRole('listitem')
  await rows.first().waitFor()
  // What nodes do by themselves is not among them, however much of it there is.
  for (const text of await rows.allInnerTexts()) {
    if (/→\s*(to\s*)?(mine|rewardPool|serviceMarket)\b|makeContext/.test(text))
      stage.faults.push(`upkeep is shown: ${text}`)
  }
  await rows.first().getByRole('link').click()
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
