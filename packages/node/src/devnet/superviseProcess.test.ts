/** A supervised child: opened, started again after a crash, stopped for good, gone when its parent is killed. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { ProcessFailedError, superviseProcess } from './superviseProcess.ts'

const folder = mkdtempSync(join(tmpdir(), 'weightless-supervise-'))
const child = join(folder, 'child.mjs')
const open = `console.log(JSON.stringify({ type: 'open' })); process.stdin.resume(); process.stdin.once('end', () => process.exit(0));`
writeFileSync(child, open)

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (holds()) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`never happened: ${what}`)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('a supervised process', () => {
  after(() => rmSync(folder, { recursive: true, force: true }))

  test('is started again after SIGKILL, and not after stop', async () => {
    const crashes: string[] = []
    const supervised = superviseProcess({ name: 'child', words: [child], onCrash: (reason) => crashes.push(reason) })
    await supervised.start()
    const first = supervised.pid()!
    process.kill(first, 'SIGKILL')
    await until('another life', () => supervised.isRunning() && supervised.pid() !== first)
    assert.deepEqual(crashes, ['ended with SIGKILL'])
    await supervised.start()
    const second = supervised.pid()!
    await supervised.stop()
    assert.equal(supervised.isRunning(), false)
    assert.equal(isAlive(second), false)
    await supervised.start()
    assert.equal(supervised.isRunning(), true)
    await supervised.stop()
    assert.equal(crashes.length, 1)
  })

  test('a child that cannot open is named with what it said', async () => {
    const words = ['-e', 'console.error("no such luck"); process.exit(3)']
    const supervised = superviseProcess({ name: 'child', words, onCrash: () => undefined })
    await assert.rejects(supervised.start(), (fault) => {
      return fault instanceof ProcessFailedError && /no such luck/.test(String(fault.facts.reason))
    })
    await supervised.stop()
  })

  test('is given up after so many crashes in a row', async () => {
    const crashes: string[] = []
    const words = ['-e', 'process.exit(3)']
    const onCrash = (reason: string) => crashes.push(reason)
    const supervised = superviseProcess({ name: 'child', words, onCrash, crashesMax: 2 })
    await assert.rejects(supervised.start(), ProcessFailedError)
    await until('both crashes', () => crashes.length === 2)
    // The pause before a third life would be 1.2 s.
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    assert.equal(supervised.isRunning(), false)
    await supervised.stop()
  })

  test('no child is left over when the parent is killed', async () => {
    const parentFile = join(folder, 'parent.mjs')
    const module = join(import.meta.dirname, 'superviseProcess.ts')
    writeFileSync(
      parentFile,
      `import { superviseProcess } from ${JSON.stringify(module)}
const supervised = superviseProcess({ name: 'child', words: [${JSON.stringify(child)}], onCrash: () => undefined })
await supervised.start()
console.log(supervised.pid())
setInterval(() => undefined, 1000)`,
    )
    const parent = spawn(process.execPath, [parentFile], { stdio: ['ignore', 'pipe', 'inherit'] })
    const pid = await new Promise<number>((resolve) => parent.stdout.once('data', (text) => resolve(Number(text))))
    assert.equal(isAlive(pid), true)
    parent.kill('SIGKILL')
    await until('the child is gone', () => !isAlive(pid))
  })
})
