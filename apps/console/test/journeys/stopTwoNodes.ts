/** Stores a file, stops two of its nodes by their buttons, reads it back byte for byte, and starts them again; peers leave and come back. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { checkPage } from '../checkPage.ts'
import { openPage } from '../openBrowser.ts'
import { shoot } from '../shoot.ts'
import type { Stage } from '../stage.ts'

export async function stopTwoNodes(stage: Stage): Promise<void> {
  // Stopped nodes refuse connections, which the browser notes.
  const page = await openPage(stage, {}, { allowed: /ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET/ })
  await page.goto('/files')
  const name = 'voyage log.bin'
  // More than one stripe of four segments, and a short end.
  const bytes = randomBytes(9 * 256 * 1024 + 777)
  await page.getByLabel('File to store').setInputFiles({ name, mimeType: 'application/octet-stream', buffer: bytes })
  await page.getByRole('button', { name: 'Encrypt and store it' }).click()
  await page.getByText('Stored and proven').waitFor({ timeout: 60_000 })
  await page.getByRole('link', { name: 'See where it lies' }).click()
  await page.getByText(/Any 4 of 6 rows give back every byte; 6 answer/).waitFor({ timeout: 30_000 })
  await awaitPeers(page, 6, 6)
  // One node mines, and says who is paid.
  await page.getByText('Answers won').waitFor()
  await page.getByRole('button', { name: /Copy address of the miner/ }).waitFor()
  await shoot(page, 'storage-all-up')
  stage.faults.push(...(await checkPage(page, 'storage, all up')))

  for (const [node, left] of [
    ['Node 2', 5],
    ['Node 5', 4],
  ] as const) {
    await page.getByRole('button', { name: `Stop ${node}` }).click()
    await page.getByRole('button', { name: `Start ${node}` }).waitFor({ timeout: 30_000 })
    await page.getByText(`; ${left} answer`).waitFor({ timeout: 30_000 })
  }
  await page.getByText('No further node may vanish until a repair.').waitFor()
  await awaitPeers(page, 4, 4)
  await readBack(page, name, bytes)
  await shoot(page, 'storage-two-stopped')
  stage.faults.push(...(await checkPage(page, 'storage, two stopped')))

  for (const node of ['Node 2', 'Node 5']) {
    await page.getByRole('button', { name: `Start ${node}` }).click()
    await page.getByRole('button', { name: `Stop ${node}` }).waitFor({ timeout: 60_000 })
  }
  await page.getByText(/; 6 answer/).waitFor({ timeout: 60_000 })
  await page.getByText('2 more nodes may vanish.').waitFor()
  await awaitPeers(page, 6, 6)
  await page.context().close()
}

/** So many cards say that they are connected with so many peers: each sees the gateway and the other nodes. */
async function awaitPeers(page: Page, cards: number, peers: number): Promise<void> {
  const words = page.getByText(`${peers} connected`, { exact: true })
  await words.nth(cards - 1).waitFor({ timeout: 60_000 })
}

async function readBack(page: Page, name: string, bytes: Uint8Array): Promise<void> {
  const [download] = await Promise.all([
    page.waitForEvent('download', { timeout: 60_000 }),
    page.getByRole('button', { name: `Read it now: ${name}` }).click(),
  ])
  const read = readFileSync(await download.path())
  assert.equal(sha256(read), sha256(bytes), 'what came back with two nodes gone differs')
  await page.getByRole('button', { name: /Verified/ }).waitFor()
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
