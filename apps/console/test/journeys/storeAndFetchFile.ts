/** Chooses a file, reads the warning and the price, stores it, sees every segment proven, fetches it back, byte for byte. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { checkPage } from '../checkPage.ts'
import { openPage } from '../openBrowser.ts'
import { shoot } from '../shoot.ts'
import type { Stage } from '../stage.ts'

export async function storeAndFetchFile(stage: Stage): Promise<void> {
  const page = await openPage(stage)
  await page.goto('/files')
  // Three and a bit segments, so that the last one is a short one.
  const bytes = randomBytes(3 * 256 * 1024 + 12_345)
  await page
    .getByLabel('File to store')
    .setInputFiles({ name: 'photo of a comet.jpg', mimeType: 'image/jpeg', buffer: bytes })
  await page.getByText('Storing cannot be undone.').waitFor()
  assert.ok(await page.getByRole('radio', { name: /^Private/ }).isChecked(), 'files are private by default')
  const store = page.getByRole('button', { name: 'Encrypt and store it' })
  await page.waitForFunction(() => !document.querySelector('dl .skeleton'))
  await shoot(page, 'files-quote')
  stage.faults.push(...(await checkPage(page, 'files, quote')))
  await page.getByRole('radio', { name: /^Public/ }).check()
  await page.getByRole('button', { name: 'Store it for all to read' }).waitFor()
  await page.getByRole('radio', { name: /^Private/ }).check()
  await page.waitForFunction(() => !document.querySelector('dl .skeleton'))
  await store.click()
  await page.getByText('Stored and proven').waitFor({ timeout: 60_000 })
  await page.getByText('your account alone').waitFor()
  const root = await page
    .getByText(/^0x[0-9a-f]{64}$/)
    .first()
    .textContent()
  await shoot(page, 'files-stored')
  stage.faults.push(...(await checkPage(page, 'files, stored')))
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download: photo of a comet.jpg' }).click(),
  ])
  assert.equal(download.suggestedFilename(), 'photo of a comet.jpg')
  assert.equal(sha256(readFileSync(await download.path())), sha256(bytes), 'the downloaded file differs')
  await page.getByRole('button', { name: /Verified/ }).waitFor()
  await stayPrivate(stage, root ?? '', bytes)

  await page.getByRole('button', { name: 'Renew photo of a comet.jpg' }).click()
  await page.getByRole('button', { name: 'Pay: renew photo of a comet.jpg' }).click()
  await page.getByRole('button', { name: 'Renew photo of a comet.jpg' }).waitFor({ timeout: 30_000 })

  await page.getByRole('button', { name: 'Store another' }).click()
  await page
    .getByLabel('File to store')
    .setInputFiles({ name: 'nothing.txt', mimeType: 'text/plain', buffer: Buffer.alloc(0) })
  await page.getByText('nothing.txt is empty').waitFor()
  await page.getByLabel('Root of the file').fill(`0x${'ab'.repeat(32)}`)
  await page.getByRole('button', { name: /Fetch and verify/ }).click()
  await page.getByRole('button', { name: /Failed/ }).waitFor()
  await page.context().close()
}

/** Anybody may fetch the root; what they get is not what was stored. */
async function stayPrivate({ url }: Stage, root: string, bytes: Buffer): Promise<void> {
  const { storage } = (await (await fetch(`${url}/config.json`)).json()) as { storage: { indexerUrl: string } }
  const response = await fetch(`${storage.indexerUrl}/file/${root}`)
  assert.equal(response.status, 200)
  const seen = Buffer.from(await response.arrayBuffer())
  assert.equal(seen.length, bytes.length + 17)
  assert.ok(!seen.includes(bytes.subarray(0, 64)), 'the network holds what was to be private')
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
