/**
 * SHA-256 through a port: WebAssembly by default, so that it works in any browser; an environment with a faster one
 * (node:crypto with SHA-NI) installs it once with `setHasher`.
 */
import { createSHA256 } from 'hash-wasm'

export type Hasher = {
  sha256(message: Uint8Array): Uint8Array
  createSha256(): Sha256Stream
}

/** A hash of bytes that come in pieces. `digest` ends it. */
export type Sha256Stream = { update(bytes: Uint8Array): void; digest(): Uint8Array }

const engine = await createSHA256()

const wasmHasher: Hasher = {
  sha256: (message) => engine.init().update(message).digest('binary'),
  createSha256() {
    // The engine is one for all, so each stream keeps its state outside between calls.
    let state = engine.init().save()
    return {
      update(bytes) {
        state = engine.load(state).update(bytes).save()
      },
      digest: () => engine.load(state).digest('binary'),
    }
  },
}
let hasher = wasmHasher

export function setHasher(next: Hasher): void {
  hasher = next
}

export function sha256(message: Uint8Array): Uint8Array {
  return hasher.sha256(message)
}

export function createSha256(): Sha256Stream {
  return hasher.createSha256()
}
