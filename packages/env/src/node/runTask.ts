/** The inside of a worker thread: runs the default export of a module on each input and posts the result back. */
import { parentPort } from 'node:worker_threads'
import './installCrc32.ts'
import './installEd25519.ts'
import './installNistEcdsa.ts'
import './installHasher.ts'
import './installSecp256k1.ts'

export type TaskRequest = { id: number; module: string; input: unknown }
export type TaskAnswer =
  | { id: number; ok: true; output: unknown }
  | { id: number; ok: false; reason: string; stack?: string; taskCode?: string }

type TaskModule = { default: (input: unknown) => unknown; transferOf?: (output: unknown) => ArrayBuffer[] }

parentPort?.on('message', async ({ id, module, input }: TaskRequest) => {
  try {
    const { default: work, transferOf } = (await import(module)) as TaskModule
    const output = await work(input)
    parentPort?.postMessage({ id, ok: true, output } satisfies TaskAnswer, transferOf?.(output) ?? [])
  } catch (error) {
    parentPort?.postMessage(describe(id, error))
  }
})

function describe(id: number, error: unknown): TaskAnswer {
  if (!(error instanceof Error)) return { id, ok: false, reason: String(error) }
  const code = 'code' in error ? error.code : undefined
  return {
    id,
    ok: false,
    reason: error.message,
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    ...(typeof code === 'string' ? { taskCode: code } : {}),
  }
}
