/** Gives layer 0 the machine's own hashing, coding and matrix products (several times faster than WebAssembly); imported for its effect by every thread. */
import { createHash, hash } from 'node:crypto'
import { setCoderEngine } from '@weightless/coder/coderEngine'
import { setHasher, setKeccakEngine, setPoraEngine } from '@weightless/crypto'
import { setCallEngine } from '@weightless/tensor/crew/callEngine'
import { loadNative } from './loadNative.ts'

setHasher({
  sha256: (message) => new Uint8Array(hash('sha256', message, 'buffer')),
  createSha256() {
    const stream = createHash('sha256')
    return { update: (bytes) => void stream.update(bytes), digest: () => new Uint8Array(stream.digest()) }
  },
})

const native = loadNative()
if (native) {
  setKeccakEngine(native)
  setPoraEngine(native)
}
if (native?.hasCoder()) setCoderEngine(native)
setCallEngine(native)
