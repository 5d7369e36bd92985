/** Gives layer 0 the machine's own SHA-256 (several times faster than WebAssembly); imported for its effect by every thread. */
import { createHash, hash } from 'node:crypto'
import { setHasher } from '@weightless/crypto'

setHasher({
  sha256: (message) => new Uint8Array(hash('sha256', message, 'buffer')),
  createSha256() {
    const stream = createHash('sha256')
    return { update: (bytes) => void stream.update(bytes), digest: () => new Uint8Array(stream.digest()) }
  },
})
