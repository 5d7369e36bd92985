/** Every page in light and dark, on a desk and on a phone: kept as pictures, checked for accessibility and overflow. */
import { checkPage } from '../checkPage.ts'
import { openPage } from '../openBrowser.ts'
import { shoot } from '../shoot.ts'
import type { Stage } from '../stage.ts'

const pages = {
  overview: '/',
  files: '/files',
  storage: '/storage',
  chat: '/chat',
  verify: '/verify',
  market: '/market',
  finetune: '/finetune',
  audits: '/audits',
  account: '/account',
  blocks: '/blocks',
}
const sizes = { desk: { width: 1280, height: 860 }, phone: { width: 390, height: 844 } }

export async function seeEveryPage(stage: Stage): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const)
    for (const [size, viewport] of Object.entries(sizes)) {
      const page = await openPage(stage, {
        colorScheme,
        viewport,
        reducedMotion: size === 'phone' ? 'reduce' : 'no-preference',
      })
      for (const [name, path] of Object.entries(pages)) {
        await page.goto(path)
        await page.getByRole('heading', { level: 1 }).waitFor()
        await page.waitForFunction(() => !document.querySelector('main .skeleton'))
        await shoot(page, `${name}-${colorScheme}-${size}`)
        stage.faults.push(...(await checkPage(page, `${name}, ${colorScheme}, ${size}`)))
      }
      await page.context().close()
    }
}
