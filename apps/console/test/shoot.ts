/** Keeps a screenshot of what a user sees now, small enough to keep in the repository's CI artefacts. */
import { join } from 'node:path'
import type { Page } from 'playwright-core'

export const screenshotFolder = join(import.meta.dirname, 'screenshots')

export async function shoot(page: Page, name: string): Promise<void> {
  // Entrances and the drift of the blocks come to rest first.
  await page.waitForTimeout(700)
  await page.screenshot({ path: join(screenshotFolder, `${name}.png`), scale: 'css' })
}
