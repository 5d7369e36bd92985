/** Main of a process that loads llama.cpp and says what it found: `node probeProcess.ts ENGINE_FOLDER GPU`. */
import { loadLlamaLibrary } from './llamaLibrary.ts'

const [folder = '', gpu = 'none'] = process.argv.slice(2)
const { getLlama } = await loadLlamaLibrary(folder)
const llama = await getLlama({
  ...{
    gpu: gpu === 'none' ? false : 'auto',
    build: 'never',
    skipDownload: true,
    progressLogs: false,
    logLevel: 'warn',
  },
  logger: (_level, message) => process.stderr.write(message),
})
process.stdout.write(`${JSON.stringify({ gpu: llama.gpu, cores: llama.cpuMathCores })}\n`)
await llama.dispose()
