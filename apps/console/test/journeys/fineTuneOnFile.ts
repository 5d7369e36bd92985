/** Drops a file of examples, is told of a bad line, tops up, trains, watches the loss, acknowledges, takes the adapter home, talks to it. */
import { checkPage } from '../checkPage.ts'
import { openPage } from '../openBrowser.ts'
import { shoot } from '../shoot.ts'
import type { Stage } from '../stage.ts'

const rows = Array.from({ length: 16 }, (_, at) =>
  JSON.stringify({
    prompt: `The sign of door ${at % 4} is`,
    completion: ` ${['red', 'blue', 'green', 'grey'][at % 4]}`,
  }),
)

export async function fineTuneOnFile(stage: Stage): Promise<void> {
  const page = await openPage(stage)
  await page.goto('/account')
  await page.getByLabel('Devnet test key').selectOption('1')
  await page.goto('/finetune')
  await page.getByText(/Nobody fine-tunes on this network yet|Drop a JSONL file/).waitFor()
  const zone = page.locator('[data-drop]')
  try {
    await zone.waitFor({ timeout: stage.modelWaitMs })
  } catch {
    // A network without a fine-tuning provider says so, and offers nothing that would not work.
    await page.getByText('Nobody fine-tunes on this network yet').waitFor()
    await shoot(page, 'finetune-nobody')
    stage.faults.push(...(await checkPage(page, 'fine-tune, nobody')))
    return page.context().close()
  }
  await drop('broken.jsonl', [rows[0], '{"prompt": "no end"', rows[1]].join('\n'))
  await page.getByText('broken.jsonl, line 2').waitFor()
  await shoot(page, 'finetune-refused')
  stage.faults.push(...(await checkPage(page, 'fine-tune, refused')))

  await drop('doors.jsonl', rows.join('\n'))
  await page.getByText('16 examples').waitFor()
  await page.getByRole('button', { name: 'Top up' }).click()
  await page.getByText('That is enough.').waitFor({ timeout: 60_000 })
  await shoot(page, 'finetune-priced')
  stage.faults.push(...(await checkPage(page, 'fine-tune, priced')))
  await page.getByRole('button', { name: 'Start training' }).click()
  await page.getByRole('img', { name: /Loss by step/ }).waitFor({ timeout: 300_000 })
  await page.getByRole('button', { name: 'Acknowledge and pay' }).waitFor({ timeout: 300_000 })
  await page.getByText('On examples that were held out').waitFor()
  await shoot(page, 'finetune-delivered')
  stage.faults.push(...(await checkPage(page, 'fine-tune, delivered')))
  await page.getByRole('button', { name: 'Acknowledge and pay' }).click()
  await page.getByText('finished and paid').waitFor({ timeout: 120_000 })
  const saving = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Download the adapter' }).click()
  await saving
  await page.getByText(/Opened and saved/).waitFor()
  await talk()
  await shoot(page, 'finetune-finished')
  stage.faults.push(...(await checkPage(page, 'fine-tune, finished')))
  await page.context().close()

  async function drop(name: string, text: string): Promise<void> {
    const transfer = await page.evaluateHandle(
      `(() => { const all = new DataTransfer(); all.items.add(new File([${JSON.stringify(text)}], ${JSON.stringify(name)})); return all })()`,
    )
    await zone.dispatchEvent('drop', { dataTransfer: transfer })
  }

  /** The provider answers the owner of the adapter, and the bill comes from the receipt of that answer. */
  async function talk(): Promise<void> {
    const panel = page.getByRole('region', { name: 'Talk to it' })
    await panel.getByRole('button', { name: 'Set money aside for answers' }).click()
    await panel.getByLabel('Your question').fill('The sign of door 2 is')
    await page.keyboard.press('Enter')
    await panel.getByText(/Answer complete: \S/).waitFor({ state: 'attached', timeout: 120_000 })
    await panel.getByRole('table', { name: 'Bill of this answer' }).waitFor({ timeout: 60_000 })
    await panel.getByLabel('Your question').scrollIntoViewIfNeeded()
  }
}
