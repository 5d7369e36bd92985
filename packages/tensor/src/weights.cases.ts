/** Where tests find SmolLM2: the local cache. In CI missing weights fail unless WEIGHTLESS_NO_WEIGHTS=1. */
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const sha256 = 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53'
const cache =
  process.env.WEIGHTLESS_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'weightless', 'models')
const path = join(cache, `${sha256}.gguf`)
const mayLack = process.env.CI === undefined || process.env.WEIGHTLESS_NO_WEIGHTS === '1'

export const smolLm2 = {
  /** Test options: skipped, saying so, only where weights may be missing. */
  options: { skip: !existsSync(path) && mayLack ? 'the SmolLM2 weights are not in the local cache' : false },
  bytes: () => new Uint8Array(readFileSync(path)),
}
