/** Tables of a step after its rows: the gradient's norm, then moments and weights. Spec: spec/training.md §4.2, §8.5, spec/dispute.md §11.2. */
import type { Graph } from '@weightless/tensor/model/describeGraph'
import { decays, type FullOptions } from '@weightless/tensor/train/full/fullOptions'
import type { SlotPlace } from '@weightless/tensor/train/full/wholeWeights'
import { integerPower, learningRateAt } from '@weightless/tensor/train/learningRate'
import { f, remember, square } from './rules.ts'
import type { ReadTable, ReadWord, StepTable } from './stepTable.ts'

type Facts = {
  graph: Graph
  options: FullOptions
  /** From 0. */
  step: number
  slots: readonly SlotPlace[]
  /** Name of the last sum of a tensor's gradient. */
  last: (tensor: string) => string
}

export function optimiserTables(facts: Facts): StepTable[] {
  const { graph, slots, last } = facts
  const embedding: StepTable[] = []
  if (graph.tied) {
    embedding.push({
      name: last('token_embd.weight'),
      words: graph.vocabSize * graph.width,
      rule(read) {
        const [output, input] = [read(last('as output')), read(last('as input'))]
        return (i) => f(output(i) + input(i))
      },
    })
  }
  const squares = squareTables(facts)
  const norm = squares.at(-1)!.name
  return [...embedding, ...squares, ...slots.flatMap((slot) => slotTables(facts, slot, norm))]
}

/** The fold of squares over the whole list, level by level. */
function squareTables({ slots, last }: Facts): StepTable[] {
  const values = slots.reduce((sum, { length }) => sum + length, 0)
  const tables: StepTable[] = []
  const levelOf = (count: number, terms: (read: ReadTable) => ReadWord): StepTable => ({
    name: `norm ${tables.length}`,
    words: Math.ceil(count / 256),
    rule(read) {
      const term = terms(read)
      return (run) => {
        let sum = 0
        for (let i = run * 256; i < Math.min(count, run * 256 + 256); i++) sum = f(sum + term(i))
        return sum
      }
    },
  })
  tables.push(
    levelOf(values, (read) => {
      const gradients = slots.map((slot) => ({ ...slot, read: read(last(slot.name)) }))
      let at = 0
      return (i) => {
        while (i < gradients[at]!.at) at--
        while (i >= gradients[at]!.at + gradients[at]!.length) at++
        const { at: start, rows, columns, read: gradient } = gradients[at]!
        return i - start < rows * columns ? square(gradient(i - start)) : 0
      }
    }),
  )
  while (tables.at(-1)!.words > 1) {
    const { name, words } = tables.at(-1)!
    tables.push(levelOf(words, (read) => read(name)))
  }
  return tables
}

function slotTables({ options, step, last }: Facts, slot: SlotPlace, norm: string): StepTable[] {
  const { name, rows, columns, length } = slot
  const [beta1, beta2] = [f(options.beta1), f(options.beta2)]
  const [c1, c2] = [options.beta1, options.beta2].map((beta) => f(1 / (1 - integerPower(beta, step + 1)))) as [
    number,
    number,
  ]
  const rate = learningRateAt(options, step)
  const decay = f(decays(options, name) ? options.weightDecay : 0)
  const clipped = (read: ReadTable): ReadWord => {
    const [gradient, squares] = [read(last(name)), read(norm)]
    const clipAt = remember(() => {
      const total = Math.sqrt(squares(0))
      return options.clipNorm > 0 && total > options.clipNorm ? f(options.clipNorm / total) : 1
    })
    return (i) => (i < rows * columns ? f(gradient(i) * clipAt(0)) : 0)
  }
  return [
    {
      name: `new m/${name}`,
      words: length,
      rule(read) {
        const [g, m] = [clipped(read), read(`m/${name}`)]
        return (i) => f(f(beta1 * m(i)) + f(f(1 - beta1) * g(i)))
      },
    },
    {
      name: `new v/${name}`,
      words: length,
      rule(read) {
        const [g, v] = [clipped(read), read(`v/${name}`)]
        return (i) => f(f(beta2 * v(i)) + f(f(1 - beta2) * f(g(i) * g(i))))
      },
    },
    {
      name: `new p/${name}`,
      words: length,
      rule(read) {
        const [p, m, v] = [read(`p/${name}`), read(`new m/${name}`), read(`new v/${name}`)]
        return (i) => {
          const root = f(f(Math.sqrt(f(v(i) * c2))) + f(options.epsilon))
          return f(p(i) - f(rate * f(f(f(m(i) * c1) / root) + f(decay * p(i)))))
        }
      },
    },
  ]
}
