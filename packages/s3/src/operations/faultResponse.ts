/** An error answer that carries headers of its own; plain ones are made from a refused verdict by the handler. */
import type { HttpHeaders, HttpResponse } from '@weightless/env'
import type { FaultCode } from '../faultCodes.ts'
import type { S3Request } from '../gateway.ts'
import { renderFault } from '../renderXml.ts'

export function faultResponse(
  code: FaultCode,
  detail: string | undefined,
  { requestId, bucket, key, method }: Pick<S3Request, 'requestId' | 'bucket' | 'key' | 'method'>,
  headers: HttpHeaders = {},
): HttpResponse {
  const resource = `/${[bucket, key].filter((part) => part !== undefined).join('/')}`
  return renderFault(code, detail, { requestId, resource, isHead: method === 'HEAD' }, headers)
}
