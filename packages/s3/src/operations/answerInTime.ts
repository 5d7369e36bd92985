/** The answer to a completed upload: at once when it is soon done, else begun and kept alive until it is. */
import { accept } from '@weightless/codec'
import type { HttpResponse } from '@weightless/env'
import type { S3Verdict } from '../faultCodes.ts'
import type { CompletedObject, Gateway, ObjectRequest } from '../gateway.ts'
import { faultXml, renderXml } from '../renderXml.ts'
import { faultOf } from './faultOf.ts'

const patienceMs = 5_000

export async function answerInTime(
  gateway: Gateway,
  request: ObjectRequest,
  work: Promise<S3Verdict<CompletedObject>>,
): Promise<S3Verdict<HttpResponse>> {
  const soon = await Promise.race([work, gateway.sleep(patienceMs)])
  if (soon === undefined) {
    return accept({
      status: 200,
      headers: { 'content-type': 'application/xml' },
      body: keepAlive(gateway, request, work),
    })
  }
  if (!soon.ok) return soon
  const headers = { 'content-type': 'application/xml', ...soon.value.headers }
  return accept({ status: 200, headers, body: render(request, soon.value) })
}

/** The status has been sent, so a failure is told by the document, as S3 does. */
async function* keepAlive(
  gateway: Gateway,
  request: ObjectRequest,
  work: Promise<S3Verdict<CompletedObject>>,
): AsyncGenerator<string> {
  yield '<?xml version="1.0" encoding="UTF-8"?>\n'
  for (;;) {
    let done: S3Verdict<CompletedObject> | undefined
    try {
      done = (await Promise.race([work, gateway.sleep(patienceMs)])) ?? undefined
    } catch (fault) {
      yield withoutDeclaration(faultXml(faultOf(fault), undefined, placeOf(request)))
      return
    }
    if (done) {
      const text = done.ok ? render(request, done.value) : faultXml(done.code, done.detail, placeOf(request))
      yield withoutDeclaration(text)
      return
    }
    yield ' '
  }
}

const placeOf = ({ requestId, bucket, key }: ObjectRequest) => ({ requestId, resource: `/${bucket}/${key}` })

const withoutDeclaration = (xml: string): string => xml.replace(/^<\?xml[^>]*\?>\s*/, '')

function render({ bucket, key, headers }: ObjectRequest, { etag, elements }: CompletedObject): string {
  const Location = `http://${headers.host ?? 'localhost'}/${bucket}/${encodeURIComponent(key).replace(/%2F/g, '/')}`
  return renderXml('CompleteMultipartUploadResult', {
    Location,
    Bucket: bucket,
    Key: key,
    ETag: `"${etag}"`,
    ...elements,
  })
}
