/** Tables of a row of tokens backward: gradients of each operator's inputs, and the sums so far of those of the weights. Spec: spec/dispute.md §11.2. */
import type { AdapterTarget } from '@weightless/tensor/adapter/adapterTargets'
import { matrixNames } from '@weightless/tensor/adapter/adapterTargets'
import { mixBack, turn, widths } from './attention.ts'
import { gateBack } from './forwardTables.ts'
import { lowName, partName, type RowPlan, readPart, wholePart } from './rowPlan.ts'
import { f, foldOf, inverseRms, normBack, productBack, readBefore } from './rules.ts'
import type { ReadTable, ReadWhole, ReadWord, StepTable } from './stepTable.ts'
import { addInto, addOuter, type BackShape, multiplyBack, termsMax } from './wholeProducts.ts'

export function backwardTables(plan: RowPlan): StepTable[] {
  const { layerCount } = plan.graph
  const layers = Array.from({ length: layerCount }, (_, i) => layerBack(plan, layerCount - 1 - i))
  return [...headBack(plan), ...layers.flat(), ...(plan.adapter ? [] : [embeddingBack(plan)])]
}

function headBack(plan: RowPlan): StepTable[] {
  const { graph, name, places, length, output, gradient, weight } = plan
  const { width, vocabSize, layerCount, epsilon } = graph
  const [x, dy] = [name('x', layerCount), name('d.output.norm')]
  const placeOf = new Map(places.map((place, row) => [place, row]))
  /** The input at the places that count. */
  const atPlaces = (read: ReadTable): ReadWord => {
    const values = read(x)
    return (i) => values(places[Math.floor(i / width)]! * width + (i % width))
  }
  const passed: StepTable[] = [
    {
      name: dy,
      words: places.length * width,
      rule(read) {
        const back = productBack(read(name('loss.logits')), read(weight(output)), { rows: vocabSize, columns: width })
        return (i) => back(Math.floor(i / width), i % width)
      },
      whole: backWhole(name('loss.logits'), weight(output), {
        ...{ positions: places.length, rows: vocabSize, columns: width, yWidth: vocabSize, first: 0 },
      }),
    },
    {
      name: name('d.x', layerCount),
      words: length * width,
      rule(read) {
        const back = normBack(atPlaces(read), read(weight('output_norm.weight')), read(dy), width, epsilon)
        return (i) => {
          const row = placeOf.get(Math.floor(i / width))
          return row === undefined ? 0 : f(0 + back(row, i % width))
        }
      },
    },
  ]
  if (plan.adapter) return passed
  return [
    ...passed,
    outer(plan, gradient(output === 'output.weight' ? output : 'as output'), {
      rows: vocabSize,
      columns: width,
      terms: places.length,
      left: (read) => strided(read(name('loss.logits')), vocabSize),
      right: (read) => strided(read(name('output.norm')), width),
      whole: {
        ...{ leftWidth: vocabSize, first: 0 },
        left: (read) => read(name('loss.logits')),
        right: (read) => read(name('output.norm')),
      },
    }),
    normWeight(plan, 'output_norm.weight', places.length, atPlaces, dy),
  ]
}

function layerBack(plan: RowPlan, layer: number): StepTable[] {
  const parts = layerParts(plan, layer)
  return [...feedForwardBack(plan, layer, parts), ...attentionBack(plan, layer, parts)]
}

/** A product backward: the table of its output's gradient, in which `rows` words of `yWidth` are its own, from `first` on. */
type BackProduct = { target: AdapterTarget; y: string; rows: number; yWidth: number; first: number; x: string }
type LayerParts = ReturnType<typeof layerParts>

/** What tables of a layer are made of; names without a layer are the layer's. */
function layerParts(plan: RowPlan, layer: number) {
  const { graph, name, length, weight } = plan
  const { width, epsilon } = graph
  const own = (what: string) => name(what, layer)
  const tensor = (what: string) => `blk.${layer}.${what}.weight`
  const table = (what: string, columns: number, rule: StepTable['rule'], whole?: StepTable['whole']): StepTable => {
    return { name: own(what), words: length * columns, rule, whole }
  }
  return {
    own,
    table,
    /** As `back`, all words. */
    backWhole: (columns: number, products: readonly BackProduct[]): StepTable['whole'] => {
      const parts = products.flatMap(({ target, y, rows, yWidth, first }) => {
        const shape = { positions: length, rows, columns, yWidth, first }
        const base = backWhole(y, weight(tensor(matrixNames[target])), shape)
        const place = plan.adapter?.placeOf(layer, target)
        if (place === undefined) return [base]
        const { paddedRank } = plan.adapter!
        const low = { positions: length, rows: paddedRank, columns, yWidth: paddedRank, first: 0 }
        return [
          base,
          (read: ReadWhole) => {
            const part = wholePart(read, place.a, paddedRank * columns)
            return multiplyBack(read(own(lowBack(target))), part, low)
          },
        ]
      })
      if (parts.some((part) => part === undefined)) return undefined
      return (read) => {
        const sum = parts[0]!(read)
        for (const part of parts.slice(1)) addInto(sum, 0, part!(read))
        return sum
      }
    },
    /** Sums of transposed products of one input, in order: of each the matrix, then its part of an adapter. */
    back: (columns: number, products: readonly BackProduct[]) => (read: ReadTable) => {
      const list = products.flatMap(({ target, y, ...rest }) => {
        const base = productBack(read(y), read(weight(tensor(matrixNames[target]))), { columns, ...rest })
        const place = plan.adapter?.placeOf(layer, target)
        if (place === undefined) return [base]
        const shape = { rows: plan.adapter!.paddedRank, columns }
        return [base, productBack(read(own(lowBack(target))), readPart(read, place.a), shape)]
      })
      return (i: number): number => {
        const sums = list.map((part) => part(Math.floor(i / columns), i % columns))
        return sums.reduce((sum, value) => f(sum + value))
      }
    },
    /** The gradient that came past a normalisation, and what goes through it. */
    past: (x: string, norm: string, dy: string, dx: string) => (read: ReadTable) => {
      const through = normBack(read(own(x)), read(weight(tensor(norm))), read(own(dy)), width, epsilon)
      const before = read(dx)
      return (i: number): number => f(before(i) + through(Math.floor(i / width), i % width))
    },
    /** Gradients of what a product learns: its matrix, or both parts of its adapter. */
    learn: (part: BackProduct, columns: number): StepTable[] =>
      plan.adapter ? adapterBack(plan, layer, part, columns) : [matrixBack(plan, layer, part, columns)],
    vector: (w: string, x: string, dy: string): StepTable[] =>
      plan.adapter ? [] : [normWeight(plan, tensor(w), length, (read) => read(own(x)), own(dy))],
  }
}

/** Σ over rows of y · w for a whole table; undefined where sums are too long. */
function backWhole(y: string, w: string, shape: BackShape): StepTable['whole'] {
  return shape.rows > termsMax ? undefined : (read) => multiplyBack(read(y), read(w), shape)
}

function lowBack(target: AdapterTarget): string {
  return `d.${target}.low`
}

function matrixBack(plan: RowPlan, layer: number, part: BackProduct, columns: number): StepTable {
  const { gradient, length, name } = plan
  return outer(plan, gradient(`blk.${layer}.${matrixNames[part.target]}.weight`), {
    rows: part.rows,
    columns,
    terms: length,
    left: (read) => strided(read(part.y), part.yWidth, part.first),
    right: (read) => strided(read(name(part.x, layer)), columns),
    whole: {
      ...{ leftWidth: part.yWidth, first: part.first },
      left: (read) => read(part.y),
      right: (read) => read(name(part.x, layer)),
    },
  })
}

/** (dy·B) × s, then the gradients of B and A. Spec: spec/training.md §3.4. */
function adapterBack(plan: RowPlan, layer: number, part: BackProduct, columns: number): StepTable[] {
  const { gradient, length, name } = plan
  const { target, y, rows, yWidth, first, x } = part
  const place = plan.adapter?.placeOf(layer, target)
  if (place === undefined) return []
  const { paddedRank, scale } = plan.adapter!
  const low = name(lowBack(target), layer)
  const shape = { rows, columns: paddedRank, yWidth, first }
  return [
    {
      name: low,
      words: length * paddedRank,
      rule(read) {
        const back = productBack(read(y), readPart(read, place.b), shape)
        return (i) => f(back(Math.floor(i / paddedRank), i % paddedRank) * scale)
      },
      whole:
        rows > termsMax
          ? undefined
          : (read) => {
              const part = wholePart(read, place.b, rows * paddedRank)
              const low = multiplyBack(read(y), part, { ...shape, positions: length })
              for (let i = 0; i < low.length; i++) low[i] = f(low[i]! * scale)
              return low
            },
    },
    outer(plan, gradient(partName(layer, target, 'B')), {
      rows,
      columns: paddedRank,
      terms: length,
      left: (read) => strided(read(y), yWidth, first),
      right(read) {
        const h = strided(read(name(lowName(target), layer)), paddedRank)
        return (term, column) => f(h(term, column) * scale)
      },
      whole: {
        ...{ leftWidth: yWidth, first },
        left: (read) => read(y),
        right: (read) => read(name(lowName(target), layer)).map((value) => f(value * scale)),
      },
    }),
    outer(plan, gradient(partName(layer, target, 'A')), {
      rows: paddedRank,
      columns,
      terms: length,
      left: (read) => strided(read(low), paddedRank),
      right: (read) => strided(read(name(x, layer)), columns),
      whole: {
        ...{ leftWidth: paddedRank, first: 0 },
        left: (read) => read(low),
        right: (read) => read(name(x, layer)),
      },
    }),
  ]
}

function feedForwardBack({ graph, name }: RowPlan, layer: number, parts: LayerParts): StepTable[] {
  const { own, table, back, past, learn, vector } = parts
  const { width, hiddenWidth } = graph
  const dx = name('d.x', layer + 1)
  const both = ['gate', 'up'] as const
  const down: BackProduct = { target: 'down', y: dx, rows: width, yWidth: width, first: 0, x: 'ffn.gated' }
  const products = both.map((target): BackProduct => {
    return { target, y: own(`d.ffn.${target}`), rows: hiddenWidth, yWidth: hiddenWidth, first: 0, x: 'ffn.norm' }
  })
  return [
    ...learn(down, hiddenWidth),
    table('d.ffn.gated', hiddenWidth, back(hiddenWidth, [down]), parts.backWhole(hiddenWidth, [down])),
    ...both.map((what) =>
      table(`d.ffn.${what}`, hiddenWidth, (read) => {
        return gateBack(read(own('ffn.gate')), read(own('ffn.up')), read(own('d.ffn.gated')))[what]
      }),
    ),
    ...products.flatMap((product) => learn(product, width)),
    table('d.ffn.norm', width, back(width, products), parts.backWhole(width, products)),
    ...vector('ffn_norm', 'attention.residual', 'd.ffn.norm'),
    table('d.attention.residual', width, past('attention.residual', 'ffn_norm', 'd.ffn.norm', dx)),
  ]
}

function attentionBack(plan: RowPlan, layer: number, parts: LayerParts): StepTable[] {
  const { own, table, back, past, learn, vector } = parts
  const { graph, length, rope } = plan
  const { width, rotatedSize } = graph
  const { query, key, all } = widths(graph)
  const residual = own('d.attention.residual')
  const output: BackProduct = { target: 'o', y: residual, rows: width, yWidth: width, first: 0, x: 'attention.mix' }
  const shared = { y: own('d.attention.products'), yWidth: all, x: 'attention.norm' }
  const products: BackProduct[] = [
    { target: 'q', rows: query, first: 0, ...shared },
    { target: 'k', rows: key, first: query, ...shared },
    { target: 'v', rows: key, first: query + key, ...shared },
  ]
  const learnt = [
    ...learn(output, query),
    table('d.attention.mix', query, back(query, [output]), parts.backWhole(query, [output])),
    table('d.attention.qkv', all, (read) => {
      return mixBack(read(own('attention.qkv')), read(own('d.attention.mix')), graph, length)
    }),
    table('d.attention.products', all, (read) => turn(read(own('d.attention.qkv')), graph, rotatedSize, rope, -1)),
    ...products.flatMap((product) => learn(product, width)),
  ]
  // Below the lowest layer an adapter learns nothing, so its input's gradient is not made.
  if (plan.adapter && layer === 0) return learnt
  return [
    ...learnt,
    table('d.attention.norm', width, back(width, products), parts.backWhole(width, products)),
    ...vector('attn_norm', 'x', 'd.attention.norm'),
    table('d.x', width, past('x', 'attn_norm', 'd.attention.norm', residual)),
  ]
}

type Sides = {
  rows: number
  columns: number
  terms: number
  left: (read: ReadTable) => (term: number, row: number) => number
  right: (read: ReadTable) => (term: number, column: number) => number
  /** The same, as tables: of the left one, `leftWidth` words a term, of which the rows begin at `first`. */
  whole: {
    left: (read: ReadWhole) => Float32Array
    leftWidth: number
    first: number
    right: (read: ReadWhole) => Float32Array
  }
}

function strided(values: ReadWord, width: number, first = 0): (term: number, column: number) => number {
  return (term, column) => values(term * width + first + column)
}

/** The sum so far of a matrix's gradient: those of earlier rows of tokens, and this row's. */
function outer({ before, now }: RowPlan, gradient: string, sides: Sides): StepTable {
  const { rows, columns, terms, left, right, whole } = sides
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
    whole(read) {
      const [earlier, { leftWidth, first }] = [before(gradient), whole]
      const sum = earlier === undefined ? new Float32Array(rows * columns) : read(earlier).slice()
      addOuter(sum, whole.left(read), whole.right(read), { rows, columns, terms, leftWidth, first })
      return sum
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
