/** The network goes away and comes back: every page says so in words, keeps what it had, and goes on by itself. */
import assert from 'node:assert/strict'
import type { BrowserContext } from 'playwright-core'
import { checkPage } from '../checkPage.ts'
import { openPage } from '../openBrowser.ts'
import { shoot } from '../shoot.ts'
import type { Stage } from '../stage.ts'

export async function loseTheNetwork(stage: Stage): Promise<void> {
  const page = await openPage(stage, {}, { allowed: /ERR_CONNECTION_REFUSED|WebSocket|503|wss?:/ })
  const reach = await createSwitch(page.context(), stage.url)

  reach.console = false
  await page.goto('/')
  await page.getByText('No network answers here').waitFor()
  await shoot(page, 'offline-config')
  stage.faults.push(...(await checkPage(page, 'no network')))

  reach.console = true
  reach.services = false
  await page.getByText('The chain does not answer').waitFor()
  await page.getByText('does not answer').nth(3).waitFor()
  await shoot(page, 'offline-services')
  stage.faults.push(...(await checkPage(page, 'services down')))
  await page.getByRole('link', { name: 'Account' }).first().click()
  await page.getByText('The balance cannot be read').waitFor({ timeout: 60_000 })
  await page.getByRole('link', { name: 'Chat' }).first().click()
  await page.getByText('The gateway cannot be reached').waitFor({ timeout: 60_000 })
  await shoot(page, 'offline-chat')

  reach.services = true
  await page.getByRole('link', { name: 'Overview' }).first().click()
  await page.getByRole('link', { name: /Chain Live, block/ }).waitFor({ timeout: 30_000 })
  await page.getByText(/chain 31337/).waitFor({ timeout: 30_000 })
  assert.equal(await page.getByText('The chain does not answer').count(), 0)
  await page.context().close()
}

/** Cuts this browser off from the console's configuration or from every service, and joins it again. */
async function createSwitch(context: BrowserContext, url: string): Promise<{ console: boolean; services: boolean }> {
  const reach = { console: true, services: true }
  const { origin } = new URL(url)
  await context.route('**/config.json', (route) => (reach.console ? route.continue() : route.fulfill({ status: 503 })))
  await context.route(
    (target) => target.origin !== origin,
    (route) => (reach.services ? route.continue() : route.abort('connectionrefused')),
  )
  await context.routeWebSocket(/.*/, (socket) => {
    if (reach.services) socket.connectToServer()
    else void socket.close()
  })
  return reach
}
