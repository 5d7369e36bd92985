// LiteLLM as a client, unmodified, against the devnet's gateway; says so and passes where there is no pip.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const version = '1.110.2'
const { compute } = JSON.parse(readFileSync(process.env.WEIGHTLESS_DEVNET, 'utf8'))
const model = compute.providers.flatMap(({ models }) => models)[0]
const folder = mkdtempSync(join(tmpdir(), 'weightless-litellm-'))
const run = (command, args, env = {}) =>
  spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, ...env }, timeout: 300_000 })
try {
  run('python3', ['-m', 'venv', folder])
  const python = join(folder, 'bin', 'python')
  const installed = run(python, ['-m', 'pip', 'install', '-q', `litellm==${version}`])
  if (installed.status !== 0) {
    console.log('not run: pip does not give litellm here')
  } else {
    const settings = {
      OPENAI_BASE_URL: `${compute.gatewayUrl}/v1`,
      OPENAI_API_KEY: compute.apiKey,
      MODEL: model,
      // Its table of prices would come from a host outside.
      LITELLM_LOCAL_MODEL_COST_MAP: 'True',
    }
    const { status, stdout, stderr } = run(python, [join(import.meta.dirname, 'python', 'litellmCases.py')], settings)
    if (status !== 0) throw new Error(stderr)
    console.log(`${model} said ${stdout.trim()} to LiteLLM`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
