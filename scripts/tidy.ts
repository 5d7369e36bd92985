/** `npm run tidy`: the constitution in code. Looks at every source file of the product and prints what breaks a rule. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { findCircles } from './tidyCircles.ts'
import type { Package } from './tidyLayers.ts'
import { checkFile, type Finding } from './tidyRules.ts'

const root = join(import.meta.dirname, '..')

export function tidy(): Finding[] {
  const listed = execFileSync(
    'git',
    ['ls-files', '-co', '--exclude-standard', '--', '*.ts', '*.tsx', '*/package.json'],
    {
      cwd: root,
      maxBuffer: 64 * 1024 * 1024,
    },
  )
  const paths = listed
    .toString()
    .split('\n')
    .filter((path) => path !== '' && existsSync(join(root, path)))
  const packages = paths.filter((path) => /^(packages|apps)\/[^/]+\/package\.json$/.test(path)).map(readPackage)
  const files = paths
    .filter((path) => /\.tsx?$/.test(path) && !exempt.test(path))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
  return [
    ...packages.flatMap(checkPackage),
    ...findCircles(files),
    ...files.flatMap((file) => {
      const owner = packages.find(({ folder }) => file.path.startsWith(`${folder}/`))
      return checkFile(file, owner, packages)
    }),
  ]
}

function readPackage(path: string): Package {
  const parsed = JSON.parse(readFileSync(join(root, path), 'utf8'))
  const { name, weightless, dependencies = {}, devDependencies = {}, optionalDependencies = {} } = parsed
  const rootDev = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).devDependencies
  const declared = { ...rootDev, ...devDependencies, ...dependencies, ...optionalDependencies }
  return {
    name,
    folder: path.replace('/package.json', ''),
    layer: weightless?.layer ?? 4,
    dependencies: Object.keys(declared),
  }
}

function checkPackage({ folder }: Package): Finding[] {
  const { dependencies = {} } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
  const outside = new Set(
    Object.keys(dependencies)
      .filter((name) => !name.startsWith('@weightless/'))
      .map((name) => (publishedInParts.test(name) ? 'libp2p' : name)),
  )
  if (outside.size <= dependenciesMax || folder.startsWith('apps/')) return []
  const advice = `${outside.size} outside dependencies, at most ${dependenciesMax}: ${[...outside].join(', ')}`
  return [{ path: `${folder}/package.json`, line: 1, rule: 'dependencies', advice }]
}

const dependenciesMax = 6
/** libp2p and its data types: one project in dozens of packages, which are only ever used together. */
const publishedInParts = /^(libp2p|@libp2p\/.+|multiformats|@multiformats\/.+|datastore-core|interface-datastore)$/
const exempt = /\.generated\.ts$|\.d\.ts$|\/assembly\/|^(bench|peers|vectors|tools)\//

if (import.meta.main) {
  const findings = tidy()
  for (const { path, line, rule, advice } of findings) console.log(`${path}:${line} ${rule}: ${advice}`)
  console.log(findings.length === 0 ? 'tidy: ok' : `tidy: ${findings.length} findings`)
  process.exit(findings.length === 0 ? 0 : 1)
}
