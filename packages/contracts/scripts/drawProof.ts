/** Proofs of bytes of files of which nothing else is made: what gas is measured with. */
import { fileShape, keccak256 } from '@weightless/crypto'
import { createDraw } from './floatOperands.ts'

const draw = createDraw(4)

/** A file that has these bytes there, of which nothing else is known: siblings are drawn. */
export function drawProof(fileBytes: number, from: number, bytes: Uint8Array) {
  let [first, last] = [Math.floor(from / 256), Math.floor((from + bytes.length - 1) / 256)]
  const sectors = new Uint8Array((last - first + 1) * 256)
  sectors.set(bytes, from - first * 256)
  const siblings: Uint8Array[] = []
  const sibling = (): Uint8Array => {
    siblings.push(Uint8Array.from({ length: 32 }, () => draw() & 0xff))
    return siblings.at(-1)!
  }
  const pair = (left: Uint8Array, right: Uint8Array) => keccak256(Uint8Array.of(...left, ...right))
  let nodes = Array.from({ length: last - first + 1 }, (_, i) => keccak256(sectors.subarray(i * 256, i * 256 + 256)))
  for (let width = fileShape(fileBytes).paddedSectors; width > 1; width = Math.ceil(width / 2)) {
    if (first % 2 === 1) nodes.unshift(sibling())
    if (last % 2 === 0 && last + 1 < width) nodes.push(sibling())
    const level = nodes
    nodes = Array.from({ length: Math.ceil(level.length / 2) }, (_, i) => {
      const [left, right] = level.slice(2 * i, 2 * i + 2)
      return right === undefined ? left! : pair(left!, right)
    })
    ;[first, last] = [Math.floor(first / 2), Math.floor(last / 2)]
  }
  return { sectors, siblings, root: nodes[0]! }
}
