// A folder of many small files with names that are hard on clients, the same in every run; and whether two folders are equal.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const sizes = [0, 1, 100, 255, 257, 4096, 20_000, 70_000]
const names = ['plain', 'with space', 'umläut', 'plus+amp&', "quote'", '日本', 'percent%41', 'tilde~(1)']

export function makeFiles(folder, count) {
  for (let at = 0; at < count; at++) {
    const place = join(folder, `d${at % 20}`, `s${at % 7}`)
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, `${names[at % names.length]} ${at}.bin`), noise(sizes[at % sizes.length], at))
  }
}

/** @returns {Map<string, string>} path to digest */
export function listFiles(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort()
  return new Map(
    paths.map((path) => [path.slice(folder.length), createHash('sha256').update(readFileSync(path)).digest('hex')]),
  )
}

function noise(length, seed) {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, at) =>
    createHash('sha256').update(`${seed} ${at}`).digest(),
  )
  return Buffer.concat(blocks).subarray(0, length)
}
