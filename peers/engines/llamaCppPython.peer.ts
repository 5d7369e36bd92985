// The server of llama-cpp-python behind a provider. WEIGHTLESS_LLAMA_PYTHON names a Python that has it (pip install
// 'llama-cpp-python[server]'); without it this says so and passes.
import { spawnSync } from 'node:child_process'
import { freePort, ggufPath, runUpstreamCases, startServer, until } from './upstreamCases.ts'

const python = process.env.WEIGHTLESS_LLAMA_PYTHON ?? 'python3'
if (spawnSync(python, ['-c', 'import llama_cpp.server.app'], { timeout: 120_000 }).status !== 0) {
  console.log(`not run: ${python} has no llama-cpp-python[server] (set WEIGHTLESS_LLAMA_PYTHON)`)
  process.exit(0)
}
const port = await freePort()
const file = await ggufPath()
const words = ['--model', file, '--model_alias', 'smol', '--n_ctx', '2048', '--n_threads', '1', '--port', String(port)]
const server = startServer(python, ['-m', 'llama_cpp.server', ...words])
try {
  const url = `http://127.0.0.1:${port}`
  await until('the server answers', async () => (await fetch(`${url}/v1/models`)).ok || undefined)
  const flags = ['--upstream-model', 'smol', '--tokenizer', file, '--context', '2048']
  await runUpstreamCases('llamacpp', url, server, flags)
} finally {
  await server.stop()
}
