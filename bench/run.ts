/**
 * Runs the benchmarks one after another: `npm run bench [-- chain storage tensor]`. Each is a ratio against a real rival in
 * the same run; rivals have package files of their own and are installed on demand. What is printed goes into
 * `bench/RESULTS.md` by hand, with the machine and the command. Nothing else should run on the machine meanwhile.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { smolLm2 } from '@weightless/node/weights/modelSources'
import { resolveWeights } from '@weightless/node/weights/resolveWeights'

const here = import.meta.dirname
const benches: { [name: string]: () => Promise<string[][]> } = {
  attestation: async () => [['measureQuotes.ts']],
  chain: async () => [['measureTransfers.ts'], ['restart.ts']],
  compute: async () => [['measureBroker.ts']],
  coding: async () => [['stripes.ts'], ['fileRoots.ts'], ['sealing.ts']],
  dht: async () => [['measureLookups.ts'], ['compareBulk.ts']],
  kv: async () => [['readLoad.ts']],
  network: async () => [['measureNetwork.ts'], ['measureMemory.ts'], ['measureGrowth.ts', '6,12,24,48', '102.4,1024']],
  storage: async () => [['sdkOverhead.mjs'], ['rootHashing.mjs']],
  tensor: async () => {
    const { path } = await resolveWeights(smolLm2)
    const prints = join(mkdtempSync(join(tmpdir(), 'weightless-prints-')), 'figures.jsonl')
    return [
      ['measureEngines.ts', path],
      ['measureTrace.ts', path],
      ['measureBatch.ts', path],
      ['measureFaithfulness.ts', path],
      ['calibratePrints.ts', path, prints, '--set', 'held-out'],
      ['ratePrints.ts', path, prints],
    ]
  },
  training: async () => {
    const { path } = await resolveWeights(smolLm2)
    const seed = String(1 + Math.floor(Math.random() * 1000))
    return [
      ['measureStep.ts'],
      ['learnRule.ts', path, '120', seed, '2', 'rule'],
      ['learnRule.ts', path, '40', seed, '2', 'shuffled'],
    ]
  },
}

const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const unknown = wanted.filter((name) => !(name in benches))
if (unknown.length > 0) {
  console.error(`bench: there is no ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}`)
  process.exit(2)
}
let failed = 0
for (const [name, list] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  install(name)
  for (const [script, ...parameters] of await list()) {
    console.log(`\n== bench/${name}/${script}`)
    const { status } = spawnSync(process.execPath, [script!, ...parameters], {
      cwd: join(here, name),
      stdio: 'inherit',
    })
    if (status !== 0) failed++
  }
}
process.exit(failed > 0 ? 1 : 0)

function install(name: string): void {
  const folder = join(here, name)
  if (existsSync(join(folder, 'node_modules'))) return
  const flags = ['ci', '--ignore-scripts', '--no-fund', '--no-audit', '--loglevel=error']
  // llama.cpp's optional packages are hundreds of megabytes for GPUs; the one for this processor is named in its package file.
  if (name === 'tensor') flags.push('--omit=optional')
  const { status } = spawnSync('npm', flags, { cwd: folder, stdio: 'inherit' })
  if (status !== 0) throw new Error(`bench: npm ci failed in ${folder}`)
}
