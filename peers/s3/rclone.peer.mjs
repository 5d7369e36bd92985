// rclone, built from its module: `sync` up, `check` that every object is what the file is, `sync` down, `check` again.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installOnce } from './installOnce.mjs'
import { listFiles, makeFiles } from './makeFiles.mjs'
import { openGateway } from './openGateway.mjs'

const source = join(import.meta.dirname, 'rclone')
const [, version] = /github\.com\/rclone\/rclone (v\S+)/.exec(readFileSync(join(source, 'go.mod'), 'utf8'))
const built = installOnce(`rclone-${version}`, (folder) => [
  'go',
  ['build', '-mod=readonly', '-trimpath', '-o', join(folder, 'rclone'), '.'],
  { cwd: source },
])
if (built) await run(join(built, 'rclone'))

async function run(program) {
  const gateway = await openGateway()
  const folder = mkdtempSync(join(tmpdir(), 'weightless-rclone-'))
  const settings = {
    TYPE: 's3',
    PROVIDER: 'Other',
    ENDPOINT: gateway.url,
    ACCESS_KEY_ID: gateway.accessKeyId,
    SECRET_ACCESS_KEY: gateway.secretAccessKey,
  }
  const env = { PATH: process.env.PATH, HOME: folder, RCLONE_CONFIG: '/dev/null' }
  for (const [name, value] of Object.entries(settings)) env[`RCLONE_CONFIG_NET_${name}`] = value
  const rclone = (...args) => runRclone(program, args, env)
  const bucket = `net:rclone-${randomBytes(4).toString('hex')}`
  try {
    const [up, down] = [join(folder, 'up'), join(folder, 'down')]
    makeFiles(up, 200)
    writeFileSync(join(up, 'big'), randomBytes(12 * 1024 * 1024 + 3))
    await rclone('sync', '--s3-upload-cutoff', '5M', '--s3-chunk-size', '5M', up, bucket)
    const checked = await rclone('check', '--download', up, bucket)
    assert.match(checked, /0 differences found/)
    assert.match(await rclone('check', up, bucket), /0 differences found/)
    await rclone('sync', bucket, down)
    assert.deepEqual(listFiles(down), listFiles(up))
    writeFileSync(join(up, 'big'), 'changed')
    await assert.rejects(rclone('check', up, bucket), /1 differences found/)
    await rclone('purge', bucket)
    console.log(
      `rclone ${version}: sync of 201 files and back; check found no difference, and then the one that was made`,
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
    await gateway.close()
  }
}

function runRclone(program, args, env) {
  const child = spawn(program, ['--stats-one-line', '-v', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  return new Promise((resolve, reject) => {
    child.once('close', (code) =>
      code === 0
        ? resolve(output)
        : reject(new Error(`rclone ${args.join(' ')} ended with ${code}: ${output.slice(-2000)}`)),
    )
  })
}
