/** Compares the locked integrity of a peer's direct dependencies with what the registry publishes for that version. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

type Lock = { packages: { [path: string]: { version?: string; integrity?: string } } }

/** @returns a line for each dependency; throws when one was altered */
export async function checkIntegrity(folder: string): Promise<string[]> {
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    dependencies?: { [name: string]: string }
  }
  const lock = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')) as Lock
  return Promise.all(
    Object.keys(dependencies).map(async (name) => {
      const locked = lock.packages[`node_modules/${name}`]
      if (!locked?.integrity) throw new Error(`${name} has no integrity in the lock file`)
      const view = await run('npm', ['view', `${name}@${locked.version}`, 'dist.integrity'])
      if (view.stdout.trim() !== locked.integrity)
        throw new Error(`${name}@${locked.version} differs from what the registry publishes`)
      return `${name}@${locked.version} is unmodified`
    }),
  )
}
