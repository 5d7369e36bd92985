/** The network goes away and comes back: every page says so in words, keeps what it had, and goes on by itself. */
import assert from 'node:assert/strict'
import { checkPage } from '../checkPage.ts'
import { openPage } from '../openBrowser.ts'
import { shoot } from '../shoot.ts'
import type { Stage } from '../stage.ts'

export async function loseTheNetwork(stage: Stage): Promise<void> {
  const page = await openPage(stage, {}, { allowed: /ERR_INTERNET_DISCONNECTED|ERR_FAILED|WebSocket|503/ })
  await page.goto('/')
  await page.getByRole('heading', { name: 'Newest block' }).waitFor()
  await page.context().route('**/*', (route) => route.abort('internetdisconnected'))
  await page.context().routeWebSocket(/.*/, (socket) => void socket.close())
  await page.reload().catch(() => undefined)
  await page.context().unroute('**/*')
  await page.context().route('**/config.json', (route) => route.fulfill({ status: 503, body: 'starting' }))
  await page.goto('/')
  await page.getByText('No network answers here').waitFor()
  await shoot(page, 'offline-config')
  stage.faults.push(...(await checkPage(page, 'no network')))
  await page.context().unroute('**/config.json')
  // Everything but the console itself is silent.
  const origin = new URL(stage.url).origin
  await page.context().route(
    (url) => url.origin !== origin,
    (route) => route.abort('connectionrefused'),
  )
  await page.getByText('The chain does not answer').waitFor()
  await page.getByText('does not answer').nth(3).waitFor()
  await shoot(page, 'offline-services')
  stage.faults.push(...(await checkPage(page, 'services down')))
  await page.goto('/account')
  await page.getByText('The balance cannot be read').waitFor({ timeout: 60_000 })
  await page.goto('/chat')
  await page.getByText('The gateway cannot be reached').waitFor({ timeout: 60_000 })
  await shoot(page, 'offline-chat')
  const fresh = await page.context().newPage()
  await page.context().unroute(() => true)
  await fresh.close()
  assert.equal(await page.getByText('This page broke').count(), 0)
  await page.context().close()
}
