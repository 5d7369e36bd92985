// Wasmtime (the PyPI package) makes every call of a kernel that the engine makes in Node, on the same memory, and comes to the same bytes
// after each: answers with trace and samples, steps of training, an encoder's vectors (`everyKernel.cases.ts`; of the vectors nothing is
// hashed: equal memories say it all). Usage: node wasmtime.peer.ts; without pip's package it says so and passes.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runEveryKernel } from '../../packages/tensor/src/selfCheck/everyKernel.cases.ts'
import { makePython } from './makePython.ts'
import { recordKernels } from './recordKernels.ts'

const read = async (path: string) => new Uint8Array(readFileSync(new URL(`../../${path}`, import.meta.url)))
const home = mkdtempSync(join(tmpdir(), 'weightless-wasmtime-'))
try {
  const python = makePython(home, 'requirements-wasmtime.txt')
  if (python === undefined) console.log('not run: pip does not give wasmtime here')
  else {
    const path = join(home, 'record')
    const record = recordKernels(path)
    for await (const { name, hash, trace, isState } of runEveryKernel(read)) {
      if (trace) record.trace(name, trace.tokens, trace.trace)
      if (isState) record.state(name, hash)
    }
    const { calls, kernels, memories, idle } = record.close()
    assert.deepEqual(idle, [], 'kernels that nobody called')
    console.log(`Node ${process.version}: ${calls} calls of ${kernels} kernels on ${memories} memories`)
    // Compiled for this processor, then interpreted: the second knows nothing of its vectors.
    for (const target of [[], ['pulley64']]) replay(python, path, target)
  }
} finally {
  rmSync(home, { recursive: true, force: true })
}

function replay(python: string, path: string, target: readonly string[]): void {
  const script = join(import.meta.dirname, 'replayKernels.py')
  const { status, stdout, stderr } = spawnSync(python, ['-B', script, path, ...target], { encoding: 'utf8' })
  process.stdout.write(stdout)
  assert.equal(status, 0, stderr)
}
