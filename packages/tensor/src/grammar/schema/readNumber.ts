/** Bounds and multiples of a number as a machine. Spec: spec/tensor.md §7.3.2. */
import type { Expression, ExpressionBuilder } from '../expression.ts'
import { createNumberMachine, digitsMax, lcm, scaled } from '../numberMachine.ts'
import { type Node, refuse, valuesOf } from './schemaNode.ts'

/** Farther than any number that is written, in units of 10^−15. */
const far = 10n ** BigInt(2 * digitsMax)

/** Undefined where nothing is said that is not so anyway. @throws {SchemaUnsupportedError} */
export function readNumber(
  build: ExpressionBuilder,
  node: Node,
  type: 'number' | 'integer',
  at: string,
): Expression | undefined {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = node
  const multiples = valuesOf(node.multipleOf).map((value) => readMultiple(value, at))
  let [min, max] = [-far, far]
  const raise = (value: bigint) => {
    if (value > min) min = value
  }
  const lower = (value: bigint) => {
    if (value < max) max = value
  }
  if (minimum !== undefined) raise(scaled(numberOf(minimum, 'minimum', at), 'up').units)
  if (exclusiveMinimum !== undefined)
    raise(scaled(numberOf(exclusiveMinimum, 'exclusiveMinimum', at), 'down').units + 1n)
  if (maximum !== undefined) lower(scaled(numberOf(maximum, 'maximum', at), 'down').units)
  if (exclusiveMaximum !== undefined) lower(scaled(numberOf(exclusiveMaximum, 'exclusiveMaximum', at), 'up').units - 1n)
  const one = 10n ** BigInt(digitsMax)
  const isWide = min <= -far + one && max >= far - one
  const isSaid = type === 'integer' ? !isWide : min > -far || max < far
  if (multiples.length === 0 && !isSaid) return undefined
  const places = multiples.map((units) => placesOf(units))
  const machine = createNumberMachine({
    fraction: type === 'integer' ? 0 : places.length > 0 ? Math.min(...places, digitsMax - 1) : digitsMax - 1,
    min,
    max,
    multipleOf: multiples.length > 0 ? multiples.reduce(lcm) : undefined,
  })
  return machine ? build.walk(machine) : refuse(at, `is obeyed by no number of ${digitsMax} digits`)
}

function numberOf(value: unknown, name: string, at: string): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : refuse(`${at}/${name}`, 'is no number')
}

function readMultiple(value: unknown, at: string): bigint {
  const { units, isExact } = scaled(numberOf(value, 'multipleOf', at), 'down')
  const isGood = isExact && units > 0n && units < far
  return isGood
    ? units
    : refuse(`${at}/multipleOf`, `is not above 0 with ${digitsMax} digits on either side of the point`)
}

/** Digits after the point that a number of units has. */
function placesOf(units: bigint): number {
  let [places, rest] = [digitsMax, units]
  while (places > 0 && rest % 10n === 0n) {
    rest /= 10n
    places--
  }
  return places
}
