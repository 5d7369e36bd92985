/** The place of a file that somebody else named, below a folder of this machine and nowhere else. */
import { mkdir, realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { WeightlessError } from '@weightless/codec'

/** Makes the folders above it. `path` is relative, with `/`, of names that are safe. @throws {LinkInTheWayError} */
export async function makePlaceFor(folder: string, path: string): Promise<string> {
  const target = join(resolve(folder), ...path.split('/'))
  await mkdir(dirname(target), { recursive: true })
  const [top, place] = await Promise.all([realpath(folder), realpath(dirname(target))])
  const isInside = place === top || place.startsWith(top + sep)
  const plain = join(place, basename(target))
  const isLink = (await realpath(target).catch(() => plain)) !== plain
  if (!isInside || isLink) throw new LinkInTheWayError({ path: target })
  return target
}

class LinkInTheWayError extends WeightlessError {
  constructor(facts: { path: string }) {
    super('cli/restore-place', 'A link leads out of the folder that is written into.', facts, {
      hint: 'Choose a new folder.',
    })
  }
}
