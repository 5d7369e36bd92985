// The operators of spec/tensor.md written by the integers of Python, from that page alone, on 1,000 random inputs each: the engine's
// kernels, machine code among them, must give the same bytes. Usage: node operators.peer.ts [COUNT [SEED]]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import '@weightless/env/node'
import { createChecker, type OperatorCase } from '../../packages/tensor/src/kernels/operatorVectors.cases.ts'

const count = Number(process.argv[2] ?? 1_000)
const seed = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 31))
const script = join(import.meta.dirname, 'integers', 'drawCases.py')
const checker = await createChecker()
const child = spawn('python3', [script, String(seed), String(count)], { stdio: ['ignore', 'pipe', 'inherit'] })
const ended = once(child, 'close')
const seen = new Map<string, { equal: number; failing: number }>()
let origin = true
for await (const line of createInterface({ input: child.stdout })) {
  if (origin) {
    origin = false
    continue
  }
  const one = JSON.parse(line) as OperatorCase
  const { equal, failing } = seen.get(one.operator) ?? { equal: 0, failing: 0 }
  try {
    checker.check(one)
  } catch (cause) {
    child.kill()
    throw new Error(`seed ${seed}, ${one.operator}, case ${equal}: ${line.slice(0, 2_000)}`, { cause })
  }
  seen.set(one.operator, { equal: equal + 1, failing: failing + Number(one.output === null) })
}
const [status] = await ended
if (status !== 0) throw new Error(`drawCases.py ended with ${status}`)
for (const [operator, { equal }] of seen)
  if (equal !== count) throw new Error(`${operator}: ${equal} cases of ${count}`)
const failing = [...seen.values()].reduce((sum, each) => sum + each.failing, 0)
console.log(
  `seed ${seed}, ${count} inputs each${checker.native ? ', machine code too' : ', no machine code here'}: the same bytes by ${seen.size} operators`,
)
console.log(`${[...seen.keys()].join(', ')}; ${failing} of ${count * seen.size} runs fail, in both`)
