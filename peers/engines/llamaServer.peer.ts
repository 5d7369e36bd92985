// The server of llama.cpp itself, as the Python package xllamacpp carries it prebuilt, behind a provider that names its file.
import { join } from 'node:path'
import { preparePython } from './preparePython.ts'
import { weighAnswers } from './printCases.ts'
import { freePort, ggufPath, runUpstreamCases, startServer, until } from './upstreamCases.ts'

const python = preparePython('WEIGHTLESS_XLLAMACPP_PYTHON', [['xllamacpp==2026.10.11549']])
if (python === undefined) process.exit(0)
const port = await freePort()
const file = await ggufPath()
const server = startServer(python, [join(import.meta.dirname, 'python', 'llamaServer.py'), file, 'smol', String(port)])
try {
  const url = `http://127.0.0.1:${port}`
  await until('the server answers', async () => (await fetch(`${url}/health`)).ok || undefined)
  const flags = ['--upstream-model', 'smol', '--tokenizer', file, '--fingerprint', file]
  await runUpstreamCases('llama-server', url, server, flags, (model) =>
    weighAnswers(model, url, file, 'model-cut-first'),
  )
} finally {
  await server.stop()
}
