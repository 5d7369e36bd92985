// Installs a third-party program once for each version, outside the repository. Made aside and then renamed, so that two
// that install at the same time, or one that is stopped in the middle, leave no half of it behind.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')

/**
 * @param {string} name - with its version
 * @param {(folder: string) => [string, string[], object?]} plan - the command that fills the folder, and spawn options
 * @returns {string | undefined} the folder; undefined, with the reason said, when the tool is missing on a machine that is not CI
 */
export function installOnce(name, plan) {
  const folder = join(cache, 'weightless', 'peers', name)
  if (existsSync(folder)) return folder
  mkdirSync(dirname(folder), { recursive: true })
  const fresh = mkdtempSync(`${folder}.`)
  const [command, args, options] = plan(fresh)
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 560_000, ...options })
  if (status !== 0) {
    rmSync(fresh, { recursive: true, force: true })
    const reason = `${command} could not install ${name}: ${error?.message ?? stderr.slice(-2000)}`
    if (process.env.CI) throw new Error(reason)
    console.log(`not run: ${reason}`)
    return undefined
  }
  try {
    renameSync(fresh, folder)
  } catch {
    // Somebody else was faster.
    rmSync(fresh, { recursive: true, force: true })
  }
  return folder
}
