// Ollama behind a provider. WEIGHTLESS_OLLAMA names the program, else it is looked for on the PATH; without it this says so and passes.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, ggufPath, runUpstreamCases, startServer, until } from './upstreamCases.ts'

const program = process.env.WEIGHTLESS_OLLAMA ?? 'ollama'
if (spawnSync(program, ['--version']).status !== 0) {
  console.log('not run: no Ollama here (set WEIGHTLESS_OLLAMA; README.md says how it is built from its Go module)')
  process.exit(0)
}
const home = mkdtempSync(join(tmpdir(), 'weightless-ollama-'))
const host = `127.0.0.1:${await freePort()}`
const environment = {
  OLLAMA_HOST: host,
  OLLAMA_MODELS: join(home, 'models'),
  HOME: home,
  OLLAMA_CONTEXT_LENGTH: '2048',
}
const server = startServer(program, ['serve'], environment)
try {
  await until('Ollama answers', async () => (await fetch(`http://${host}/v1/models`)).ok || undefined)
  const recipe = join(home, 'Modelfile')
  // Its threads spin while they wait for one another: on a busy machine one is faster than two.
  writeFileSync(recipe, `FROM ${await ggufPath()}\nPARAMETER num_thread 1\n`)
  const made = spawnSync(program, ['create', 'smol', '-f', recipe], {
    env: { ...process.env, ...environment },
    encoding: 'utf8',
  })
  if (made.status !== 0) throw new Error(`ollama create: ${made.stderr}`)
  const flags = ['--upstream-model', 'smol:latest', '--tokenizer', await ggufPath(), '--context', '2048']
  await runUpstreamCases('ollama', `http://${host}`, server, flags)
} finally {
  await server.stop()
  rmSync(home, { recursive: true, force: true })
}
