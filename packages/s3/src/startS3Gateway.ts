/** Starts the S3 gateway: its catalogue, spool and key on one disk, its objects in the storage network, one port. */
import { type Blobs, createBlobs } from '@weightless/blobs'
import { bytesToHex, textToBytes, WeightlessError } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { AbortedError, createTurns, type Disk, type Env } from '@weightless/env'
import type { Ledger } from '@weightless/ledger'
import type { Credential } from './auth/verifySignature.ts'
import { type Catalog, openCatalog } from './catalog/catalog.ts'
import { openUploads, type Uploads } from './catalog/uploads.ts'
import { createContentStore } from './content/contentStore.ts'
import { loadKey } from './content/loadKey.ts'
import { createSpool, type Spool } from './content/spool.ts'
import type { Gateway } from './gateway.ts'
import { createHandler } from './handleRequest.ts'
import { putBytesMax } from './operations/putObject.ts'

export type S3GatewayOptions = {
  env: Env
  /** A folder of its own: names, parts of unfinished uploads, and the encryption key. */
  disk: Disk
  indexerUrl: string
  /** Its account pays for everything that is put, whoever's keys sign the request. */
  ledger: Ledger
  /** Where objects are put and read; default: made from `indexerUrl` and `ledger`. */
  blobs?: Blobs
  /** At least one pair; each has access to everything. */
  credentials: readonly Credential[]
  /** Default 9000; 0 asks for any free port. */
  port?: number
  /** Default 127.0.0.1. */
  host?: string
  /** What clients are told; requests signed for any region are taken. Default us-east-1. */
  region?: string
  /** Host names below which a bucket may stand (`bucket.localhost`). Default `localhost` and `s3.localhost`. */
  domains?: readonly string[]
  /** Whether new buckets encrypt what is put into them; default true. */
  encryptByDefault?: boolean
  /** Unfinished multipart uploads are aborted after so long; default 7 days. */
  uploadMsMax?: number
}

export type S3Gateway = { url: string; port: number; close(): Promise<void> }

const markersMax = 100_000
const bodiesAtOnceMax = 64
const bodiesWaitingMax = 1024
const sweepMs = 3_600_000
/** What the chunked coding and its signatures may add to a body. */
const codingFactor = 1.1

/** @throws {CredentialsMissingError} {KeyUnreadableError} {LogCorruptError} {PortInUseError} */
export async function startS3Gateway(options: S3GatewayOptions): Promise<S3Gateway> {
  const { env, disk, credentials, port = 9000, host = '127.0.0.1', uploadMsMax = 7 * 86_400_000 } = options
  if (credentials.length === 0) throw new CredentialsMissingError()
  const log = env.log.child('s3')
  const stop = new AbortController()
  const key = await loadKey(disk, env.random)
  const catalog = await openCatalog(disk, { markersMax }, log)
  const uploads = await openUploads(disk, log)
  const spool = createSpool(disk, env.random)
  const gateway = arrange(options, { catalog, uploads, spool, key }, stop.signal)
  await sweep(gateway, uploadMsMax)
  const handler = createHandler({
    gateway,
    env: { ...env, log },
    credentials,
    domains: options.domains ?? ['s3.localhost', 'localhost'],
  })
  const bodyBytesMax = Math.ceil(putBytesMax * codingFactor)
  const server = await env.network
    .serve({ port, host, handler, bodyBytesMax, connectionsMax: 2048 })
    .catch(async (fault) => {
      await catalog.close()
      await uploads.close()
      throw fault
    })
  const sweeping = sweepNowAndThen(gateway, uploadMsMax).catch((fault) => {
    if (!stop.signal.aborted) log.error('sweep ended', { error: String(fault) })
  })
  return {
    url: server.url,
    port: server.port,
    async close() {
      stop.abort(new AbortedError())
      await server.close()
      await sweeping
      await Promise.allSettled(gateway.completing.values())
      await catalog.close()
      await uploads.close()
    },
  }
}

function arrange(
  { env, indexerUrl, ledger, blobs, region = 'us-east-1', encryptByDefault = true }: S3GatewayOptions,
  { catalog, uploads, spool, key }: { catalog: Catalog; uploads: Uploads; spool: Spool; key: Uint8Array },
  signal: AbortSignal,
): Gateway {
  return {
    catalog,
    uploads,
    spool,
    content: createContentStore(blobs ?? createBlobs({ indexerUrl, env, ledger }), key),
    bodies: createTurns(bodiesAtOnceMax, bodiesWaitingMax),
    completing: new Map(),
    owner: { ID: bytesToHex(sha256(textToBytes(ledger.address ?? ''))).slice(2), DisplayName: 'weightless' },
    region,
    encryptByDefault,
    nowMs: () => env.clock.nowMs(),
    newId: () => bytesToHex(env.random.bytes(16)).slice(2),
    sleep: (ms) => env.clock.sleep(ms, signal),
  }
}

/** Ends uploads that were left, and removes files that nothing names any more. */
async function sweep({ uploads, spool, nowMs }: Gateway, uploadMsMax: number): Promise<void> {
  await endOldUploads({ uploads, spool, nowMs }, uploadMsMax)
  const files = new Set(uploads.all().flatMap(({ uploadId }) => uploads.parts(uploadId).map(({ file }) => file)))
  await spool.sweep((file) => files.has(file))
}

async function endOldUploads(
  { uploads, spool, nowMs }: Pick<Gateway, 'uploads' | 'spool' | 'nowMs'>,
  uploadMsMax: number,
): Promise<void> {
  const beforeMs = nowMs() - uploadMsMax
  for (const upload of uploads.all().filter(({ startedMs }) => startedMs < beforeMs)) {
    await uploads.end(upload)
    await spool.removeUpload(upload.uploadId)
  }
  await uploads.forgetCompleted(beforeMs)
}

async function sweepNowAndThen(gateway: Gateway, uploadMsMax: number): Promise<void> {
  for (;;) {
    await gateway.sleep(sweepMs)
    await endOldUploads(gateway, uploadMsMax)
  }
}

export class CredentialsMissingError extends WeightlessError {
  constructor() {
    super(
      's3/credentials-missing',
      'The S3 gateway needs at least one pair of keys.',
      {},
      {
        hint: 'Give startS3Gateway an accessKeyId and a secretAccessKey.',
      },
    )
  }
}
