/** Where tests find all-MiniLM-L6-v2: the local cache. In CI missing weights fail unless WEIGHTLESS_NO_WEIGHTS=1. */
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const cache =
  process.env.WEIGHTLESS_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'weightless', 'models')
const paths = {
  weights: join(cache, '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db.safetensors'),
  tokenizer: join(cache, 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037.json'),
  config: join(cache, '953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41.json'),
}
const isThere = Object.values(paths).every((path) => existsSync(path))
const mayLack = process.env.CI === undefined || process.env.WEIGHTLESS_NO_WEIGHTS === '1'

export const minilm = {
  /** Test options: skipped, saying so, only where weights may be missing. */
  options: { skip: !isThere && mayLack ? 'the all-MiniLM-L6-v2 weights are not in the local cache' : false },
  files: () => ({
    weights: new Uint8Array(readFileSync(paths.weights)),
    tokenizer: new Uint8Array(readFileSync(paths.tokenizer)),
    config: new Uint8Array(readFileSync(paths.config)),
  }),
}
