/** Which bucket and key a request means: by path (`/bucket/key`) or by host (`bucket.localhost/key`). */
import { accept, reject, textToBytes } from '@weightless/codec'
import type { S3Verdict } from './faultCodes.ts'

export type Address = { bucket: string | undefined; key: string | undefined }

const keyBytesMax = 1024
const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * @param path - percent-encoded, without the query
 * @param domains - host names below which buckets are host names, e.g. `localhost`
 */
export function readAddress(path: string, host: string, domains: readonly string[]): S3Verdict<Address> {
  if (!path.startsWith('/')) return reject('InvalidURI')
  const bucketOfHost = readHostBucket(host, domains)
  const rest = path.slice(1)
  const slash = rest.indexOf('/')
  const [first, tail] =
    bucketOfHost !== undefined
      ? [bucketOfHost, rest]
      : slash < 0
        ? [rest, '']
        : [rest.slice(0, slash), rest.slice(slash + 1)]
  const bucket = decodePercent(first)
  const key = decodePercent(tail)
  if (bucket === undefined || key === undefined) return reject('InvalidURI')
  if (bucket === '') return key === '' ? accept({ bucket: undefined, key: undefined }) : reject('InvalidBucketName')
  if (!isBucketName(bucket)) return reject('InvalidBucketName')
  if (key === '') return accept({ bucket, key: undefined })
  const fault = checkKey(key)
  return fault ?? accept({ bucket, key })
}

/**
 * Keys are names, never paths: `..` and `//` are ordinary text here, because nothing on disk is named after a key. They
 * are bounded in length; clients that sync into folders check them for themselves.
 */
export function checkKey(key: string): S3Verdict<never> | undefined {
  if (key === '') return reject('InvalidArgument', 'The key is empty.')
  return textToBytes(key).length > keyBytesMax ? reject('KeyTooLongError') : undefined
}

function isBucketName(name: string): boolean {
  return (
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !/\.\.|\.-|-\./.test(name) && !/^\d+\.\d+\.\d+\.\d+$/.test(name)
  )
}

/** A `+` stays a plus sign; bytes that are no UTF-8, and broken escapes, give undefined. */
export function decodePercent(text: string): string | undefined {
  if (!text.includes('%')) return isAscii(text) ? text : undefined
  const bytes: number[] = []
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code > 126) return undefined
    if (code !== 37) bytes.push(code)
    else {
      const digits = text.slice(at + 1, at + 3)
      if (!/^[0-9a-fA-F]{2}$/.test(digits)) return undefined
      bytes.push(Number.parseInt(digits, 16))
      at += 2
    }
  }
  try {
    return utf8.decode(Uint8Array.from(bytes))
  } catch {
    return undefined
  }
}

function readHostBucket(host: string, domains: readonly string[]): string | undefined {
  const name = host.replace(/:\d+$/, '').toLowerCase()
  const domain = domains.find((one) => name.endsWith(`.${one}`))
  return domain === undefined ? undefined : name.slice(0, -domain.length - 1)
}

const isAscii = (text: string): boolean => /^[\x21-\x7e]*$/.test(text)
