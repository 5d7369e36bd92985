/**
 * `npm test [-- FILE …]`
 *
 * Runs the tests of all packages, or the named files, in a few processes at once: files are dealt into shards, and each
 * shard's files share one process, because to start one for each of some 260 files would take longer than their tests.
 */
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { pathToFileURL } from 'node:url'

/** More shards than processes, so that a long one leaves no processor idle for long. */
const shardsPerProcess = 4
const root = join(import.meta.dirname, '..')
const patterns = ['packages/*/src/**/*.test.ts', 'sim/**/*.test.ts', 'scripts/**/*.test.ts']

const named = process.argv.slice(2)
const files = (named.length > 0 ? named.map((path) => resolve(path)) : globSync(patterns, { cwd: root }))
  .map((path) => resolve(root, path))
  .sort()
const processes = Math.min(availableParallelism(), 8, files.length)
const folder = mkdtempSync(join(tmpdir(), 'weightless-test-'))
try {
  const running = run({ files: dealShards(), concurrency: processes, isolation: 'process', cwd: root })
  running.on('test:fail', () => {
    process.exitCode = 1
  })
  for await (const text of running.compose(spec)) process.stdout.write(text)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** Modules that import their shard's files one after the other. */
function dealShards(): string[] {
  const count = Math.min(files.length, processes * shardsPerProcess)
  return Array.from({ length: count }, (_, shard) => {
    const own = files.filter((_, at) => at % count === shard)
    const path = join(folder, `shard-${shard + 1}.test.mjs`)
    writeFileSync(path, own.map((file) => `import ${JSON.stringify(pathToFileURL(file).href)}\n`).join(''))
    return path
  })
}
