/** Tables of a row of tokens forward, from its embeddings to the gradient of its logits. Spec: spec/dispute.md §11.2. */
import type { AdapterTarget } from '@weightless/tensor/adapter/adapterTargets'
import { matrixNames } from '@weightless/tensor/adapter/adapterTargets'
import { exponential } from '../numbers/f32.ts'
import { mix, turn, widths } from './attention.ts'
import { adaptedProduct, lowName, type RowPlan, readPart, wholePart, wholeProduct } from './rowPlan.ts'
import { f, foldOf, inverseRms, product, remember, sigmoid } from './rules.ts'
import type { ReadTable, ReadWord, StepTable } from './stepTable.ts'
import { addInto, multiply, termsMax } from './wholeProducts.ts'

export function forwardTables(plan: RowPlan): StepTable[] {
  const { graph, name, length, tokens } = plan
  const { width, layerCount } = graph
  const embed: StepTable = {
    name: name('x', 0),
    words: length * width,
    rule(read) {
      const embedding = read(plan.weight('token_embd.weight'))
      return (i) => embedding(tokens[Math.floor(i / width)]! * width + (i % width))
    },
  }
  const layers = Array.from({ length: layerCount }, (_, layer) => layerTables(plan, layer))
  return [embed, ...layers.flat(), ...lossTables(plan)]
}

const qkv = ['q', 'k', 'v'] as const

function layerTables(plan: RowPlan, layer: number): StepTable[] {
  const parts = layerParts(plan, layer)
  return [...attentionTables(plan, parts), ...feedForwardTables(plan, layer, parts)]
}

type LayerParts = ReturnType<typeof layerParts>

/** What tables of a layer are made of; names without a layer are the layer's. */
function layerParts(plan: RowPlan, layer: number) {
  const { name, length } = plan
  const own = (what: string) => name(what, layer)
  const weight = (what: string) => plan.weight(tensor(what))
  const tensor = (what: string) => `blk.${layer}.${what}.weight`
  const table = (what: string, columns: number, rule: StepTable['rule'], whole?: StepTable['whole']): StepTable => {
    return { name: own(what), words: length * columns, rule, whole }
  }
  /** Row `t` and column of a word of a table with so many columns. */
  const at = (columns: number, value: (t: number, column: number) => number): ReadWord => {
    return (i) => value(Math.floor(i / columns), i % columns)
  }
  /** A product with a matrix of the layer; what it reads of an adapter is a table of its own before it. */
  const times = (target: AdapterTarget, x: string, columns: number) =>
    adaptedProduct(plan, layer, target, { x: own(x), w: tensor(matrixNames[target]), columns })
  const wholly = (target: AdapterTarget, x: string, columns: number, rows: number) =>
    wholeProduct(plan, layer, target, { x: own(x), w: tensor(matrixNames[target]), columns, rows })
  const past = (product: ReturnType<typeof wholeProduct>, x: string): StepTable['whole'] =>
    product &&
    ((read) => {
      const y = product(read)
      addInto(y, 0, read(own(x)))
      return y
    })
  const low = (target: AdapterTarget, x: string, columns: number): StepTable[] => {
    const place = plan.adapter?.placeOf(layer, target)
    if (place === undefined) return []
    const { paddedRank } = plan.adapter!
    return [
      table(
        lowName(target),
        paddedRank,
        (read) => at(paddedRank, product(read(own(x)), readPart(read, place.a), columns)),
        columns > termsMax
          ? undefined
          : (read) => {
              const part = wholePart(read, place.a, paddedRank * columns)
              return multiply(read(own(x)), part, { positions: length, rows: paddedRank, columns })
            },
      ),
    ]
  }
  return { own, weight, table, at, times, wholly, past, low }
}

function attentionTables(plan: RowPlan, parts: LayerParts): StepTable[] {
  const { own, weight, table, at, times, wholly, past, low } = parts
  const { graph, length } = plan
  const { width } = graph
  const { query, key, all } = widths(graph)
  return [
    table('attention.norm', width, (read) => norm(plan, read, own('x'), weight('attn_norm'))),
    ...qkv.flatMap((target) => low(target, 'attention.norm', width)),
    table(
      'attention.products',
      all,
      (read) => {
        const [q, k, v] = qkv.map((target) => times(target, 'attention.norm', width)(read))
        return at(all, (t, u) => (u < query ? q!(t, u) : u < query + key ? k!(t, u - query) : v!(t, u - query - key)))
      },
      sideBySide(length, [
        wholly('q', 'attention.norm', width, query),
        wholly('k', 'attention.norm', width, key),
        wholly('v', 'attention.norm', width, key),
      ]),
    ),
    table('attention.qkv', all, (read) =>
      turn(read(own('attention.products')), graph, graph.rotatedSize, plan.rope, 1),
    ),
    table('attention.mix', query, (read) => mix(read(own('attention.qkv')), graph)),
    ...low('o', 'attention.mix', query),
    table(
      'attention.residual',
      width,
      (read) => {
        const [y, x] = [times('o', 'attention.mix', query)(read), read(own('x'))]
        return at(width, (t, i) => f(y(t, i) + x(t * width + i)))
      },
      past(wholly('o', 'attention.mix', query, width), 'x'),
    ),
  ]
}

function feedForwardTables(plan: RowPlan, layer: number, parts: LayerParts): StepTable[] {
  const { own, weight, table, at, times, wholly, past, low } = parts
  const { graph, name, length } = plan
  const { width, hiddenWidth } = graph
  return [
    table('ffn.norm', width, (read) => norm(plan, read, own('attention.residual'), weight('ffn_norm'))),
    ...low('gate', 'ffn.norm', width),
    table(
      'ffn.gate',
      hiddenWidth,
      (read) => at(hiddenWidth, times('gate', 'ffn.norm', width)(read)),
      wholly('gate', 'ffn.norm', width, hiddenWidth),
    ),
    ...low('up', 'ffn.norm', width),
    table(
      'ffn.up',
      hiddenWidth,
      (read) => at(hiddenWidth, times('up', 'ffn.norm', width)(read)),
      wholly('up', 'ffn.norm', width, hiddenWidth),
    ),
    table('ffn.gated', hiddenWidth, (read) => {
      const [g, u] = [read(own('ffn.gate')), read(own('ffn.up'))]
      return (i) => f(f(g(i) / f(1 + exponential(-g(i)))) * u(i))
    }),
    ...low('down', 'ffn.gated', hiddenWidth),
    {
      name: name('x', layer + 1),
      words: length * width,
      rule(read) {
        const [y, x] = [times('down', 'ffn.gated', hiddenWidth)(read), read(own('attention.residual'))]
        return at(width, (t, i) => f(y(t, i) + x(t * width + i)))
      },
      whole: past(wholly('down', 'ffn.gated', hiddenWidth, width), 'attention.residual'),
    },
  ]
}

/** Tables of so many rows as one, row by row. */
function sideBySide(rows: number, parts: readonly StepTable['whole'][]): StepTable['whole'] {
  if (parts.some((part) => part === undefined)) return undefined
  return (read) => {
    const made = parts.map((part) => part!(read))
    const width = made.reduce((sum, part) => sum + part.length / rows, 0)
    const all = new Float32Array(rows * width)
    let at = 0
    for (const part of made) {
      const columns = part.length / rows
      for (let row = 0; row < rows; row++) all.set(part.subarray(row * columns, (row + 1) * columns), row * width + at)
      at += columns
    }
    return all
  }
}

function norm({ graph }: RowPlan, read: ReadTable, x: string, weight: string): ReadWord {
  const { width, epsilon } = graph
  const [values, w] = [read(x), read(weight)]
  const k = inverseRms(values, width, epsilon)
  return (i) => f(f(values(i) * k(Math.floor(i / width))) * w(i % width))
}

/** At the positions whose next token counts alone. */
function lossTables({ graph, name, places, tokens, factor, output, weight }: RowPlan): StepTable[] {
  const { width, vocabSize, layerCount, epsilon } = graph
  return [
    {
      name: name('output.norm'),
      words: places.length * width,
      rule(read) {
        const [x, w] = [read(name('x', layerCount)), read(weight('output_norm.weight'))]
        const k = inverseRms(x, width, epsilon)
        return (i) => {
          const place = places[Math.floor(i / width)]!
          return f(f(x(place * width + (i % width)) * k(place)) * w(i % width))
        }
      },
    },
    {
      name: name('output.logits'),
      words: places.length * vocabSize,
      rule(read) {
        const y = product(read(name('output.norm')), read(weight(output)), width)
        return (i) => y(Math.floor(i / vocabSize), i % vocabSize)
      },
      whole(read) {
        const shape = { positions: places.length, rows: vocabSize, columns: width }
        return multiply(read(name('output.norm')), read(weight(output)), shape)
      },
    },
    {
      name: name('loss.logits'),
      words: places.length * vocabSize,
      rule(read) {
        const logits = read(name('output.logits'))
        const soft = remember((row) => {
          const values = Array.from({ length: vocabSize }, (_, v) => logits(row * vocabSize + v))
          const top = values.reduce((most, value) => (value > most ? value : most))
          const e = values.map((value) => exponential(f(value - top)))
          return { e, z: foldOf(vocabSize, (v) => e[v]!) }
        })
        return (i) => {
          const [row, v] = [Math.floor(i / vocabSize), i % vocabSize]
          const { e, z } = soft(row)
          const share = f(e[v]! / z)
          return f((v === tokens[places[row]! + 1] ? f(share - 1) : share) * factor)
        }
      },
    },
  ]
}

/** gate and up from the gradient of their product. */
export function gateBack(g: ReadWord, u: ReadWord, d: ReadWord): { gate: ReadWord; up: ReadWord } {
  return {
    gate(i) {
      const s = sigmoid(g(i))
      return f(f(d(i) * u(i)) * f(s * f(1 + f(g(i) * f(1 - s)))))
    },
    up: (i) => f(d(i) * f(g(i) * sigmoid(g(i)))),
  }
}
