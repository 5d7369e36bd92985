/** The whole body of a request that carries a document: short, and checked as an upload's is. */
import { accept, concatBytes, reject } from '@weightless/codec'
import { readExpectations } from '../body/readExpectations.ts'
import { receiveBody } from '../body/receiveBody.ts'
import type { S3Verdict } from '../faultCodes.ts'
import type { S3Request } from '../gateway.ts'

export async function readDocument(request: S3Request, bytesMax: number): Promise<S3Verdict<Uint8Array>> {
  const wanted = readExpectations(request.headers, request.verified, bytesMax)
  if (!wanted.ok) return wanted.code === 'EntityTooLarge' ? reject('MaxMessageLengthExceeded') : wanted
  const pieces: Uint8Array[] = []
  const sink = { write: (bytes: Uint8Array) => Promise.resolve(void pieces.push(bytes)) }
  const received = await receiveBody(request.body, wanted.value, request.verified, sink)
  return received.ok ? accept(concatBytes(pieces)) : received
}
