/** XML that clients send: bounded, without document types (so without entities of their own), every value a text. */
import { accept, reject } from '@weightless/codec'
import { XMLParser } from 'fast-xml-parser'
import type { S3Verdict } from './faultCodes.ts'

export type XmlNode = { readonly [name: string]: unknown }

const repeated = new Set(['Object', 'Part', 'Rule'])
const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  processEntities: true,
  htmlEntities: true,
  removeNSPrefix: true,
  isArray: (name) => repeated.has(name),
})
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** The content of the document's one element, which must have the name `root`. */
export function parseXml(bytes: Uint8Array, root: string): S3Verdict<XmlNode> {
  try {
    const text = utf8.decode(bytes)
    if (/<!(DOCTYPE|ENTITY)/i.test(text)) return reject('MalformedXML')
    const node = (parser.parse(text, true) as XmlNode)[root]
    if (node === '') return accept({})
    return typeof node === 'object' && node !== null && !Array.isArray(node)
      ? accept(node as XmlNode)
      : reject('MalformedXML')
  } catch {
    return reject('MalformedXML')
  }
}

/** The elements `name` inside `node`; what is not an element with content counts as malformed and gives undefined. */
export function elementsOf(node: XmlNode, name: string): XmlNode[] | undefined {
  const list = node[name] ?? []
  if (!Array.isArray(list)) return undefined
  return list.every((item) => typeof item === 'object' && item !== null) ? (list as XmlNode[]) : undefined
}

export function textOf(node: XmlNode, name: string): string | undefined {
  const value = node[name]
  return typeof value === 'string' ? value : undefined
}
