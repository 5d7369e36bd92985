/** All API keys of a gateway: made, found by their secret, changed and revoked; durable, and without a single secret. COMPUTE §10.5 */
import { bytesToHex, bytesToText, textToBytes, WeightlessError } from '@weightless/codec'
import type { Disk, Env } from '@weightless/env'
import { openSegmentLog } from '@weightless/store'
import {
  type ApiKey,
  hashSecret,
  hintOf,
  type KeyPolicy,
  keyIdOf,
  keyPrefixes,
  type ManagementScope,
  sameHash,
} from './apiKey.ts'

export type KeyRing = {
  /** The key of a secret, whatever its state; undefined when there is none. */
  find(secret: string): ApiKey | undefined
  get(id: string): ApiKey | undefined
  /** Oldest first. */
  list(): ApiKey[]
  /** Durable when it resolves; the secret is told this once. @throws {KeysTooManyError} */
  create(kind: ApiKey['kind'], policy: KeyPolicy, scopes: readonly ManagementScope[]): Promise<NewKey>
  /** Durable when it resolves. Undefined when there is none, or it is revoked or fixed. */
  update(id: string, change: (key: ApiKey) => ApiKey): Promise<ApiKey | undefined>
  /** Fixed keys come from the operator's settings and cannot be changed from outside. */
  isFixed(id: string): boolean
  close(): Promise<void>
}

export type NewKey = { key: ApiKey; secret: string }

/** A key from the operator's settings. */
export type FixedKey = { secret: string; kind: ApiKey['kind']; scopes: readonly ManagementScope[]; policy: KeyPolicy }

const keysMax = 100_000
const secretBytes = 24

export async function openKeyRing(options: {
  env: Pick<Env, 'clock' | 'random' | 'log'>
  disk: Disk
  folder: string
  fixed: readonly FixedKey[]
}): Promise<KeyRing> {
  const { env, disk, folder } = options
  const keys = new Map<string, ApiKey>()
  const fixed = new Set<string>()
  const log = await openSegmentLog(disk, folder, {
    log: env.log,
    onRecord: (_, bytes) => {
      const key = decode(bytes)
      keys.set(key.id, key)
    },
  })
  for (const { secret, kind, scopes, policy } of options.fixed) {
    const key = makeKey(secret, kind, policy, scopes, env.clock.nowMs())
    keys.set(key.id, key)
    fixed.add(key.id)
  }

  async function keep(key: ApiKey): Promise<ApiKey> {
    await log.append([encode(key)])
    await log.sync()
    keys.set(key.id, key)
    return key
  }

  return {
    find(secret) {
      const secretHash = hashSecret(secret)
      const key = keys.get(keyIdOf(secretHash))
      return key && sameHash(key.secretHash, secretHash) ? key : undefined
    },
    get: (id) => keys.get(id),
    list: () => [...keys.values()],
    async create(kind, policy, scopes) {
      if (keys.size >= keysMax) throw new KeysTooManyError({ keysMax })
      const secret = keyPrefixes[kind] + bytesToHex(env.random.bytes(secretBytes)).slice(2)
      return { key: await keep(makeKey(secret, kind, policy, scopes, env.clock.nowMs())), secret }
    },
    async update(id, change) {
      const key = keys.get(id)
      if (!key || key.revokedAtMs !== undefined || fixed.has(id)) return undefined
      return keep(change(key))
    },
    isFixed: (id) => fixed.has(id),
    close: () => log.close(),
  }
}

function makeKey(
  secret: string,
  kind: ApiKey['kind'],
  policy: KeyPolicy,
  scopes: readonly ManagementScope[],
  createdAtMs: number,
): ApiKey {
  const secretHash = hashSecret(secret)
  return { ...policy, id: keyIdOf(secretHash), kind, scopes, secretHash, hint: hintOf(secret), createdAtMs }
}

function encode(key: ApiKey): Uint8Array {
  return textToBytes(JSON.stringify({ ...key, budgetWei: key.budgetWei?.toString() }))
}

function decode(bytes: Uint8Array): ApiKey {
  const { budgetWei, ...key } = JSON.parse(bytesToText(bytes)) as ApiKey & { budgetWei?: string }
  return { ...key, ...(budgetWei === undefined ? {} : { budgetWei: BigInt(budgetWei) }) }
}

export class KeysTooManyError extends WeightlessError {
  constructor(facts: { keysMax: number }) {
    super('compute/keys-too-many', 'This gateway has as many keys as it can keep.', facts)
  }
}
