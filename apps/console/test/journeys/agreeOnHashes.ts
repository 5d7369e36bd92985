/** Every kernel of the engine, run in a page: the hashes of answers, trainings and an encoder are Node's. No network is asked. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runEveryKernel } from '../../../../packages/tensor/src/selfCheck/everyKernel.cases.ts'
import { bundlePage } from '../bundlePage.ts'
import { openPage } from '../openBrowser.ts'
import type { Stage } from '../stage.ts'

const root = join(import.meta.dirname, '../../../..')
const read = (path: string) => readFile(join(root, path))

export async function agreeOnHashes(stage: Stage): Promise<void> {
  const page = await openPage(stage, {})
  await page.route('**/repository/**', async (route) => {
    const path = new URL(route.request().url()).pathname.replace('/repository/', '')
    if (path === '') return route.fulfill({ body: '<!doctype html><title>hashes</title>', contentType: 'text/html' })
    await route.fulfill({ body: await read(path), contentType: 'application/octet-stream' })
  })
  await page.goto('/repository/')
  await page.addScriptTag({
    content: await bundlePage(join(import.meta.dirname, '../pageOfHashes.ts')),
    type: 'module',
  })
  const theirs = await page.evaluate(() => (globalThis as unknown as { hashes(): Promise<string[][]> }).hashes())
  const ours: string[][] = []
  for await (const { name, hash } of runEveryKernel(async (path) => new Uint8Array(await read(path))))
    ours.push([name, hash])
  assert.ok(ours.length > 8)
  assert.deepEqual(theirs, ours)
}
