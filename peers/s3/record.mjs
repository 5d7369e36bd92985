// Records what the real clients send, one request at a time, for `npm test` to replay: `node peers/s3/record.mjs`.
// The gateway's ids are counted, not drawn, so that a replay meets the ids that are in the recorded requests.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request as forward } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { openTestGateway } from '../../packages/s3/src/testing/openTestGateway.ts'
import { testCredentials } from '../../packages/s3/src/testing/signAndSend.ts'

const target = join(import.meta.dirname, '../../vectors/s3')
const { accessKeyId, secretAccessKey } = testCredentials
const { dependencies } = JSON.parse(readFileSync(join(import.meta.dirname, 'package.json'), 'utf8'))
const [, rcloneVersion] = /rclone (v\S+)/.exec(readFileSync(join(import.meta.dirname, 'rclone/go.mod'), 'utf8'))
const cache = join(process.env.XDG_CACHE_HOME ?? join(process.env.HOME, '.cache'), 'weightless/peers')

await record('awsSdk', `@aws-sdk/client-s3 ${dependencies['@aws-sdk/client-s3']}`, (url) =>
  import('./recordSdk.mjs').then(({ runSdk }) => runSdk(url, testCredentials)),
)
await record('awsCli', 'awscli 1.46.2', async (url, folder) => {
  const config = join(folder, 'config')
  writeFileSync(
    config,
    '[default]\ns3 =\n  max_concurrent_requests = 1\n  multipart_threshold = 5MB\n  multipart_chunksize = 5MB\n',
  )
  const env = {
    PYTHONPATH: join(cache, 'awscli-1.46.2'),
    AWS_CONFIG_FILE: config,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_ENDPOINT_URL: url,
    AWS_EC2_METADATA_DISABLED: 'true',
  }
  const aws = (...args) => run('python3', ['-m', 'awscli', ...args], env, folder)
  await aws('s3', 'mb', 's3://cli')
  await aws('s3', 'sync', 'up', 's3://cli/files')
  await aws('s3', 'ls', '--recursive', 's3://cli')
  await aws('s3', 'sync', 's3://cli/files', 'down')
  await aws('s3', 'mv', 's3://cli/files/a file+ü.txt', 's3://cli/moved')
  await aws('s3', 'presign', 's3://cli/moved')
  await aws('s3', 'rm', '--recursive', 's3://cli/files')
  await aws('s3api', 'head-object', '--bucket', 'cli', '--key', 'moved')
  await aws('s3', 'rb', '--force', 's3://cli')
})
await record('rclone', `rclone ${rcloneVersion}`, async (url, folder) => {
  const env = { RCLONE_CONFIG: '/dev/null' }
  const settings = {
    TYPE: 's3',
    PROVIDER: 'Other',
    ENDPOINT: url,
    ACCESS_KEY_ID: accessKeyId,
    SECRET_ACCESS_KEY: secretAccessKey,
  }
  for (const [name, value] of Object.entries(settings)) env[`RCLONE_CONFIG_NET_${name}`] = value
  const one = [
    '--transfers',
    '1',
    '--checkers',
    '1',
    '--s3-upload-concurrency',
    '1',
    '--s3-upload-cutoff',
    '5M',
    '--multi-thread-streams',
    '1',
  ]
  const rclone = (...args) => run(join(cache, `rclone-${rcloneVersion}`, 'rclone'), [...one, ...args], env, folder)
  await rclone('sync', 'up', 'net:rclone')
  await rclone('check', 'up', 'net:rclone')
  await rclone('sync', 'net:rclone', 'down')
  await rclone('purge', 'net:rclone')
})

async function record(name, client, use) {
  const folder = mkdtempSync(join(tmpdir(), 'weightless-record-'))
  mkdirSync(join(folder, 'up/sub'), { recursive: true })
  writeFileSync(join(folder, 'up/a file+ü.txt'), 'some text\n')
  writeFileSync(join(folder, 'up/empty'), '')
  writeFileSync(join(folder, 'up/sub/big.bin'), Buffer.alloc(5 * 1024 * 1024 + 10, 7))
  const startMs = Math.floor(Date.now() / 1000) * 1000
  const gateway = await openTestGateway({ startMs })
  const exchanges = []
  const proxy = createServer((incoming, outgoing) => pass(gateway, exchanges, incoming, outgoing))
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  try {
    await use(`http://127.0.0.1:${proxy.address().port}`, folder)
  } finally {
    proxy.close()
    await gateway.close()
    rmSync(folder, { recursive: true, force: true })
  }
  mkdirSync(target, { recursive: true })
  const origin = `peers/s3/record.mjs: ${client}, unmodified`
  writeFileSync(
    join(target, `${name}.json`),
    `${JSON.stringify({ origin, startMs, ...testCredentials, exchanges }, null, 1)}\n`,
  )
  console.log(`${client}: ${exchanges.length} requests`)
}

function pass(gateway, exchanges, incoming, outgoing) {
  const pieces = []
  incoming.on('data', (piece) => pieces.push(piece))
  incoming.on('end', () => {
    const body = Buffer.concat(pieces)
    const raw = incoming.rawHeaders
    const headers = Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i], raw[2 * i + 1]])
    const kept = headers.filter(([header]) => !/^(connection|expect)$/i.test(header))
    const { method, url: path } = incoming
    const { port } = new URL(gateway.url)
    const onward = forward(
      { host: '127.0.0.1', port, method, path, headers: kept.flat(), setHost: false },
      (answer) => {
        const parts = []
        answer.on('data', (part) => parts.push(part))
        answer.on('end', () => {
          const bytes = Buffer.concat(parts)
          const { 'transfer-encoding': _, connection: __, ...shown } = answer.headers
          exchanges.push({
            method,
            path,
            headers: kept,
            ...(body.length > 0 && { bodyGzip: gzipSync(body, { level: 9 }).toString('base64') }),
            status: answer.statusCode,
            ...(shown.etag && { etag: shown.etag }),
          })
          outgoing.writeHead(answer.statusCode, shown).end(bytes)
        })
      },
    )
    onward.end(body)
  })
}

function run(command, args, env, cwd) {
  const child = spawn(command, args, {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return new Promise((resolve, reject) => {
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`${command} ${args.join(' ')}: ${code}`))))
  })
}
