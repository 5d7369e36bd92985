// The AWS command line, unmodified, from PyPI: `sync` of 1,000 files up and down, and the folders are the same.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installOnce } from './installOnce.mjs'
import { listFiles, makeFiles } from './makeFiles.mjs'
import { openGateway } from './openGateway.mjs'

const version = '1.46.2'
const library = installOnce(`awscli-${version}`, (folder) => [
  'python3',
  ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--target', folder, `awscli==${version}`],
])
if (library) await run(library)

async function run(PYTHONPATH) {
  const gateway = await openGateway()
  const folder = mkdtempSync(join(tmpdir(), 'weightless-aws-'))
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    PYTHONPATH,
    PYTHONUTF8: '1',
    AWS_ACCESS_KEY_ID: gateway.accessKeyId,
    AWS_SECRET_ACCESS_KEY: gateway.secretAccessKey,
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_ENDPOINT_URL: gateway.url,
    AWS_EC2_METADATA_DISABLED: 'true',
  }
  const aws = (...args) => runAws(args, env)
  const bucket = `s3://cli-${randomBytes(4).toString('hex')}`
  try {
    const [up, down] = [join(folder, 'up'), join(folder, 'down')]
    makeFiles(up, 1000)
    await aws('s3', 'mb', bucket)
    const startMs = performance.now()
    await aws('s3', 'sync', '--no-progress', '--only-show-errors', up, `${bucket}/files`)
    const upMs = performance.now()
    await aws('s3', 'sync', '--no-progress', '--only-show-errors', `${bucket}/files`, down)
    const downMs = performance.now()
    const wanted = listFiles(up)
    assert.equal(wanted.size, 1000)
    assert.deepEqual(listFiles(down), wanted)
    assert.equal((await aws('s3', 'sync', up, `${bucket}/files`)).trim(), '', 'nothing is left to sync')
    const seconds = (ms) => (ms / 1000).toFixed(1)
    console.log(
      `sync of 1,000 files: up in ${seconds(upMs - startMs)} s, down in ${seconds(downMs - upMs)} s, the same`,
    )
    const big = join(folder, 'big')
    writeFileSync(big, randomBytes(20 * 1024 * 1024 + 1))
    await aws('s3', 'cp', '--only-show-errors', big, `${bucket}/big`)
    await aws('s3', 'cp', '--only-show-errors', `${bucket}/big`, join(folder, 'again', 'big'))
    assert.deepEqual(
      [...listFiles(join(folder, 'again')).values()],
      [[...listFiles(folder)].find(([path]) => path === '/big')[1]],
    )
    await aws('s3', 'rb', '--force', bucket)
    console.log('a multipart copy of 20 MiB came back; the bucket was emptied and removed')
  } finally {
    rmSync(folder, { recursive: true, force: true })
    await gateway.close()
  }
}

function runAws(args, env) {
  const child = spawn('python3', ['-m', 'awscli', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let [output, errors] = ['', '']
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (errors += chunk))
  return new Promise((resolve, reject) => {
    child.once('close', (code) =>
      code === 0
        ? resolve(output)
        : reject(new Error(`aws ${args.join(' ')} ended with ${code}: ${errors.slice(-2000)}`)),
    )
  })
}
