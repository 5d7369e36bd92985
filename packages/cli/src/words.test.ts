import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { InvalidArgumentError } from 'commander'
import fc from 'fast-check'
import { parseEther } from 'viem'
import { commandLine, inQuotes } from './commandLine.ts'
import { fitLine } from './fitLine.ts'
import { formatBytes, formatDuration, formatTokens } from './output.ts'
import { printable } from './printable.ts'
import { createProgressLines, describeProgress } from './progressBar.ts'
import { decimalNumber, wholeNumber } from './readNumber.ts'
import { receiptFile } from './receiptFile.ts'

test('numbers out of range, and what only looks like one, are wrong usage', () => {
  const whole = wholeNumber({ min: 1, max: 16 })
  assert.equal(whole('16'), 16)
  for (const text of ['0', '17', '', ' 1', '1.5', '0x1', '1e1', '-1', 'NaN', '９'])
    assert.throws(() => whole(text), InvalidArgumentError, text)
  const decimal = decimalNumber({ min: 0, max: 2 })
  assert.equal(decimal('0.7'), 0.7)
  for (const text of ['', ' ', '2.1', '-0.1', 'NaN', 'Infinity', 'x'])
    assert.throws(() => decimal(text), InvalidArgumentError, text)
})

test('tokens are printed exactly: reading them back gives the same wei', () => {
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 10n ** 30n }), (wei) => parseEther(formatTokens(wei)) === wei))
  assert.equal(formatTokens(1n), '0.000000000000000001')
})

test('bytes and durations for people', () => {
  assert.deepEqual([0, 999, 1000, 98_362_432, 5e15].map(formatBytes), [
    '0 B',
    '999 B',
    '1.0 kB',
    '98.4 MB',
    '5000.0 TB',
  ])
  assert.deepEqual([12, 1500, 59_999, 61_000, 119_999].map(formatDuration), [
    '12 ms',
    '1.5 s',
    '60.0 s',
    '1 min 1 s',
    '2 min 0 s',
  ])
})

test('words of strangers cannot steer a terminal', () => {
  assert.equal(printable('a\tb\nc ü 你 🙂'), 'a\tb\nc ü 你 🙂')
  for (const bad of ['\x1b]0;title\x07', '\x1b[2J', '\r', '\b', '\x9b2J', '\u202e'])
    assert.equal(printable(bad).includes(bad[0] ?? ''), false, JSON.stringify(bad))
})

test('a command to copy names the data directory where it has to, in quotes where the shell needs them', () => {
  assert.equal(commandLine('doctor', '.weightless'), 'npx weightless doctor')
  assert.equal(commandLine('doctor', join(process.cwd(), '.weightless')), 'npx weightless doctor')
  assert.equal(commandLine('doctor', "it's/here"), String.raw`npx weightless doctor --data-dir 'it'\''s/here'`)
  assert.equal(inQuotes('a/b-1.json'), 'a/b-1.json')
})

test("a gateway's receipt id does not choose the folder", () => {
  assert.equal(receiptFile('data', 'chatcmpl-0a'), join('data', 'receipts', 'chatcmpl-0a.json'))
  assert.equal(receiptFile('data', '../../../etc/x'), join('data', 'receipts', 'etcx.json'))
  assert.equal(receiptFile('data', '/..'), join('data', 'receipts', 'receipt.json'))
})

test('a line fits the terminal, colours kept, and stays whole in a file', () => {
  const root = `0x${'ab'.repeat(32)}`
  const line = `  \x1b[32m●\x1b[0m model root  ${root}  \x1b[2min the storage network, 367 ms\x1b[0m`
  assert.equal(fitLine(line, undefined), line)
  assert.equal(fitLine(line, 0), line)
  const plain = (text: string) => stripVTControlCharacters(text)
  assert.match(plain(fitLine(line, 80)), /0xababab…abab {2}in the storage network, 367 ms$/)
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 20, max: 100 }), (text, columns) => {
      assert.ok([...fitLine(text.replaceAll('\x1b', ''), columns)].length <= columns)
    }),
  )
  assert.ok(fitLine(line, 30).endsWith('\x1b[0m'))
})

test('progress: a bar that knows its end, and four lines in a log', () => {
  assert.match(
    describeProgress('x', { doneBytes: 50, totalBytes: 100, tookMs: 1000 }),
    /^x █{12}░{12} {2}50 % · 50 B\/s · 1.0 s left$/,
  )
  const resumed = { doneBytes: 75, totalBytes: 100, tookMs: 1000, beforeBytes: 50 }
  assert.match(describeProgress('x', resumed), / 75 % · 25 B\/s · 1.0 s left$/)
  assert.equal(describeProgress('paying    ', { doneBytes: 0, totalBytes: 0, tookMs: 0 }), 'paying …')
  const lines: string[] = []
  const progress = createProgressLines('model', (line) => lines.push(line))
  for (let done = 0; done <= 1000; done++) progress.update(done, 1000)
  progress.finish()
  assert.equal(lines.length, 5)
})
