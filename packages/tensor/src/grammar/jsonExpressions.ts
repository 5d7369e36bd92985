/** JSON texts as expressions: the forms that a constrained answer is written in. Spec: spec/tensor.md §7.3. */
import type { Expression, ExpressionBuilder } from './expression.ts'

export type JsonExpressions = ReturnType<typeof createJsonExpressions>

/** Digits before and after the point of a number, and of its exponent. */
const digitsMax = { integer: 15, fraction: 15, exponent: 2 }
/** Depth of lists and objects in a value that no schema describes. */
export const anyDepthMax = 16

export function createJsonExpressions(build: ExpressionBuilder) {
  const { literal, sequence, choice, repeat, optional, bytes, empty } = build
  const space = optional(literal(' '))
  const comma = sequence(literal(','), space)
  const colon = sequence(literal(':'), space)
  const digit = bytes([0x30, 0x39])
  const naught = literal('0')
  const whole = choice(naught, sequence(bytes([0x31, 0x39]), repeat(digit, 0, digitsMax.integer - 1)))
  const integer = sequence(optional(literal('-')), whole)
  const fraction = sequence(literal('.'), repeat(digit, 1, digitsMax.fraction))
  const sign = optional(bytes([0x2b, 0x2b], [0x2d, 0x2d]))
  const exponent = sequence(bytes([0x45, 0x45], [0x65, 0x65]), sign, repeat(digit, 1, digitsMax.exponent))
  const number = sequence(integer, optional(fraction), optional(exponent))
  const character = characterOf(build)
  const scalars = choice(literal('true'), literal('false'), literal('null'), number, string(0, Infinity))

  function string(min: number, max: number): Expression {
    return sequence(literal('"'), repeat(character, min, max), literal('"'))
  }
  function list(item: Expression, min: number, max: number): Expression {
    const items = sequence(item, repeat(sequence(comma, item), Math.max(0, min - 1), max - 1))
    const inside = max === 0 ? empty : min === 0 ? optional(items) : items
    return sequence(literal('['), inside, literal(']'))
  }
  /** Any names, all with values of one kind. */
  function map(value: Expression): Expression {
    const pair = sequence(string(0, Infinity), colon, value)
    return sequence(literal('{'), optional(sequence(pair, repeat(sequence(comma, pair), 0, Infinity))), literal('}'))
  }

  const values: Expression[] = []
  for (let depth = anyDepthMax; depth >= 0; depth--) {
    const inner = values[depth + 1]
    values[depth] = inner ? choice(scalars, list(inner, 0, Infinity), map(inner)) : scalars
  }
  return {
    integer,
    number,
    string,
    list,
    map,
    comma,
    colon,
    any: values[0]!,
    anyObject: map(values[1]!),
    boolean: choice(literal('true'), literal('false')),
    null: literal('null'),
    /** A constant, as `JSON.stringify` writes it. */
    constant: (value: unknown) => literal(JSON.stringify(value)),
  }
}

/** One character of a string, as itself or escaped; neither broken UTF-8 nor half a pair of surrogates. */
function characterOf({ literal, sequence, choice, bytes }: ExpressionBuilder): Expression {
  const tail = bytes([0x80, 0xbf])
  const hex = bytes([0x30, 0x39], [0x41, 0x46], [0x61, 0x66])
  const notD = bytes([0x30, 0x39], [0x41, 0x43], [0x45, 0x46], [0x61, 0x63], [0x65, 0x66])
  const unit = choice(
    sequence(notD, hex, hex, hex),
    sequence(bytes([0x44, 0x44], [0x64, 0x64]), bytes([0x30, 0x37]), hex, hex),
  )
  // " \ / b f n r t
  const short = bytes(
    [0x22, 0x22],
    [0x5c, 0x5c],
    [0x2f, 0x2f],
    [0x62, 0x62],
    [0x66, 0x66],
    [0x6e, 0x6e],
    [0x72, 0x72],
    [0x74, 0x74],
  )
  return choice(
    bytes([0x20, 0x21], [0x23, 0x5b], [0x5d, 0x7f]),
    sequence(literal('\\'), choice(short, sequence(literal('u'), unit))),
    sequence(bytes([0xc2, 0xdf]), tail),
    sequence(bytes([0xe0, 0xe0]), bytes([0xa0, 0xbf]), tail),
    sequence(bytes([0xe1, 0xec], [0xee, 0xef]), tail, tail),
    sequence(bytes([0xed, 0xed]), bytes([0x80, 0x9f]), tail),
    sequence(bytes([0xf0, 0xf0]), bytes([0x90, 0xbf]), tail, tail),
    sequence(bytes([0xf1, 0xf3]), tail, tail, tail),
    sequence(bytes([0xf4, 0xf4]), bytes([0x80, 0x8f]), tail, tail),
  )
}
