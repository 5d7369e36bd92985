/** Checks and joins the paths of `env.disk`: relative, `/` between names, never leaving the root. */
import { PathInvalidError } from './faults.ts'

/**
 * `path` below `base`, both without leading or trailing slash; `''` is the root itself.
 * @throws {PathInvalidError} for `..`, empty names, back-slashes, drive letters and NUL
 */
export function joinDiskPath(base: string, path: string): string {
  if (path === '' || path === '.') return base
  for (const name of path.split('/')) {
    if (name === '' || name === '.' || name === '..' || /[\\\0:]/.test(name)) throw new PathInvalidError({ path })
  }
  return base === '' ? path : `${base}/${path}`
}
