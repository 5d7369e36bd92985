/** Sends a request exactly as it is given, with whatever Host it names, to a port of this machine. */
import { request } from 'node:http'

export type RawRequest = {
  method: string
  /** With the query. */
  path: string
  headers: readonly (readonly [string, string])[]
  body: Uint8Array
}

export type RawAnswer = {
  status: number
  headers: { readonly [name: string]: string | undefined }
  body: Uint8Array
  text: string
}

export function sendRaw(port: number, { method, path, headers, body }: RawRequest): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const client = request({
      host: '127.0.0.1',
      port,
      method,
      path,
      headers: headers.flat(),
      agent: false,
      setHost: false,
    })
    client.once('error', reject)
    client.once('response', (response) => {
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.once('error', reject)
      response.once('end', () => {
        const bytes = Buffer.concat(pieces)
        const shown = response.headers as { [name: string]: string | undefined }
        resolve({ status: response.statusCode ?? 0, headers: shown, body: bytes, text: bytes.toString('utf8') })
      })
    })
    client.end(body)
  })
}
