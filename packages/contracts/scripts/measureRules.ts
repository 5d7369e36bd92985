/** Gas of each rule of a dispute at its largest size: of execution, with the opening of its words, without calldata. */
import { hexToBytes } from '@weightless/codec'
import { bytesToHex, type Hex } from 'viem'
import { createDraw } from './floatOperands.ts'
import type { GasTable } from './gasTable.ts'
import { type Harness, openHarness } from './openHarness.ts'

const draw = createDraw(1)
const hex = (list: Float32Array | Int32Array | Uint8Array): Hex =>
  bytesToHex(new Uint8Array(list.buffer, list.byteOffset, list.byteLength))
const numbers = (count: number): Hex => hex(Float32Array.from({ length: count }, () => (draw() - 2 ** 31) / 2 ** 30))
/** Halves below 2^−14, and numbers whose products with them, and the sums of those, are subnormal: nothing costs more. */
const tinyHalves = (): Hex => hex(Uint8Array.from({ length: 512 }, (_, i) => (i % 2 === 0 ? 1 + (draw() & 0x7f) : 0)))
const tinyNumbers = (): Hex =>
  hex(Float32Array.from({ length: 256 }, (_, i) => (i % 2 === 0 ? 1 : -1) * 2 ** -125 * (1 + draw() / 2 ** 32)))
const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => draw() & 0x3f)

export async function measureRules(): Promise<GasTable> {
  return { ...measureArithmetic(await openHarness('FloatHarness')), ...measureWords(await openHarness('RulesHarness')) }
}

const [one32, pi32, one64, pi64] = [0x3fa66666n, 0x40490fdbn, 0x3ff4cccccccccccdn, 0x400921fb54442d18n]

/** Of one operation: what it takes beyond a loop that does nothing, where the harness finds it as fast. */
function measureArithmetic(harness: Harness): GasTable {
  const gasOf = (operation: bigint, a: bigint, b: bigint) =>
    Math.round(Number(harness.must('gasOf', operation, a, b, 1000n)) / 1000)
  const empty = gasOf(0n, one32, pi32)
  const table: GasTable = {}
  for (const [index, name] of ['add32', 'sub32', 'mul32', 'div32', 'sqrt32'].entries()) {
    table[`dispute.${name}`] = gasOf(BigInt(index + 1), one32, pi32) - empty
  }
  for (const [index, name] of ['add64', 'sub64', 'mul64', 'div64', 'sqrt64'].entries()) {
    table[`dispute.${name}`] = gasOf(BigInt(index + 16), one64, pi64) - empty
  }
  return table
}

function measureWords(harness: Harness): GasTable {
  /** The last result is the gas. */
  const gasOf = (functionName: string, ...args: readonly unknown[]): number =>
    Number((harness.must(functionName, ...args) as bigint[]).at(-1))
  const [left, right, block] = [numbers(256), numbers(256), numbers(32)]
  const integers = hex(Int32Array.from({ length: 32 }, () => (draw() % 65_535) - 32_767))
  const point = (rule: bigint, a: bigint, b: bigint, c = pi32, d = one32) => gasOf('point', rule, a, b, c, d)
  const chunk = hexToBytes(left)
  const state = harness.must('initial')
  return {
    'dispute.foldSum of 256': gasOf('fold', 0n, left, 0n, 256n),
    'dispute.foldMax of 256': gasOf('fold', 1n, left, 0n, 256n),
    'dispute.foldSquare of 256': gasOf('fold', 2n, left, 0n, 256n),
    'dispute.foldDot of 256': gasOf('foldDot', left, right),
    'dispute.foldWeights of 256, F32': gasOf('foldWeights', left, right, 0n),
    'dispute.foldWeights of 256, F16': gasOf('foldWeights', left, hex(bytes(512)), 1n),
    'dispute.foldWeights of 256, F16, subnormal': gasOf('foldWeights', tinyNumbers(), tinyHalves(), 1n),
    'dispute.score of 256': gasOf('score', left, right),
    'dispute.term, Q8_0': gasOf('term', hex(bytes(34)), 8n, integers, one32, 0n),
    'dispute.term, Q4_0': gasOf('term', hex(bytes(18)), 2n, integers, one32, 0n),
    'dispute.term, Q4_1': gasOf('term', hex(bytes(20)), 3n, integers, one32, 77n),
    'dispute.dequantise, Q4_1': gasOf('dequantise', hex(bytes(20)), 3n, 31n),
    'dispute.quantise and scale': gasOf('quantise', block, 31n),
    'dispute.sum': gasOf('sum', integers),
    'dispute.inverseRms': point(0n, pi32, 4096n, one32),
    'dispute.norm': point(1n, one32, pi32),
    'dispute.guess of degree 64': point(2n, 0x3fe8000000000000n, 0x48f42400n, 64n),
    'dispute.power': point(3n, one64, pi64),
    'dispute.angle': point(4n, one64, pi32),
    'dispute.turn': point(5n, 0x3fe3333333333333n, 8191n),
    'dispute.rotate': point(7n, one32, pi32),
    'dispute.exp': point(9n, one32, pi32),
    'dispute.mix': point(10n, one32, pi32),
    'dispute.add': point(11n, one32, pi32),
    'dispute.gate': point(12n, one32, pi32),
    'dispute.chain of a chunk, 16 blocks': gasOf('chain', state, bytesToHex(chunk), 1024n),
    "dispute.chain of a row's end, 17 blocks": gasOf('chain', state, bytesToHex(chunk.subarray(0, 1020)), 1020n),
  }
}
