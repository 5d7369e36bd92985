/** The place of a file that somebody else named, below a folder of this machine and nowhere else. */
import { lstat, mkdir, realpath } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { WeightlessError } from '@weightless/codec'

/**
 * Makes the folders above it, one by one: nothing is made through a link. `folder` itself may be one; `path` is relative,
 * with `/`, of names that are safe. @throws {LinkInTheWayError}
 */
export async function makePlaceFor(folder: string, path: string): Promise<string> {
  const names = path.split('/')
  await mkdir(resolve(folder), { recursive: true })
  let place = await realpath(folder)
  for (const name of names.slice(0, -1)) {
    place = join(place, name)
    await mkdir(place).catch(passIfThere)
    await refuseLink(place)
  }
  const target = join(place, names.at(-1)!)
  await refuseLink(target)
  return target
}

async function refuseLink(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found?.isSymbolicLink()) throw new LinkInTheWayError({ path })
}

function passIfThere(fault: NodeJS.ErrnoException): void {
  if (fault.code !== 'EEXIST') throw fault
}

class LinkInTheWayError extends WeightlessError {
  constructor(facts: { path: string }) {
    super('cli/restore-place', 'A link is in the way, which may lead out of the folder that is written into.', facts, {
      hint: 'Choose a new folder.',
    })
  }
}
