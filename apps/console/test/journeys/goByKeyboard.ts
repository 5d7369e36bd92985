/** Uses the console without a mouse: skip link, visible focus, Alt+number, command palette, theme. */
import assert from 'node:assert/strict'
import { openPage } from '../openBrowser.ts'
import { shoot } from '../shoot.ts'
import type { Stage } from '../stage.ts'

export async function goByKeyboard(stage: Stage): Promise<void> {
  const page = await openPage(stage, { colorScheme: 'light' })
  await page.goto('/')
  await page.getByRole('heading', { name: 'Newest block' }).waitFor()
  await page.keyboard.press('Tab')
  assert.equal(await focused(), 'Skip to content')
  await shoot(page, 'keyboard-skip')
  await page.keyboard.press('Enter')
  assert.equal(await page.evaluate('document.activeElement.id'), 'main')
  const ring = await page.evaluate(
    `(() => { document.querySelector('nav a').focus(); return getComputedStyle(document.activeElement).outlineStyle })()`,
  )
  assert.ok(['solid', 'auto'].includes(String(ring)), 'the focus cannot be seen')
  for (const [key, name] of [
    ['2', 'Files'],
    ['3', 'Storage'],
    ['5', 'Verify'],
    ['6', 'Market'],
    ['7', 'Audits'],
    ['8', 'Fine-tune'],
    ['9', 'Account'],
    ['0', 'Blocks'],
    ['1', 'Overview'],
    ['4', 'Chat'],
  ] as const) {
    await page.keyboard.press(`Alt+${key}`)
    await page.waitForFunction((title) => document.title.startsWith(title), name)
  }
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox', { name: /Page, block/ }).waitFor()
  await page.keyboard.type('dark')
  await shoot(page, 'keyboard-palette')
  await page.keyboard.press('Enter')
  assert.equal(await page.evaluate('document.documentElement.dataset.theme'), 'dark')
  await page.keyboard.press('Control+k')
  await page.keyboard.type('1')
  await page.keyboard.press('Enter')
  await page.waitForURL('**/block/1')
  await page.keyboard.press('Control+k')
  await page.keyboard.press('Escape')
  assert.equal(await page.getByRole('dialog').count(), 0)
  await page.context().close()

  function focused(): Promise<unknown> {
    return page.evaluate('document.activeElement.textContent')
  }
}
