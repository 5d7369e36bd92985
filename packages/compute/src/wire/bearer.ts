/** A secret in the header of a request, as `Authorization: Bearer …`. */
import { bytesToHex, textToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import type { HttpRequest } from '@weightless/env'

/** Compares hashes, whose digits nobody can choose one by one. */
export function hasBearer(token: string, request: HttpRequest): boolean {
  const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
  return given !== undefined && digest(given) === digest(token)
}

const digest = (text: string): string => bytesToHex(sha256(textToBytes(text)))
