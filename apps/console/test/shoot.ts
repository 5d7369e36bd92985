/** Keeps a screenshot of what a user sees now, small enough to keep as an artefact of CI. */
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'

/** `--keep` renews the pictures in the repository; otherwise a run leaves no trace in it. */
export const screenshotFolder = join(
  import.meta.dirname,
  process.argv.includes('--keep') ? 'screenshots' : '../test-results',
)

export async function shoot(page: Page, name: string): Promise<void> {
  // Entrances and the drift of the blocks come to rest first.
  await page.waitForTimeout(700)
  await page.screenshot({ path: join(screenshotFolder, `${name}.png`), scale: 'css' })
}

/** What the open pages showed when a journey failed; returns where the pictures are. */
export async function keepLastSight(browser: Browser, journey: string): Promise<string[]> {
  const pages = browser.contexts().flatMap((context) => context.pages())
  return Promise.all(
    pages.map(async (page, i) => {
      const path = join(import.meta.dirname, '../test-results', `${journey.replaceAll(/\W+/g, '-')}-${i}.png`)
      await page.screenshot({ path, fullPage: true })
      return `seen last: ${path}`
    }),
  )
}
