/** SHA-256 and its HMAC in the form that the signature library takes, and chunk signatures use directly. */
import { createHmac } from 'node:crypto'
import { createSha256, type Sha256Stream } from '@weightless/crypto'

type Source = string | ArrayBuffer | ArrayBufferView

export class Sha256Hmac {
  readonly #stream: Sha256Stream

  constructor(secret?: Source) {
    this.#stream = secret === undefined ? createSha256() : hmacStream(asBytes(secret))
  }

  update(data: Source): void {
    this.#stream.update(asBytes(data))
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#stream.digest())
  }

  reset(): void {
    throw new TypeError('a hash is used once')
  }
}

export function hmacSha256(key: Uint8Array, message: string | Uint8Array): Uint8Array {
  return new Uint8Array(createHmac('sha256', key).update(message).digest())
}

function hmacStream(key: Uint8Array): Sha256Stream {
  const stream = createHmac('sha256', key)
  return { update: (bytes) => void stream.update(bytes), digest: () => new Uint8Array(stream.digest()) }
}

function asBytes(data: Source): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data, 'utf8')
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data)
}
