import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { createChecker, type OperatorCase } from './operatorVectors.cases.ts'

const lines = readFileSync(new URL('../../../../vectors/tensor/operators.jsonl', import.meta.url), 'utf8').trim()
const [, ...cases] = lines.split('\n').map((line) => JSON.parse(line) as OperatorCase)

test('operators give the bytes of the implementation by integers, on inputs of every kind', async () => {
  const checker = await createChecker()
  for (const one of cases) checker.check(one)
  const operators = new Set(cases.map(({ operator }) => operator.split(' ')[0]))
  const forward = ['product', 'embed', 'normalise', 'rotate', 'attend', 'gate', 'sample']
  assert.deepEqual([...operators], [...forward, 'normaliseBack', 'gateBack', 'optimise'])
  assert.ok(cases.some(({ output }) => output === null))
})

test('a bit of an output, or a run that should have failed, is noticed', async () => {
  const checker = await createChecker()
  for (const one of cases) {
    const bytes = Buffer.from(one.output ?? 'AAAA', 'base64')
    bytes[bytes.length - 1]! ^= 1
    const wrong = { ...one, output: bytes.toString('base64') }
    assert.throws(() => checker.check(wrong as OperatorCase), assert.AssertionError, one.operator)
  }
})
