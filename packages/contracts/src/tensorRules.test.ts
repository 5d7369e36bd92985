/** The rules of a dispute in the EVM against the operators as spec/tensor.md has them. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { type WeightBlock, widenBlock } from '@weightless/tensor/gguf/readBlock'
import * as reference from '@weightless/tensor/kernels/referenceOperators.cases'
import { ropeAngles, sineCosine } from '@weightless/tensor/model/ropeTable'
import { bytesToHex, type Hex } from 'viem'
import {
  binary32,
  bitsOfDouble,
  bitsOfSingle,
  corners,
  createDraw,
  doubleOf,
  drawNumber,
  singleOf,
} from '../scripts/floatOperands.ts'
import { type Harness, openHarness } from '../scripts/openHarness.ts'

const f = Math.fround
const chunk = (values: readonly number[]): Hex => bytesToHex(new Uint8Array(Float32Array.from(values).buffer))
const integerChunk = (values: readonly number[]): Hex => bytesToHex(new Uint8Array(Int32Array.from(values).buffer))
const [f32, f16, q40, q41, q80] = [0n, 1n, 2n, 3n, 8n]

describe('Rules of a dispute', () => {
  let harness: Harness
  before(async () => {
    harness = await openHarness('RulesHarness')
  })
  /** The first result: the others are gas. */
  const word = (functionName: string, ...args: readonly unknown[]): bigint =>
    (harness.must(functionName, ...args) as [bigint])[0]
  const point = (rule: number, ...numbers: readonly bigint[]): bigint =>
    word('point', BigInt(rule), ...[...numbers, 0n, 0n, 0n].slice(0, 4))
  const draw = createDraw(12)
  /** About one, of both signs, with zeros among them. */
  const value = (): number => (draw() % 50 === 0 ? 0 : f((draw() - 2 ** 31) / 2 ** (27 + (draw() % 8))))
  const values = (count: number): number[] => Array.from({ length: count }, value)

  it('takes the exponential of 20,000 numbers and of the corners', () => {
    const numbers = [
      ...corners(binary32),
      ...Array.from({ length: 5_000 }, () => drawNumber(draw, binary32)),
      ...Array.from({ length: 15_000 }, () => bitsOfSingle((draw() / 2 ** 32 - 0.5) * 180)),
    ].filter((bits) => Number.isFinite(singleOf(bits)))
    const packed: Hex = `0x${numbers.map((bits) => bits.toString(16).padStart(8, '0')).join('')}`
    const results = harness.must('exponentials', packed) as number[]
    for (const [i, bits] of numbers.entries()) {
      assert.equal(results[i], Number(bitsOfSingle(reference.exponential(singleOf(bits)))), `exp ${singleOf(bits)}`)
    }
  })

  it('takes sine and cosine of 2,000 angles', () => {
    const angles = Array.from({ length: 2_000 }, (_, i) => (i < 100 ? (i * Math.PI) / 4 : draw() / 2 ** (draw() % 60)))
    const packed: Hex = `0x${angles.map((angle) => bitsOfDouble(angle).toString(16).padStart(16, '0')).join('')}`
    const results = harness.must('sinesCosines', packed) as bigint[]
    for (const [i, angle] of angles.entries()) {
      const { sine, cosine } = sineCosine(angle)
      assert.deepEqual(results.slice(2 * i, 2 * i + 2), [bitsOfDouble(sine), bitsOfDouble(cosine)], `${angle}`)
    }
  })

  it('finds the angles of rotations by Newton, and turns by them', () => {
    for (const [rotated, base] of [
      [64, 100_000],
      [128, 500_000],
      [24, 10_000],
      [16, 1],
      [2, 10_000],
    ] as const) {
      const factors = Float32Array.from({ length: rotated / 2 }, () => 1 + (draw() % 8))
      const [plain, divided] = [ropeAngles(rotated, base), ropeAngles(rotated, base, factors)]
      const one = bitsOfDouble(1)
      let ratio = one
      for (let next = point(2, one, bitsOfSingle(base), BigInt(rotated / 2)); next !== ratio; ) {
        ratio = next
        next = point(2, ratio, bitsOfSingle(base), BigInt(rotated / 2))
      }
      let power = one
      for (const [pair, angle] of plain.entries()) {
        if (pair > 0) power = point(3, power, ratio)
        assert.equal(doubleOf(point(4, power, bitsOfSingle(1))), angle, `${rotated} ${base} ${pair}`)
        assert.equal(doubleOf(point(4, power, bitsOfSingle(factors[pair]!))), divided[pair])
        const position = draw() % 8192
        const { sine, cosine } = sineCosine(position * angle)
        assert.equal(point(5, bitsOfDouble(angle), BigInt(position)), bitsOfSingle(cosine))
        assert.equal(point(6, bitsOfDouble(angle), BigInt(position)), bitsOfSingle(sine))
      }
    }
  })

  it('folds runs of every length, also such as begin within a chunk', () => {
    for (let i = 0; i < 60; i++) {
      const list = values(512)
      const count = i < 3 ? [1, 255, 256][i]! : 1 + (draw() % 256)
      const first = draw() % (512 - count)
      const run = list.slice(first, first + count)
      const fold = (how: number) => singleOf(word('fold', BigInt(how), chunk(list), BigInt(first), BigInt(count)))
      assert.equal(fold(0), reference.fold(run))
      assert.equal(fold(1), Math.max(...run))
      assert.equal(fold(2), reference.fold(run.map((x) => f(x * x))))
      const other = values(count)
      const products = reference.fold(run.map((x, k) => f(x * other[k]!)))
      assert.equal(singleOf(word('foldDot', chunk(run), chunk(other))), products)
      assert.equal(singleOf(word('score', chunk(run), chunk(other))), f(products * f(1 / Math.sqrt(count))))
      assert.equal(singleOf(word('foldWeights', chunk(run), chunk(other), f32)), products)
      const halves = Array.from({ length: count }, () => (draw() % 0x7c00) | (draw() & 0x8000))
      const widened = halves.map(halfToNumber)
      const stored = bytesToHex(new Uint8Array(Uint16Array.from(halves).buffer))
      assert.equal(singleOf(word('foldWeights', chunk(run), stored, f16)), reference.dotFloat(widened, run))
    }
  })

  it('takes the first of equal maxima, which zeros of either sign are', () => {
    const top = (...list: number[]) => word('fold', 1n, chunk(list), 0n, BigInt(list.length))
    assert.equal(top(-1, -0, 0, -2), bitsOfSingle(-0))
    assert.equal(top(-1, 0, -0, -2), bitsOfSingle(0))
  })

  it('refuses runs that are empty, too long, or not where words are', () => {
    const refused = (error: string, functionName: string, ...args: readonly unknown[]) =>
      assert.deepEqual(harness.call(functionName, ...args), { ok: false, error }, `${functionName} ${args.slice(1)}`)
    const [long, short] = [chunk(values(512)), chunk(values(4))]
    refused('RunLengthWrong', 'fold', 0n, long, 0n, 257n)
    refused('RunLengthWrong', 'fold', 1n, long, 0n, 0n)
    refused('WordMissing', 'fold', 0n, short, 3n, 2n)
    refused('WordMissing', 'fold', 0n, short, 5n, 0n)
    refused('WordMissing', 'fold', 0n, short, 1n, (1n << 256n) - 1n)
    refused('WordsRagged', 'fold', 0n, `${short}00`, 0n, 1n)
    refused('RunLengthWrong', 'foldDot', short, chunk(values(3)))
    refused('RunLengthWrong', 'foldWeights', short, chunk(values(3)), f32)
    refused('RunLengthWrong', 'foldWeights', short, chunk(values(4)), f16)
    refused('EncodingUnknown', 'foldWeights', short, short, q80)
    refused('NotFinite', 'fold', 0n, chunk([1, Number.POSITIVE_INFINITY]), 0n, 2n)
    refused('NotFinite', 'fold', 2n, chunk([2 ** 100]), 0n, 1n)
    refused('NotFinite', 'fold', 1n, chunk([1, Number.NaN]), 0n, 2n)
  })

  it('quantises blocks: integers, scales, sums', () => {
    for (let i = 0; i < 100; i++) {
      const size = 2 ** [0, -90, -100, -101, -140, 100][i % 6]!
      const x = values(32).map((number) => f(number * size))
      if (i % 7 === 0) x.fill(0)
      if (i % 11 === 0) x[draw() % 32] = f(2 ** -100)
      const expected = reference.quantise(x)
      for (let k = i % 4; k < 32; k += 4) {
        const [integer, scale] = harness.must('quantise', chunk(x), BigInt(k)) as [bigint, bigint]
        assert.equal(Number(BigInt.asIntN(32, integer)), expected.integers[k])
        assert.equal(singleOf(scale), expected.scales[0])
      }
      const total = word('sum', integerChunk(expected.integers))
      assert.equal(Number(BigInt.asIntN(32, total)), sumOf(expected.integers))
    }
    assert.deepEqual(harness.call('quantise', chunk(values(31)), 0n), { ok: false, error: 'BlockLengthWrong' })
    assert.deepEqual(harness.call('quantise', chunk(values(32)), 32n), { ok: false, error: 'WordMissing' })
  })

  it('multiplies and dequantises blocks of every encoding', () => {
    for (let i = 0; i < 150; i++) {
      const encoding = [q80, q40, q41][i % 3]!
      const { data, row } = drawBlock(encoding, draw)
      const x = reference.quantise(values(32))
      const q = integerChunk(x.integers)
      const got = word(
        'term',
        data,
        encoding,
        q,
        bitsOfSingle(x.scales[0]!),
        BigInt.asUintN(32, BigInt(sumOf(x.integers))),
      )
      // the reference folds its one value, which makes −0 a 0
      assert.equal(f(0 + singleOf(got)), reference.dotQuantised([row], x))
      for (const k of [0, 15, 16, 31]) {
        assert.equal(word('dequantise', data, encoding, BigInt(k)), bitsOfSingle(widenBlock(row)[k]!))
      }
      assert.deepEqual(harness.call('dequantise', data, encoding, 32n), { ok: false, error: 'BlockLengthWrong' })
      assert.deepEqual(harness.call('dequantise', `${data}00`, encoding, 0n), { ok: false, error: 'BlockLengthWrong' })
    }
    assert.equal(word('dequantise', chunk([-1.25]), f32, 0n), bitsOfSingle(-1.25))
    assert.equal(word('dequantise', '0x00bd', f16, 0n), bitsOfSingle(-1.25))
    assert.deepEqual(harness.call('dequantise', chunk([1]), f32, 1n), { ok: false, error: 'BlockLengthWrong' })
    assert.deepEqual(harness.call('dequantise', chunk([1]), 7n, 0n), { ok: false, error: 'EncodingUnknown' })
    const ones = integerChunk(Array(32).fill(1))
    assert.deepEqual(harness.call('term', '0x003c', f16, ones, 1n, 1n), { ok: false, error: 'EncodingUnknown' })
    assert.deepEqual(harness.call('term', `0x007c${'01'.repeat(32)}`, q80, ones, 1n, 1n), {
      ok: false,
      error: 'NotFinite',
    })
    assert.deepEqual(harness.call('term', `0x003c${'01'.repeat(31)}`, q80, ones, 1n, 1n), {
      ok: false,
      error: 'BlockLengthWrong',
    })
  })

  it('normalises, rotates, weighs, gates', () => {
    for (let i = 0; i < 100; i++) {
      const [a, b, c, d] = [value(), value(), value(), value()]
      const bits = [a, b, c, d].map(bitsOfSingle)
      const n = 1 + (draw() % 64)
      const x = values(n)
      const e = reference.fold(x.map((number) => f(number * number)))
      const k = point(0, bitsOfSingle(e), BigInt(n), bitsOfSingle(f(1e-5)))
      const [first] = reference.rmsNorm(
        x,
        x.map(() => c),
        1e-5,
      )
      assert.equal(singleOf(point(1, bitsOfSingle(x[0]!), k, bits[2]!)), first)
      assert.equal(singleOf(point(7, ...bits)), f(f(a * c) + f(b * -d)))
      assert.equal(singleOf(point(8, ...bits)), f(f(b * c) + f(a * d)))
      assert.equal(singleOf(point(9, bits[0]!, bits[1]!)), reference.exponential(f(a - b)))
      if (b !== 0) assert.equal(singleOf(point(10, bits[0]!, bits[1]!)), f(a / b))
      assert.equal(singleOf(point(11, bits[0]!, bits[1]!)), f(a + b))
      assert.equal(singleOf(point(12, bits[0]!, bits[1]!)), reference.siluMultiply(a, b))
    }
    assert.deepEqual(harness.call('point', 10n, bitsOfSingle(1), 0n, 0n, 0n), { ok: false, error: 'NotFinite' })
  })

  it('chains rows of every length to the digest that SHA-256 gives', () => {
    const lengths = [0, 4, 52, 56, 60, 1020, 1024, 1028, 2048, 3000, 4096, 4152]
    for (const rowBytes of lengths) {
      const row = Uint8Array.from({ length: rowBytes }, () => draw() & 255)
      let state = harness.must('initial') as Hex
      for (let from = 0; from + 1024 <= rowBytes; from += 1024) {
        const chunk = bytesToHex(row.subarray(from, from + 1024))
        const [next] = harness.must('chain', state, chunk, BigInt(rowBytes)) as [Hex]
        state = next
      }
      const rest = bytesToHex(row.subarray(rowBytes - (rowBytes % 1024)))
      const [digest] = harness.must('chain', state, rest, BigInt(rowBytes)) as [Hex]
      assert.equal(digest, `0x${createHash('sha256').update(row).digest('hex')}`, `${rowBytes} bytes`)
    }
    const state = harness.must('initial')
    const long = bytesToHex(new Uint8Array(1025))
    for (const [data, rowBytes] of [
      [long, 1025n],
      ['0x00', 1026n],
      ['0x', 1n << 61n],
    ]) {
      assert.deepEqual(harness.call('chain', state, data, rowBytes), { ok: false, error: 'RowLengthWrong' })
    }
  })
})

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

/** A block as a file has it, and what its bytes mean. */
function drawBlock(encoding: bigint, draw: () => number): { data: Hex; row: WeightBlock } {
  const half = () => (draw() % 0x7bff) | (draw() & 0x8000)
  const [scale, minimum] = [half(), half()]
  const bytes = Uint8Array.from({ length: encoding === q80 ? 32 : 16 }, () => draw() & 255)
  const head = encoding === q41 ? [scale, minimum] : [scale]
  const integers = Int8Array.from({ length: 32 }, (_, i) => {
    if (encoding === q80) return (bytes[i]! << 24) >> 24
    const nibble = i < 16 ? bytes[i]! & 15 : bytes[i - 16]! >> 4
    return encoding === q40 ? nibble - 8 : nibble
  })
  const data = bytesToHex(Uint8Array.from([...head.flatMap((bits) => [bits & 255, bits >> 8]), ...bytes]))
  const minima = encoding === q41 ? [halfToNumber(minimum)] : []
  return { data, row: { scales: [halfToNumber(scale)], minima, integers } }
}

function halfToNumber(bits: number): number {
  const [field, fraction] = [(bits >> 10) & 31, bits & 1023]
  const size = field === 0 ? fraction * 2 ** -24 : (fraction + 1024) * 2 ** (field - 25)
  return bits & 0x8000 ? -size : size
}
