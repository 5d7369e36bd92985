/**
 * Names of checkpoints in the key-value layer: `checkpoint/<name>` in a stream of the owner. Anybody may be the first to write
 * to a stream, so an owner's stream is the first of a row of candidates that nobody else holds. Spec: checkpoint §3.
 */
import {
  bytesToHex,
  bytesToText,
  concatBytes,
  type Hex,
  hexToBytes,
  textToBytes,
  WeightlessError,
} from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import type { KeyValueClient } from '@weightless/kv/client'

export type NamedCheckpoint = { name: string; root: Hex; sizeBytes: number; savedMs: number; version: number }

export type NamePlace = { owner: Hex; streamId?: Hex; signal?: AbortSignal }

const candidatesMax = 16
const prefix = 'checkpoint/'

export function checkpointKey(name: string): string {
  if (name.length === 0 || name.length > 200 || /\p{Cc}/u.test(name)) throw new CheckpointNameError({ name })
  return `${prefix}${name}`
}

/** The owner's stream. `toWrite` also accepts one that nobody has written to. @throws {CheckpointStreamError} */
export async function findCheckpointStream(
  kv: KeyValueClient,
  place: NamePlace,
  toWrite: boolean,
): Promise<Hex | undefined> {
  if (place.streamId) return place.streamId
  const more = place.signal ? { signal: place.signal } : {}
  for (let at = 0; at < candidatesMax; at++) {
    const streamId = candidateStream(place.owner, at)
    const { isAdmin } = await kv.roles(streamId, place.owner, more)
    if (isAdmin) return streamId
    // Of a stream that nobody has written to everybody may write any key.
    const isFree = await kv.mayWrite(streamId, prefix, nobody, more)
    if (isFree) return toWrite ? streamId : undefined
  }
  throw new CheckpointStreamError({ owner: place.owner })
}

function candidateStream(owner: Hex, at: number): Hex {
  const place = new Uint8Array([at])
  return bytesToHex(
    sha256(concatBytes([textToBytes('weightless/checkpoints'), hexToBytes(owner.toLowerCase()), place])),
  )
}

/** An address whose key nobody knows. */
const nobody: Hex = '0x000000000000000000000000000000000000dead'

export function encodeEntry({ root, sizeBytes, savedMs }: Omit<NamedCheckpoint, 'name' | 'version'>): Uint8Array {
  return textToBytes(JSON.stringify({ root, sizeBytes, savedMs }))
}

/** Undefined for an entry that is none. */
export function decodeEntry(name: string, value: Uint8Array, version: number): NamedCheckpoint | undefined {
  try {
    const { root, sizeBytes, savedMs } = JSON.parse(bytesToText(value)) as NamedCheckpoint
    const isFine = /^0x[0-9a-f]{64}$/.test(root) && Number.isSafeInteger(sizeBytes) && Number.isSafeInteger(savedMs)
    return isFine ? { name, root, sizeBytes, savedMs, version } : undefined
  } catch {
    return undefined
  }
}

/** Undefined when there is none of this name. */
export async function readName(
  kv: KeyValueClient,
  streamId: Hex,
  name: string,
  options: { version?: number; signal?: AbortSignal },
): Promise<NamedCheckpoint | undefined> {
  const entry = await kv.get(streamId, checkpointKey(name), options)
  return entry && decodeEntry(name, entry.value, entry.version)
}

/** All names of an owner, in order. */
export async function* listCheckpoints(kv: KeyValueClient, place: NamePlace): AsyncGenerator<NamedCheckpoint> {
  const streamId = await findCheckpointStream(kv, place, false)
  if (!streamId) return
  for await (const { key, value, version } of kv.scan(streamId, {
    prefix,
    ...(place.signal && { signal: place.signal }),
  })) {
    const named = decodeEntry(bytesToText(key).slice(prefix.length), value, version)
    if (named) yield named
  }
}

export class CheckpointNameError extends WeightlessError {
  constructor(facts: { name: string }) {
    super('sdk/checkpoint-name', 'This is no name for a checkpoint.', facts, {
      hint: 'Use 1 to 200 printable characters.',
    })
  }
}

export class CheckpointStreamError extends WeightlessError {
  constructor(facts: { owner: Hex }) {
    super('sdk/checkpoint-stream', 'Somebody else has taken the streams of this owner.', facts, {
      hint: 'Give a stream id of your own.',
    })
  }
}
