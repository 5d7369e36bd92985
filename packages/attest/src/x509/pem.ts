/** Certificates in PEM (RFC 7468), as quotes and collateral carry them, one after the other. */
import { decodeBase64, textToBytes } from '@weightless/codec'
import { need, refuse } from '../refusal.ts'
import { type Certificate, readCertificate } from './certificate.ts'

const certificatesMax = 8
const textMax = 65_536
const block = /-----BEGIN CERTIFICATE-----[\r\n]+([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE-----[\r\n\0]*/y

/**
 * Leaf first, as in the text. Line ends and NULs may follow a block, nothing else; base64 is canonical, so that no two texts
 * say the same but for line ends.
 * @param what - named in a refusal
 * @throws {Refusal}
 */
export function readPemChain(text: string, what: string): Certificate[] {
  need(text.length <= textMax, 'malformed', `${what} is too long`)
  const chain: Certificate[] = []
  for (let at = 0; at < text.length; at = block.lastIndex) {
    block.lastIndex = at
    const match = block.exec(text)
    if (!match) return refuse('malformed', `${what} is no PEM`)
    need(chain.length < certificatesMax, 'malformed', `${what} has too many certificates`)
    chain.push(readCertificate(readBase64(match[1]!.replace(/[\r\n]+/g, ''), what)))
  }
  return chain
}

/** Bits of the last digit that belong to no byte are zero. */
function readBase64(text: string, what: string): Uint8Array {
  const bytes = decodeBase64(textToBytes(text))
  const last = text.replace(/=+$/, '').at(-1) ?? ''
  const unused = text.endsWith('==') ? 'AQgw' : text.endsWith('=') ? 'AEIMQUYcgkosw048' : undefined
  if (!bytes || (unused && !unused.includes(last)))
    return refuse('malformed', `${what} has a certificate that is no base64`)
  return bytes
}
