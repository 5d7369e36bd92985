// Two of the six storage node processes of the devnet are killed and their folders removed; what they held is read while
// they are gone, rebuilt by themselves when they are back, and then another two are lost in the same way.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const load = (path) => import(pathToFileURL(join(process.env.WEIGHTLESS_ROOT, path)).href)
const { createNodeEnv } = await load('packages/env/src/node/index.ts')
const { createClient, readNetworkConfig } = await load('packages/sdk/src/index.ts')
const { devnetKey } = await load('packages/node/src/devnet/devnetKeys.ts')

const dataFolder = dirname(process.env.WEIGHTLESS_DEVNET)
const devnet = JSON.parse(readFileSync(process.env.WEIGHTLESS_DEVNET, 'utf8'))
const { nodeUrls, indexerUrl } = devnet.storage
const env = createNodeEnv({ dataFolder: join(dataFolder, 'killed-client'), log: 'silent', workersMax: 1 })
const { value: config } = readNetworkConfig(devnet)
const client = createClient({ config, env, account: devnetKey(3).account })

const bytes = new Uint8Array(randomBytes(32 * 1024 * 1024))
const digest = (data) => createHash('sha256').update(data).digest('hex')
const { root } = await client.files.upload(bytes)
const [{ sizeBytes }] = await (await fetch(`${indexerUrl}/placement/${root}`)).json()
// The last stripe of a file has not every data row, so the nodes do not all hold equally many.
const whole = await Promise.all(nodeUrls.map(countStripes))
assert.ok(whole.every((count) => count > 0))

for (const pair of [
  [1, 4],
  [2, 6],
  [3, 5],
]) {
  for (const node of pair) {
    const folder = join(dataFolder, `storage-${node}`)
    process.kill(Number(readFileSync(join(folder, 'lock'), 'utf8').split(' ')[0]), 'SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  assert.equal(digest(await client.files.download(root)), digest(bytes))
  const startedMs = performance.now()
  await awaitRebuilt()
  console.log(
    `nodes ${pair.join(' and ')}: read while gone, rebuilt in ${Math.round(performance.now() - startedMs)} ms`,
  )
}
assert.equal(digest(await client.files.download(root)), digest(bytes))
process.exit(0)

async function awaitRebuilt() {
  for (let attempt = 0; attempt < 480; attempt++) {
    const held = await Promise.all(nodeUrls.map(countStripes))
    if (held.every((count, i) => count === whole[i])) return
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  throw new Error('what was lost was not rebuilt within two minutes')
}

async function countStripes(url) {
  const answer = await fetch(`${url}/fragments/${root}/held?sizeBytes=${sizeBytes}`).catch(() => undefined)
  if (!answer?.ok) return 0
  const { rows } = await answer.json()
  return rows.flatMap(({ ranges }) => ranges).reduce((sum, [from, to]) => sum + to - from, 0)
}
