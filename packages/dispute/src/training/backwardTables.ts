/** Tables of a row of tokens backward: gradients of each operator's inputs, and the sums so far of those of the weights. Spec: spec/dispute.md §11.2. */
import { mixBack, turn, widths } from './attention.ts'
import { gateBack } from './forwardTables.ts'
import type { RowPlan } from './rowPlan.ts'
import { f, foldOf, inverseRms, normBack, productBack, readBefore } from './rules.ts'
import type { ReadTable, ReadWord, StepTable } from './stepTable.ts'

export function backwardTables(plan: RowPlan): StepTable[] {
  const { layerCount } = plan.graph
  const layers = Array.from({ length: layerCount }, (_, i) => layerBack(plan, layerCount - 1 - i))
  return [...headBack(plan), ...layers.flat(), embeddingBack(plan)]
}

function headBack(plan: RowPlan): StepTable[] {
  const { graph, name, places, length, output, gradient } = plan
  const { width, vocabSize, layerCount, epsilon } = graph
  const [x, dy] = [name('x', layerCount), name('d.output.norm')]
  const placeOf = new Map(places.map((place, row) => [place, row]))
  /** The input at the places that count. */
  const atPlaces = (read: ReadTable): ReadWord => {
    const values = read(x)
    return (i) => values(places[Math.floor(i / width)]! * width + (i % width))
  }
  return [
    {
      name: dy,
      words: places.length * width,
      rule(read) {
        const back = productBack(read(name('loss.logits')), read(`p/${output}`), { rows: vocabSize, columns: width })
        return (i) => back(Math.floor(i / width), i % width)
      },
    },
    {
      name: name('d.x', layerCount),
      words: length * width,
      rule(read) {
        const back = normBack(atPlaces(read), read('p/output_norm.weight'), read(dy), width, epsilon)
        return (i) => {
          const row = placeOf.get(Math.floor(i / width))
          return row === undefined ? 0 : f(0 + back(row, i % width))
        }
      },
    },
    outer(plan, gradient(output === 'output.weight' ? output : 'as output'), {
      rows: vocabSize,
      columns: width,
      terms: places.length,
      left: (read) => strided(read(name('loss.logits')), vocabSize),
      right: (read) => strided(read(name('output.norm')), width),
    }),
    normWeight(plan, 'output_norm.weight', places.length, atPlaces, dy),
  ]
}

function layerBack(plan: RowPlan, layer: number): StepTable[] {
  const parts = layerParts(plan, layer)
  return [...feedForwardBack(plan, layer, parts), ...attentionBack(plan, parts)]
}

type BackProduct = { y: string; w: string; rows: number; yWidth?: number; first?: number }
type LayerParts = ReturnType<typeof layerParts>

/** What tables of a layer are made of; names without a layer are the layer's. */
function layerParts(plan: RowPlan, layer: number) {
  const { graph, name, length, gradient } = plan
  const { width, epsilon } = graph
  const own = (what: string) => name(what, layer)
  const tensor = (what: string) => `blk.${layer}.${what}.weight`
  return {
    own,
    table: (what: string, columns: number, rule: StepTable['rule']): StepTable => {
      return { name: own(what), words: length * columns, rule }
    },
    /** Sums of transposed products of one input, in order. */
    back: (columns: number, parts: readonly BackProduct[]) => (read: ReadTable) => {
      const list = parts.map(({ y, w, ...rest }) => productBack(read(y), read(`p/${tensor(w)}`), { columns, ...rest }))
      return (i: number): number => {
        const sums = list.map((part) => part(Math.floor(i / columns), i % columns))
        return sums.reduce((sum, value) => f(sum + value))
      }
    },
    /** The gradient that came past a normalisation, and what goes through it. */
    past: (x: string, weight: string, dy: string, dx: string) => (read: ReadTable) => {
      const through = normBack(read(own(x)), read(`p/${tensor(weight)}`), read(own(dy)), width, epsilon)
      const before = read(dx)
      return (i: number): number => f(before(i) + through(Math.floor(i / width), i % width))
    },
    matrix: (
      w: string,
      left: { from: string; rows: number; width: number; first?: number },
      right: string,
      columns: number,
    ) =>
      outer(plan, gradient(tensor(w)), {
        rows: left.rows,
        columns,
        terms: length,
        left: (read) => strided(read(left.from), left.width, left.first),
        right: (read) => strided(read(own(right)), columns),
      }),
    vector: (w: string, x: string, dy: string) => {
      return normWeight(plan, tensor(w), length, (read) => read(own(x)), own(dy))
    },
  }
}

function feedForwardBack({ graph, name }: RowPlan, layer: number, parts: LayerParts): StepTable[] {
  const { own, table, back, past, matrix, vector } = parts
  const { width, hiddenWidth } = graph
  const dx = name('d.x', layer + 1)
  const both = ['gate', 'up'] as const
  return [
    table('d.ffn.gated', hiddenWidth, back(hiddenWidth, [{ y: dx, w: 'ffn_down', rows: width }])),
    matrix('ffn_down', { from: dx, rows: width, width }, 'ffn.gated', hiddenWidth),
    ...both.map((what) =>
      table(`d.ffn.${what}`, hiddenWidth, (read) => {
        return gateBack(read(own('ffn.gate')), read(own('ffn.up')), read(own('d.ffn.gated')))[what]
      }),
    ),
    table(
      'd.ffn.norm',
      width,
      back(
        width,
        both.map((what) => ({ y: own(`d.ffn.${what}`), w: `ffn_${what}`, rows: hiddenWidth })),
      ),
    ),
    ...both.map((what) => {
      return matrix(
        `ffn_${what}`,
        { from: own(`d.ffn.${what}`), rows: hiddenWidth, width: hiddenWidth },
        'ffn.norm',
        width,
      )
    }),
    vector('ffn_norm', 'attention.residual', 'd.ffn.norm'),
    table('d.attention.residual', width, past('attention.residual', 'ffn_norm', 'd.ffn.norm', dx)),
  ]
}

function attentionBack({ graph, length, rope }: RowPlan, parts: LayerParts): StepTable[] {
  const { own, table, back, past, matrix, vector } = parts
  const { width, rotatedSize } = graph
  const { query, key, all } = widths(graph)
  const residual = own('d.attention.residual')
  const dqkv = own('d.attention.products')
  const products = [
    { w: 'attn_q', rows: query, first: 0 },
    { w: 'attn_k', rows: key, first: query },
    { w: 'attn_v', rows: key, first: query + key },
  ]
  return [
    table('d.attention.mix', query, back(query, [{ y: residual, w: 'attn_output', rows: width }])),
    matrix('attn_output', { from: residual, rows: width, width }, 'attention.mix', query),
    table('d.attention.qkv', all, (read) => {
      return mixBack(read(own('attention.qkv')), read(own('d.attention.mix')), graph, length)
    }),
    table('d.attention.products', all, (read) => turn(read(own('d.attention.qkv')), graph, rotatedSize, rope, -1)),
    table(
      'd.attention.norm',
      width,
      back(
        width,
        products.map((product) => ({ y: dqkv, yWidth: all, ...product })),
      ),
    ),
    ...products.map(({ w, ...rest }) => matrix(w, { from: dqkv, width: all, ...rest }, 'attention.norm', width)),
    vector('attn_norm', 'x', 'd.attention.norm'),
    table('d.x', width, past('x', 'attn_norm', 'd.attention.norm', residual)),
  ]
}

type Sides = {
  rows: number
  columns: number
  terms: number
  left: (read: ReadTable) => (term: number, row: number) => number
  right: (read: ReadTable) => (term: number, column: number) => number
}

function strided(values: ReadWord, width: number, first = 0): (term: number, column: number) => number {
  return (term, column) => values(term * width + first + column)
}

/** The sum so far of a matrix's gradient: those of earlier rows of tokens, and this row's. */
function outer({ before, now }: RowPlan, gradient: string, { rows, columns, terms, left, right }: Sides): StepTable {
  return {
    name: now(gradient),
    words: rows * columns,
    rule(read) {
      const [sum, l, r] = [readBefore(read, before(gradient)), left(read), right(read)]
      return (i) => {
        const [row, column] = [Math.floor(i / columns), i % columns]
        return f(sum(i) + foldOf(terms, (t) => f(l(t, row) * r(t, column))))
      }
    },
  }
}

function normWeight(
  { graph, before, now, gradient }: RowPlan,
  tensor: string,
  terms: number,
  input: (read: ReadTable) => ReadWord,
  dy: string,
): StepTable {
  const { width, epsilon } = graph
  const name = gradient(tensor)
  return {
    name: now(name),
    words: width,
    rule(read) {
      const [sum, x, d] = [readBefore(read, before(name)), input(read), read(dy)]
      const k = inverseRms(x, width, epsilon)
      return (i) => f(sum(i) + foldOf(terms, (t) => f(d(t * width + i) * f(x(t * width + i) * k(t)))))
    },
  }
}

/** Each token's row: the sum over its places, in runs of 256 positions of which only those that have it count. */
function embeddingBack({ graph, name, tokens, before, now, gradient, output }: RowPlan): StepTable {
  const { width, vocabSize } = graph
  const list = gradient(output === 'output.weight' ? 'token_embd.weight' : 'as input')
  return {
    name: now(list),
    words: vocabSize * width,
    rule(read) {
      const [sum, dx] = [readBefore(read, before(list)), read(name('d.x', 0))]
      return (i) => {
        const [token, column] = [Math.floor(i / width), i % width]
        return f(sum(i) + foldOf(tokens.length, (t) => (tokens[t] === token ? dx(t * width + column) : 0)))
      }
    },
  }
}
