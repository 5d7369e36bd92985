/**
 * A directory of the network as a list of paths, both ways. Names are checked both ways, so that nothing that is unpacked
 * can leave its folder. Spec: storage §8.
 */
import { accept, type Hex, reject, textToBytes, type Verdict } from '@weightless/codec'
import { type DirectoryNode, encodeDirectory, readDirectory } from '@weightless/storage/wire'

export type DirectoryEntry =
  /** `roots`: several where a client stored the file in pieces; none for an empty file. */
  | { path: string; type: 'file'; roots: readonly Hex[]; sizeBytes: number }
  | { path: string; type: 'symbolic'; link: string }
  /** Only where it has no entries itself. */
  | { path: string; type: 'directory' }

export type DirectoryFault = 'directory-malformed' | 'path-unsafe'

const depthMax = 64
const entriesMax = 1_000_000
const nameBytesMax = 255

/** Entries in any order; folders come into being with them. */
export function packDirectory(entries: readonly DirectoryEntry[]): Verdict<Uint8Array, 'path-unsafe'> {
  const top = newNode('', 'directory')
  const folders = new Map<string, DirectoryNode>([['', top]])
  const paths = new Set<string>()
  for (const entry of entries) {
    const names = entry.path.split('/')
    if (names.length > depthMax || !names.every(isSafeName)) return reject('path-unsafe', entry.path.slice(0, 200))
    const last = names.pop()!
    const folder = openFolder(folders, paths, names)
    const isTwice = paths.has(entry.path) || (entry.type !== 'directory' && folders.has(entry.path))
    if (!folder || isTwice) return reject('path-unsafe', `${entry.path.slice(0, 200)} stands twice`)
    if (entry.type === 'directory') openFolder(folders, paths, [...names, last])
    else {
      paths.add(entry.path)
      folder.entries.push(nodeOf(last, entry))
    }
  }
  return accept(encodeDirectory(top))
}

/** All entries, each under its path from the top; hostile input is refused with what is wrong about it. */
export function unpackDirectory(bytes: Uint8Array): Verdict<DirectoryEntry[], DirectoryFault> {
  const read = readDirectory(bytes)
  if (!read.ok) return read
  if (read.value.type !== 'directory') return reject('directory-malformed', 'the top is no directory')
  const found: DirectoryEntry[] = []
  const fault = collect(read.value, '', found)
  return fault ? reject(fault.code, fault.detail) : accept(found)
}

/** No empty, `.` or `..` names, no slashes of either kind, no control characters. */
function isSafeName(name: string): boolean {
  if (name === '' || name === '.' || name === '..') return false
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return !/[/\\\u0000-\u001f\u007f]/.test(name) && textToBytes(name).length <= nameBytesMax
}

/** Undefined where a file stands in the way. */
function openFolder(
  folders: Map<string, DirectoryNode>,
  files: ReadonlySet<string>,
  names: readonly string[],
): DirectoryNode | undefined {
  let folder = folders.get('')!
  for (let depth = 1; depth <= names.length; depth++) {
    const path = names.slice(0, depth).join('/')
    if (files.has(path)) return undefined
    let next = folders.get(path)
    if (!next) {
      next = newNode(names[depth - 1]!, 'directory')
      folder.entries.push(next)
      folders.set(path, next)
    }
    folder = next
  }
  return folder
}

function newNode(name: string, type: DirectoryNode['type']): DirectoryNode {
  return { name, type, roots: [], sizeBytes: 0, link: '', entries: [] }
}

function nodeOf(name: string, entry: Exclude<DirectoryEntry, { type: 'directory' }>): DirectoryNode {
  const node = newNode(name, entry.type)
  if (entry.type === 'symbolic') return { ...node, link: entry.link }
  return { ...node, roots: [...entry.roots], sizeBytes: entry.sizeBytes }
}

function collect(
  { entries }: DirectoryNode,
  prefix: string,
  found: DirectoryEntry[],
): { code: DirectoryFault; detail: string } | undefined {
  const seen = new Set<string>()
  for (const { name, ...node } of entries) {
    const path = prefix + name
    if (!isSafeName(name)) return { code: 'path-unsafe', detail: path.slice(0, 200) }
    const { type, roots, sizeBytes, link } = node
    const isBad = seen.has(name) || found.length >= entriesMax || !Number.isSafeInteger(sizeBytes) || sizeBytes < 0
    if (isBad) return { code: 'directory-malformed', detail: path.slice(0, 200) }
    seen.add(name)
    if (type === 'file') found.push({ path, type, roots, sizeBytes })
    else if (type === 'symbolic') found.push({ path, type, link })
    else if (node.entries.length === 0) found.push({ path, type })
    else {
      const fault = collect({ name, ...node }, `${path}/`, found)
      if (fault) return fault
    }
  }
  return undefined
}
