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
  await page.getByText('Stored permanently, public unless you encrypt.').waitFor()
  const store = page.getByRole('button', { name: 'Store it' })
  await page.waitForFunction(() => !document.querySelector('dl .skeleton'))
  await shoot(page, 'files-quote')
  stage.faults.push(...(await checkPage(page, 'files, quote')))
  await store.click()
  await page.getByText('Stored and proven').waitFor({ timeout: 60_000 })
  await shoot(page, 'files-stored')
  stage.faults.push(...(await checkPage(page, 'files, stored')))
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download: photo of a comet.jpg' }).click(),
  ])
  assert.equal(download.suggestedFilename(), 'photo of a comet.jpg')
  assert.equal(sha256(readFileSync(await download.path())), sha256(bytes), 'the downloaded file differs')
  await page.getByRole('button', { name: /Verified/ }).waitFor()

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

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
