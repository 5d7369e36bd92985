/** Starts the machine's own Chromium, and opens pages that report everything that goes wrong in them. */
import { existsSync } from 'node:fs'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import type { Stage } from './stage.ts'

const places = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

export function openBrowser(): Promise<Browser> {
  const executablePath = places.find((place) => place && existsSync(place))
  if (!executablePath)
    throw new Error('No Chromium was found; install the chromium package or set CHROMIUM to its path.')
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

/** @param allowed - console messages that the journey provokes on purpose */
export async function openPage(
  { browser, faults, url }: Stage,
  options: BrowserContextOptions = {},
  { allowed, prepare }: { allowed?: RegExp; prepare?: (context: BrowserContext) => Promise<void> } = {},
): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, baseURL: url, ...options })
  await prepare?.(context)
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  page.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return
    const says = `${message.text()} (${message.location().url})`
    if (!allowed?.test(says)) faults.push(`console ${message.type()}: ${says}`)
  })
  page.on('pageerror', (error) => faults.push(`uncaught: ${error.message}`))
  return page
}
