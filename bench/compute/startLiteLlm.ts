/** LiteLLM's proxy in front of the same server, from PyPI, in a virtual environment that is kept between runs. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const folder = join(homedir(), '.cache', 'weightless-bench', 'litellm')
const version = '1.80.0'
const port = 14_400

export type LiteLlm = { url: string; stop(): Promise<void> }

/** Undefined where pip cannot install it. */
export async function startLiteLlm(upstreamUrl: string): Promise<LiteLlm | undefined> {
  if (!install()) return undefined
  const config = join(folder, 'config.yaml')
  writeFileSync(
    config,
    [
      'model_list:',
      '  - model_name: mock',
      '    litellm_params:',
      '      model: openai/mock',
      `      api_base: ${upstreamUrl}/v1`,
      '      api_key: unused',
      'litellm_settings:',
      '  telemetry: false',
      '  drop_params: true',
      '',
    ].join('\n'),
  )
  const child = spawn(
    join(folder, 'bin', 'litellm'),
    ['--config', config, '--port', String(port), '--host', '127.0.0.1'],
    {
      stdio: 'ignore',
      env: { ...process.env, LITELLM_LOG: 'ERROR', LITELLM_LOCAL_MODEL_COST_MAP: 'True' },
    },
  )
  const url = `http://127.0.0.1:${port}`
  for (let attempt = 0; attempt < 240 && child.exitCode === null; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 500))
    const answer = await fetch(`${url}/health/liveliness`).catch(() => undefined)
    if (answer?.ok) return { url, stop: () => stop(child) }
  }
  await stop(child)
  return undefined
}

function install(): boolean {
  if (existsSync(join(folder, 'bin', 'litellm'))) return true
  mkdirSync(folder, { recursive: true })
  const made = spawnSync('python3', ['-m', 'venv', folder], { stdio: 'inherit' })
  if (made.status !== 0) return false
  const pip = spawnSync(join(folder, 'bin', 'pip'), ['install', '--quiet', `litellm[proxy]==${version}`], {
    stdio: 'inherit',
  })
  return pip.status === 0
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}
