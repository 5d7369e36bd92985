/** Fetches a manifest by its root. */
import type { Blobs } from '@weightless/blobs'
import { type Hex, WeightlessError } from '@weightless/codec'
import { decodeManifest, type Manifest, manifestBytesMax } from './manifest.ts'

/** @throws {CheckpointMalformedError}, and those of `Blobs.get` */
export async function readManifest(
  blobs: Pick<Blobs, 'get'>,
  root: Hex,
  signal: AbortSignal | undefined,
): Promise<Manifest> {
  const bytes = await blobs.get(root, { bytesMax: manifestBytesMax, ...(signal && { signal }) })
  const manifest = decodeManifest(bytes)
  if (!manifest.ok) throw new CheckpointMalformedError({ root, reason: manifest.detail ?? manifest.code })
  return manifest.value
}

export class CheckpointMalformedError extends WeightlessError {
  constructor(facts: { root: Hex; reason: string }) {
    super('sdk/checkpoint-malformed', 'This root is not a checkpoint that can be restored.', facts)
  }
}
