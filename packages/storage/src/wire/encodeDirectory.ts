/** Writes a directory as the network's clients do: a file that names its entries by their roots. Spec: storage §8. */
import { concatBytes, textToBytes } from '@weightless/codec'
import { type DirectoryNode, directoryMagic } from './readDirectory.ts'

const version = new Uint8Array([0, 2])

/** Entries are sorted by name, so that the same folder has the same root. */
export function encodeDirectory(root: DirectoryNode): Uint8Array {
  return concatBytes([directoryMagic, version, textToBytes(JSON.stringify(toJson(root)))])
}

/** Key order and absent fields as the network's Go client has them. */
function toJson({ name, type, roots, sizeBytes, link, entries }: DirectoryNode): object {
  if (type === 'symbolic') return { name, type, link }
  if (type === 'file') return { name, type, roots, size: sizeBytes }
  const sorted = [...entries].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  return { name, type, entries: sorted.map(toJson) }
}
