// The S3 gateway under test: the devnet's own where it has one, else one in a process of its own, gone after `close`.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = process.env.WEIGHTLESS_ROOT ?? join(import.meta.dirname, '../..')

/** @returns {Promise<{ url: string, accessKeyId: string, secretAccessKey: string, close(): Promise<void> }>} */
export async function openGateway() {
  const file = process.env.WEIGHTLESS_DEVNET
  const devnet = file && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
  if (devnet.s3) return { ...devnet.s3, close: () => Promise.resolve() }
  const script = join(root, 'packages/s3/scripts/serveGateway.ts')
  const child = spawn(process.execPath, [script, '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.once('close', resolve))
  const line = await new Promise((resolve, reject) => {
    let text = ''
    ended.then((code) => reject(new Error(`the gateway ended with ${code}`)))
    child.stdout.on('data', (chunk) => {
      text += chunk
      if (text.includes('\n')) resolve(text)
    })
  })
  return {
    ...JSON.parse(line),
    async close() {
      child.kill('SIGTERM')
      await ended
    },
  }
}
