/** The models that answers are made again with: by root, from this machine or the storage network, few at a time. */
import type { Hex } from '@weightless/codec'
import { loadModel, type Model } from '@weightless/tensor'
import { openFileSource } from '../openFileSource.ts'

export type ModelShelf = { open(root: Hex): Promise<Model | undefined> }

const openMax = 2
/** A round is over by then; the memory is worth more to others. */
const idleMs = 60_000

/**
 * @param files - weights on this machine whose roots are known to be these
 * @param download - proves what it gives; throws where nobody has it
 */
export function createModelShelf(
  files: { readonly [root: Hex]: string },
  download: (root: Hex) => Promise<Uint8Array>,
): ModelShelf {
  const shelf = new Map<Hex, Promise<Model>>()
  let timer: NodeJS.Timeout | undefined

  async function load(root: Hex): Promise<Model> {
    const path = files[root]
    if (path === undefined) return loadModel(await download(root))
    const source = await openFileSource(path)
    try {
      return await loadModel(source)
    } finally {
      await source.close()
    }
  }

  return {
    async open(root) {
      clearTimeout(timer)
      timer = setTimeout(() => shelf.clear(), idleMs).unref()
      const model = shelf.get(root) ?? load(root)
      shelf.delete(root)
      shelf.set(root, model)
      const [oldest] = shelf.keys()
      if (shelf.size > openMax) shelf.delete(oldest!)
      try {
        return await model
      } catch {
        // Nobody has these weights, or they are no model: whoever asked is told so by the answer.
        shelf.delete(root)
        return undefined
      }
    },
  }
}
