/** Writes `sw.js`: the service worker of `src/offline/serviceWorker.js` with the list of what it keeps. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Plugin } from 'vite'

/** Fonts of other scripts are as large as a page, and what is missing falls back to the system's. */
const kept = /^(assets\/.*\.(js|css)|assets\/.*-latin-wght-normal-.*\.woff2)$/
const always = ['/', '/theme.js', '/mark.svg', '/chevron.svg']

export function offlineWorker(): Plugin {
  return {
    name: 'offline-worker',
    apply: 'build',
    async generateBundle(_, bundle) {
      const files = [
        ...always,
        ...Object.keys(bundle)
          .filter((name) => kept.test(name))
          .map((name) => `/${name}`),
      ].sort()
      const code = await readFile(join(import.meta.dirname, '../src/offline/serviceWorker.js'), 'utf8')
      // Names of assets hold their hashes, but those of the others do not: the worker is another after each build that differs.
      const version = createHash('sha256').update(JSON.stringify(files)).update(code).digest('hex').slice(0, 16)
      const head = `const version = '${version}'\nconst files = ${JSON.stringify(files)}\n`
      this.emitFile({ type: 'asset', fileName: 'sw.js', source: head + code })
    },
  }
}
