/** One GGUF file in our engine, in llama.cpp and in an evaluation in f64 by numpy: how far their next-token distributions lie apart. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadModel, type Model } from '@weightless/tensor'
import { divergenceOf, firstOf, largestError } from './divergence.ts'
import { evaluateOurs, type Llama, type LlamaRows, openLlamaRows } from './evaluateRows.ts'

export type Figures = {
  /** KL of ours from llama.cpp's in nats, mean and most. */
  between: [number, number]
  /** Positions with llama.cpp's first token, of those where it is ahead by more than 0.5. */
  ahead: [number, number]
  /** The same of f64's, of those where it is ahead by more than `sure`. */
  sure: [number, number]
  /** Mean KL from f64, of ours and of llama.cpp's. */
  exact: [number, number]
  /** Largest error of a logit, of ours and of llama.cpp's. */
  error: [number, number]
}

export type Compared = { ours: Model; theirs: LlamaRows; figures: Figures }

/** @param tokensOf - at most `positions` tokens for this model; `theirs` of the result is to be closed */
export async function compareFile(
  { llama, python }: { llama: Llama; python: string },
  path: string,
  positions: number,
  tokensOf: (model: Model) => readonly number[],
  sure: number,
): Promise<Compared> {
  const ours = await loadModel(new Uint8Array(readFileSync(path)))
  const { vocabSize } = ours.info
  const theirs = await openLlamaRows(llama, path, { vocabSize, positions })
  const tokens = tokensOf(ours)
  const reference = runPython(python, 'evaluateReference.py', path, '-', tokens.join(','))
  const exact = new Float64Array(Uint8Array.from(reference).buffer)
  if (exact.length !== tokens.length * vocabSize) throw new Error('the evaluation in f64 has other rows')
  const [mine, other]: [Float32Array[], Float32Array[]] = [[], []]
  evaluateOurs(ours, tokens, 0, (row) => mine.push(row.slice()))
  await theirs.evaluate(tokens, 0, (row) => other.push(row))
  const figures: Figures = { between: [0, 0], ahead: [0, 0], sure: [0, 0], exact: [0, 0], error: [0, 0] }
  for (let i = 0; i < tokens.length; i++) {
    addPosition(figures, [mine[i]!, other[i]!, exact.subarray(i * vocabSize, (i + 1) * vocabSize)], tokens.length, sure)
  }
  return { ours, theirs, figures }
}

function addPosition(
  { between, ahead, sure, exact, error }: Figures,
  [mine, other, reference]: readonly [Float32Array, Float32Array, Float64Array],
  positions: number,
  sureBy: number,
): void {
  const divergence = divergenceOf(other, mine)
  between[0] += divergence / positions
  between[1] = Math.max(between[1], divergence)
  const { token } = firstOf(mine)
  for (const [counts, first, margin] of [
    [ahead, firstOf(other), 0.5],
    [sure, firstOf(reference), sureBy],
  ] as const) {
    if (first.margin <= margin) continue
    counts[0] += Number(token === first.token)
    counts[1]++
  }
  for (const [who, row] of [mine, other].entries()) {
    exact[who]! += divergenceOf(reference, row) / positions
    error[who] = Math.max(error[who]!, largestError(row, reference))
  }
}

/** What a script of this folder writes. */
export function runPython(python: string, script: string, ...words: (string | number)[]): Buffer {
  const path = join(import.meta.dirname, script)
  const options = { maxBuffer: 2 ** 30, env: { ...process.env, OPENBLAS_NUM_THREADS: '1' } }
  const { status, stdout, stderr } = spawnSync(python, ['-B', path, ...words.map(String)], options)
  if (status !== 0) throw new Error(`${script}: ${stderr}`)
  return stdout
}

/** The heads of `rowOf`'s columns. */
export const columns =
  'file | KL of ours from llama.cpp, mean and most | same first where ahead by 0.5 | KL from f64, ours and llama.cpp | largest error, ours and llama.cpp'

export function rowOf(name: string, { between, ahead, exact, error }: Figures): string {
  const pair = (list: number[]) => list.map((value) => value.toPrecision(2)).join(', ')
  return [name, pair(between), ahead.join(' of '), pair(exact), pair(error)].join(' | ')
}
