// OpenAI's client of Python, unmodified, against the devnet's gateway; says so and passes where there is no pip.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const version = '3.54.0'
const { compute } = JSON.parse(readFileSync(process.env.WEIGHTLESS_DEVNET, 'utf8'))
const model = compute.providers.flatMap(({ models }) => models)[0]
const folder = mkdtempSync(join(tmpdir(), 'weightless-openai-'))
const run = (command, args, env = {}) =>
  spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, ...env }, timeout: 300_000 })
try {
  run('python3', ['-m', 'venv', folder])
  const python = join(folder, 'bin', 'python')
  const installed = run(python, ['-m', 'pip', 'install', '-q', `openai==${version}`])
  if (installed.status !== 0) {
    console.log('not run: pip does not give openai here')
  } else {
    const settings = { OPENAI_BASE_URL: `${compute.gatewayUrl}/v1`, OPENAI_API_KEY: compute.apiKey, MODEL: model }
    const { status, stdout, stderr } = run(python, [join(import.meta.dirname, 'python', 'openaiCases.py')], settings)
    if (status !== 0) throw new Error(stderr)
    console.log(`${model} said ${stdout.trim()} to Python`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
