/** The devnet's S3 gateway: an account of its own pays for what is put, and the keys of its one user lie in the data folder. */
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { WeightlessError } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { createLedger } from '@weightless/ledger'
import { startS3Gateway } from '@weightless/s3'
import { parseEther } from 'viem'
import { writeWhole } from '../writeWhole.ts'
import { devnetKey, s3AccountIndex } from './devnetKeys.ts'
import { fundAccount } from './fundAccount.ts'

export type RunningS3 = { url: string; accessKeyId: string; secretAccessKey: string; close(): Promise<void> }

/** Tokens that its account gets at the first start, and again whenever it has less than a tenth of them. */
const fundsWei = parseEther('100')

export async function startS3(
  env: Env,
  options: { port: number; host: string; rpcUrl: string; indexerUrl: string; dataFolder: string },
): Promise<RunningS3> {
  const { port, host, rpcUrl, indexerUrl, dataFolder } = options
  const { account } = devnetKey(s3AccountIndex)
  const ledger = createLedger({ rpcUrl, env, account })
  await fundAccount(env, rpcUrl, account.address, fundsWei)
  const credential = loadCredential(join(dataFolder, 's3-key'))
  const gateway = await startS3Gateway({
    ...{ env, disk: env.disk.folder('s3'), indexerUrl, ledger, port, host },
    credentials: [credential],
  })
  return { ...credential, url: gateway.url, close: () => gateway.close() }
}

/** @throws {S3KeyDamagedError} */
function loadCredential(file: string): { accessKeyId: string; secretAccessKey: string } {
  if (!existsSync(file)) {
    const accessKeyId = `WL${randomBytes(9).toString('hex').toUpperCase()}`
    const secretAccessKey = randomBytes(30).toString('base64url')
    const text = `${accessKeyId} ${secretAccessKey}`
    writeWhole(file, `${text} ${checksum(text)}\n`)
  }
  const [accessKeyId = '', secretAccessKey = '', sum] = readFileSync(file, 'utf8').trim().split(' ')
  if (sum !== checksum(`${accessKeyId} ${secretAccessKey}`)) throw new S3KeyDamagedError({ file })
  return { accessKeyId, secretAccessKey }
}

const checksum = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8)

export class S3KeyDamagedError extends WeightlessError {
  constructor(facts: { file: string }) {
    super('node/s3-key-damaged', 'The file of the S3 keys is damaged.', facts, {
      hint: 'Remove it to get new keys at the next start; nothing else depends on it.',
    })
  }
}
