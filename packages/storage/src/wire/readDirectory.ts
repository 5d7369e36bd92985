/** Directories as the network's clients upload them: a file that names its entries by their roots. Spec: storage §8. */
import {
  accept,
  bytesEqual,
  bytesToText,
  type Hex,
  isHexOf,
  reject,
  textToBytes,
  type Verdict,
} from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'

export type DirectoryNode = {
  name: string
  type: 'file' | 'directory' | 'symbolic'
  /** Of a file; several when it was uploaded in fragments. */
  roots: Hex[]
  sizeBytes: number
  link: string
  entries: DirectoryNode[]
}

/** Directories above it are not opened. */
export const directoryBytesMax = 8 * 1024 * 1024
export const directoryMagic = keccak256(textToBytes('0g-storage-client-dir-codec'))
const headerBytes = 34
const depthMax = 64

export function readDirectory(bytes: Uint8Array): Verdict<DirectoryNode, 'directory-malformed'> {
  if (bytes.length < headerBytes || !bytesEqual(bytes.subarray(0, 32), directoryMagic))
    return reject('directory-malformed', 'magic')
  const version = bytes[32]! * 256 + bytes[33]!
  if (version !== 1 && version !== 2) return reject('directory-malformed', `version ${version}`)
  try {
    const root = readNode(JSON.parse(bytesToText(bytes.subarray(headerBytes))), 0)
    return root ? accept(root) : reject('directory-malformed', 'entries')
  } catch {
    return reject('directory-malformed', 'JSON')
  }
}

/** The entry at a path of names; names are compared, never resolved, so `..` is just a name that no entry has. */
export function findEntry(root: DirectoryNode, names: readonly string[]): DirectoryNode | undefined {
  return names.reduce<DirectoryNode | undefined>(
    (node, name) => node?.entries.find((entry) => entry.name === name),
    root,
  )
}

function readNode(value: unknown, depth: number): DirectoryNode | undefined {
  if (typeof value !== 'object' || value === null || depth > depthMax) return undefined
  const { name, type, hash, roots, size, link, entries } = value as { readonly [field: string]: unknown }
  if (type !== 'file' && type !== 'directory' && type !== 'symbolic') return undefined
  const list = Array.isArray(roots) ? roots : hash === undefined || hash === '' ? [] : [hash]
  const hashes = list.map(readHash)
  const children = Array.isArray(entries) ? entries.map((entry) => readNode(entry, depth + 1)) : []
  if (hashes.includes(undefined) || children.includes(undefined)) return undefined
  return {
    name: typeof name === 'string' ? name : '',
    type,
    roots: hashes as Hex[],
    sizeBytes: typeof size === 'number' ? size : 0,
    link: typeof link === 'string' ? link : '',
    entries: children as DirectoryNode[],
  }
}

function readHash(value: unknown): Hex | undefined {
  return isHexOf(value, 32) ? (value.toLowerCase() as Hex) : undefined
}
