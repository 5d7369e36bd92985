/** What a PCK certificate says of its platform: Intel's extension 1.2.840.113741.1.13.1. */
import { readLittle } from '../byteReader.ts'
import { need, refuse } from '../refusal.ts'
import type { Certificate } from '../x509/certificate.ts'
import { type Der, derContent, derItems, derNumber, derOid, derTags, readDer } from '../x509/der.ts'

export type PckPlatform = {
  /** 16 bytes, names the platform. */
  ppid: Uint8Array
  /** 16 numbers of 0 to 255. */
  sgxComponents: readonly number[]
  pceSvn: number
  pceId: Uint8Array
  /** 6 bytes: family, model, stepping and what belongs to them. */
  fmspc: Uint8Array
}

const base = '1.2.840.113741.1.13.1'

/** @throws {Refusal} */
export function readPckPlatform(certificate: Certificate): PckPlatform {
  const extension = certificate.extensions.get(base)
  if (!extension) return refuse('chain', 'the certificate of the platform is no PCK certificate')
  const fields = readPairs(readDer(extension))
  const tcb = readPairs(field(fields, 2))
  const sgxComponents = Array.from({ length: 16 }, (_, i) => derNumber(field(tcb, 2, i + 1)))
  need(
    sgxComponents.every((svn) => svn <= 255),
    'malformed',
    'a component of the PCK certificate is above 255',
  )
  return {
    ppid: octets(field(fields, 1), 16),
    sgxComponents,
    pceSvn: derNumber(field(tcb, 2, 17)),
    pceId: octets(field(fields, 3), 2),
    fmspc: octets(field(fields, 4), 6),
  }
}

function readPairs(list: Der): Map<string, Der> {
  const pairs = new Map<string, Der>()
  for (const item of derItems(list)) {
    const [oid, value] = derItems(item)
    const name = derOid(oid)
    need(
      value !== undefined && !pairs.has(name),
      'malformed',
      `field ${name} of the PCK certificate is empty or stands twice`,
    )
    pairs.set(name, value!)
  }
  return pairs
}

function field(pairs: ReadonlyMap<string, Der>, ...path: number[]): Der {
  return (
    pairs.get([base, ...path].join('.')) ?? refuse('malformed', `the PCK certificate lacks field ${path.join('.')}`)
  )
}

function octets(value: Der, length: number): Uint8Array {
  const content = derContent(value, derTags.octetString)
  need(content.length === length, 'malformed', 'a field of the PCK certificate has a wrong length')
  return content
}

/** PCEID is two bytes, least significant first. */
export const pceIdNumber = (platform: PckPlatform): number => readLittle(platform.pceId)
