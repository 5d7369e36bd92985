/** What nodes ask each other: hello, announce, record, nodes, placement. Sizes and rates in one table. Spec: p2p §5. */
import {
  accept,
  bytesToHex,
  bytesToText,
  concatBytes,
  type Hex,
  hexToBytes,
  reject,
  type Verdict,
} from '@weightless/codec'
import type { Question } from './exchange.ts'
import type { ProtocolNames } from './networkIdentity.ts'

export type Questions = { readonly [Name in 'hello' | 'announce' | 'record' | 'nodes' | 'placement']: Question }

export function describeQuestions(names: ProtocolNames): Questions {
  return {
    hello: { protocol: names.hello, ...bytes(8_192, 8_192), limit: { count: 5, windowMs: 15_000 } },
    announce: { protocol: names.announce, ...bytes(announceBytesMax, 0), limit: { count: 256, windowMs: 10_000 } },
    record: { protocol: names.record, ...bytes(0, 8_192), limit: { count: 128, windowMs: 10_000 } },
    nodes: { protocol: names.nodes, ...bytes(0, 1_048_576), limit: { count: 5, windowMs: 15_000 } },
    placement: { protocol: names.placement, ...bytes(32, 131_072), limit: { count: 128, windowMs: 10_000 } },
  }
}

export type Announcement = { isWithdrawn: boolean; roots: Hex[] }

/** Roots that one announcement names at most. */
export const announcedRootsMax = 1_024

/** One byte (0 holds, 1 holds no longer), then roots of 32 bytes. Who says so is known from the channel. */
export function encodeAnnouncement({ isWithdrawn, roots }: Announcement): Uint8Array {
  return concatBytes([new Uint8Array([isWithdrawn ? 1 : 0]), ...roots.map((root) => hexToBytes(root))])
}

export function decodeAnnouncement(message: Uint8Array): Verdict<Announcement, 'announcement-malformed'> {
  const isWhole = message.length > 1 && (message.length - 1) % 32 === 0 && message.length <= announceBytesMax
  if (!isWhole || message[0]! > 1) return reject('announcement-malformed')
  const roots: Hex[] = []
  for (let at = 1; at < message.length; at += 32) roots.push(bytesToHex(message.subarray(at, at + 32)))
  return accept({ isWithdrawn: message[0] === 1, roots })
}

/** JSON of a peer; undefined is malformed. */
export function readJson(message: Uint8Array): Verdict<unknown, 'json-malformed'> {
  try {
    return accept(JSON.parse(bytesToText(message)))
  } catch {
    return reject('json-malformed')
  }
}

function bytes(questionBytesMax: number, answerBytesMax: number) {
  return { questionBytesMax, answerBytesMax }
}

const announceBytesMax = 1 + 32 * announcedRootsMax
