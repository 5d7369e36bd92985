import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { selfCheck } from './selfCheck.ts'

test('this machine computes the bits that all machines compute', async () => {
  const { ok, traceRoot, expectedRoot } = await selfCheck()
  assert.ok(ok, `${traceRoot} instead of ${expectedRoot}`)
})

test('both compilers of WebAssembly in this engine, the quick and the optimising, compute them', () => {
  const module = JSON.stringify(new URL('./selfCheck.ts', import.meta.url).href)
  const program = `const { selfCheck } = await import(${module}); console.log((await selfCheck()).ok)`
  for (const flag of ['--liftoff-only', '--no-liftoff']) {
    const options = { encoding: 'utf8' } as const
    const { stdout, stderr } = spawnSync(process.execPath, [flag, '--input-type=module', '-e', program], options)
    assert.equal(stdout.trim(), 'true', `${flag}: ${stderr}`)
  }
})

test('no function of Math that machines may round differently is used', () => {
  const program = `
    const names = ['exp', 'pow', 'sin', 'cos', 'tan', 'tanh', 'log', 'log2', 'log10', 'cbrt', 'expm1', 'log1p', 'random']
    const { selfCheck } = await import(${JSON.stringify(new URL('./selfCheck.ts', import.meta.url).href)})
    for (const name of names) Math[name] = () => { throw new Error('Math.' + name + ' was used') }
    console.log((await selfCheck()).ok)`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  assert.equal(stdout.trim(), 'true', stderr)
})
