/**
 * Runs operators of spec/tensor.md §3 and §7 and of spec/training.md §3.4 and §4.2 as this engine has them on cases of `peers/tensor/integers/drawCases.py`, by every kernel
 * that may come to compute one: of a single row, of several, and machine code where some is installed. All must give the same bytes.
 */
import assert from 'node:assert/strict'
import { createCaller } from '../crew/callKernel.ts'
import { createCallRound } from '../crew/callRound.ts'
import { encodingOf, hasIntegerProducts, type TensorType } from '../gguf/tensorTypes.ts'
import { ropeAngles, ropeRows } from '../model/ropeTable.ts'
import { sampleToken } from '../sampler/sampleToken.ts'
import { type OptimiserOptions, stepFactors } from '../train/optimiser.ts'
import { type Arena, createArena, layoutOf, matrixKinds } from './loadKernels.ts'

/** Fields hold numbers, or bytes as base64; `output` is null where the run fails. */
export type OperatorCase = { operator: string; output: string | null } & { [field: string]: unknown }

export type Checker = {
  /** @throws an assertion that names the operator where a byte differs */
  check(one: OperatorCase): void
  /** Whether machine code took part. */
  native: boolean
}

export async function createChecker(): Promise<Checker> {
  const stage = await openStage()
  return {
    native: stage.takesAnyRows,
    check(one) {
      const [name, type] = one.operator.split(' ') as [keyof typeof operators, TensorType]
      const expected = one.output === null ? undefined : hexOf(bytesOf(one.output))
      const made = stage.scope(() => operators[name](stage, readFields(one), type).map((each) => each && hexOf(each)))
      for (const [way, bytes] of made.entries()) assert.equal(bytes, expected, `${one.operator}, way ${way}`)
    },
  }
}

type Stage = Awaited<ReturnType<typeof openStage>>
type Fields = {
  has(name: string): boolean
  /** One f64. */
  double(name: string): number
  bytes(name: string): Uint8Array<ArrayBuffer>
  floats(name: string): Float32Array
  number(name: string): number
}
/** What each kernel makes of the case; undefined where it reports a number that is not finite. */
type Outputs = (Uint8Array | undefined)[]

const operators = {
  ...{ product, embed, normalise, rotate, attend, gate, sample },
  ...{ normaliseBack, gateBack, optimise },
} satisfies {
  [name: string]: (stage: Stage, fields: Fields, type: TensorType) => Outputs
}

async function openStage() {
  const arena = await createArena()
  const caller = createCaller(arena.kernels, arena.memory)
  const round = createCallRound(caller, undefined)
  const taken: number[] = []
  const room = (bytes: number): number => {
    taken.push(arena.allocate(bytes + 64))
    return taken.at(-1)!
  }
  return {
    ...{ arena, kernels: arena.kernels, round, takesAnyRows: caller.takesAnyRows, room },
    put(values: Float32Array): number {
      const address = room(values.byteLength)
      arena.floats(address, values.length).set(values)
      return address
    },
    /** What lies there, unless a number of it is not finite. */
    finite(address: number, count: number): Uint8Array | undefined {
      const padded = room(count * 4 + 16)
      const bytes = arena.bytes(address, count * 4)
      arena.bytes(padded, count * 4).set(bytes)
      return arena.kernels.hasNonFinite(padded, Math.ceil(count / 4) * 4) ? undefined : bytes.slice()
    },
    scope<Value>(work: () => Value): Value {
      const value = work()
      for (const address of taken.splice(0)) arena.release(address)
      return value
    },
  }
}

function readFields(one: OperatorCase): Fields {
  const bytes = (name: string) => bytesOf(one[name] as string)
  return {
    ...{ has: (name) => name in one, bytes },
    double: (name) => new Float64Array(bytes(name).buffer)[0]!,
    floats: (name) => new Float32Array(bytes(name).buffer),
    number: (name) => one[name] as number,
  }
}

/** The most rows that are multiplied together here. */
const together = 4

function packMatrix(
  { arena, kernels, room }: Stage,
  bytes: Uint8Array,
  type: TensorType,
  rows: number,
  columns: number,
) {
  const groups = Math.ceil(rows / 8)
  const blocks = columns / 32
  const { kind, groupBytes } = layoutOf(type, columns)
  const [source, address] = [room(bytes.length), room(groups * groupBytes)]
  arena.bytes(source, bytes.length).set(bytes)
  for (let group = 0; group < groups; group++) {
    const [from, to] = [source + group * 8 * (bytes.length / rows), address + group * groupBytes]
    const count = Math.min(8, rows - group * 8)
    const pack = hasIntegerProducts(type) ? kernels.packBlocks : kernels.packFloat
    assert.equal(pack(encodingOf(type).number, from, to, count, columns), 0)
  }
  return { address, groups, blocks, kind }
}

function product(stage: Stage, fields: Fields, type: TensorType): Outputs {
  const { arena, kernels, room, round } = stage
  const [rows, columns] = [fields.number('rows'), fields.number('columns')]
  const { address, groups, blocks, kind } = packMatrix(stage, fields.bytes('matrix'), type, rows, columns)
  const input = room(columns * 4 * together)
  for (let i = 0; i < together; i++) arena.floats(input + i * columns * 4, columns).set(fields.floats('vector'))
  const stride = groups * 32
  const outputsOf = (count: number, make: (out: number) => void): Outputs => {
    const out = room(stride * together)
    make(out)
    return Array.from({ length: count }, (_, i) => stage.finite(out + i * stride, rows))
  }
  if (kind === matrixKinds.float) {
    if (kernels.hasNonFinite(input, columns)) return [undefined]
    return outputsOf(together, (out) => kernels.matmulFloat(address, input, out, groups, columns, together, stride))
  }
  const [q, scales, sums] = [room(blocks * 64 * together), room(blocks * 4 * together), room(blocks * 4 * together)]
  if (kernels.quantise(input, q, scales, sums, blocks * together)) return [undefined]
  const panel = room(32_768)
  const single = (out: number) => kernels.matvec(kind, address, q, scales, sums, out, groups, blocks, 15)
  const several = (out: number) =>
    kernels.matmulQuantised(kind, address, q, scales, sums, out, groups, blocks, together, stride, panel)
  const called = (count: number) => (out: number) => {
    round.add('matmulQuantised', kind, address, q, scales, sums, out, groups, blocks, count, stride, panel)
    round.run(false)
  }
  return [
    ...outputsOf(1, single),
    ...outputsOf(together, several),
    ...[1, 3, 4].flatMap((count) => outputsOf(count, called(count))),
  ]
}

function embed(stage: Stage, fields: Fields, type: TensorType): Outputs {
  const columns = fields.number('columns')
  const { address, kind } = packMatrix(stage, fields.bytes('matrix'), type, 1, columns)
  const out = stage.room(columns * 4)
  stage.kernels.embedRow(address, 0, kind, columns, out)
  return [stage.finite(out, columns)]
}

function normalise(stage: Stage, fields: Fields): Outputs {
  const [vector, weight] = [fields.floats('vector'), fields.floats('weight')]
  const out = stage.room(vector.byteLength)
  stage.kernels.rmsNorm(stage.put(vector), stage.put(weight), out, vector.length, 1, fields.floats('epsilon')[0]!)
  return [stage.finite(out, vector.length)]
}

function rotate(stage: Stage, fields: Fields): Outputs {
  const head = fields.floats('head')
  const [rotated, position] = [fields.number('rotated'), fields.number('position')]
  const base = fields.double('base')
  const angles = ropeAngles(rotated, base, fields.has('divisors') ? fields.floats('divisors') : undefined)
  const { cosines, sines } = ropeRows(angles, position, 1)
  const heads = 2
  const x = stage.put(Float32Array.of(...head, ...head))
  stage.kernels.rotate(x, 0, heads, head.length, rotated, stage.put(cosines), stage.put(sines), 1)
  return Array.from({ length: heads }, (_, i) => stage.finite(x + i * head.byteLength, head.length))
}

function attend(stage: Stage, fields: Fields): Outputs {
  const { arena, kernels, room, put, round } = stage
  const [heads, keyHeads, size] = [fields.number('heads'), fields.number('keyHeads'), fields.number('size')]
  const keys = fields.floats('keys')
  const width = keyHeads * size
  const positions = keys.length / width
  const capacity = Math.ceil(positions / 16) * 16
  const [cache, scores] = [room(width * capacity * 8), room((capacity + 16) * 12)]
  const places = room(positions * 16)
  const entries = Array.from({ length: positions }, (_, position) => [cache, scores, capacity, position])
  arena.words(places, positions * 4).set(entries.flat())
  kernels.storeKeys(put(keys), put(fields.floats('values')), width * 4, places, keyHeads, size, 0, positions)
  const out = room(heads * size * 4)
  const last = places + (positions - 1) * 16
  const factor = Math.fround(1 / Math.sqrt(size))
  const query = put(fields.floats('queries'))
  round.add('attend', query, heads * size * 4, out, last, 0, heads, keyHeads, size, 0, 1, factor)
  round.run(false)
  return [stage.finite(out, heads * size)]
}

function gate(stage: Stage, fields: Fields): Outputs {
  const gates = fields.floats('gates')
  const out = stage.put(gates)
  stage.round.add('siluMultiply', out, stage.put(fields.floats('ups')), gates.length)
  stage.round.run(false)
  return [stage.finite(out, gates.length)]
}

function sample(stage: Stage, fields: Fields): Outputs {
  const { arena, room } = stage
  const logits = fields.floats('logits')
  const view = arena.floats(stage.put(logits), logits.length)
  const weights = room(logits.length * 4 + 16)
  const parameters = {
    temperature: fields.double('temperature'),
    topP: fields.double('topP'),
    seed32: fields.bytes('seed'),
  }
  return [sampleToken(arena as Arena, view, weights, parameters, fields.number('draw')).record]
}

function normaliseBack({ kernels, put, finite }: Stage, fields: Fields): Outputs {
  const [x, weight, gradient, out] = ['vector', 'weight', 'gradient', 'past'].map((name) => put(fields.floats(name)))
  const count = fields.floats('vector').length
  kernels.rmsNormBack(x!, weight!, gradient!, out!, count, 1, fields.floats('epsilon')[0]!)
  return [finite(out!, count)]
}

function gateBack({ room, put, finite, round }: Stage, fields: Fields): Outputs {
  const [gates, ups, gradient] = ['gates', 'ups', 'gradient'].map((name) => put(fields.floats(name)))
  const count = fields.floats('gates').length
  const out = room(count * 8)
  round.add('gateBack', gates!, ups!, gradient!, out, out + count * 4, count)
  round.run(false)
  return [finite(out, count * 2)]
}

function optimise({ arena, kernels, room, put, finite }: Stage, fields: Fields): Outputs {
  const count = fields.floats('values').length
  const out = room(count * 12)
  const [p, m, v] = [out, out + count * 4, out + count * 8]
  for (const [address, name] of [
    [p, 'values'],
    [m, 'means'],
    [v, 'squares'],
  ] as const)
    arena.floats(address, count).set(fields.floats(name))
  const { double } = fields
  const [beta1, beta2] = [double('beta1'), double('beta2')]
  const options = { clipNorm: double('clipNorm'), beta1, beta2 } as OptimiserOptions
  const { clip, c1, c2 } = stepFactors(options, double('norm'), fields.number('step'))
  const [epsilon, decay] = [double('epsilon'), double('weightDecay')]
  const gradient = put(fields.floats('gradient'))
  kernels.adamW(p, m, v, gradient, count, clip, double('rate'), beta1, beta2, c1, c2, epsilon, decay)
  return [finite(out, count * 3)]
}

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(base64, 'base64'))
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
