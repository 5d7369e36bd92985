/** Tables of a step after its rows: the gradient's norm, then moments and weights. Spec: spec/training.md §4.2, spec/dispute.md §11.2. */
import { integerPower, learningRateAt } from '@weightless/tensor/train/learningRate'
import type { OptimiserOptions } from '@weightless/tensor/train/optimiser'
import { f, remember, square } from './rules.ts'
import type { ReadTable, ReadWord, StepTable } from './stepTable.ts'

/** A run of the lists of a state that has a name, in values. */
export type StateSlot = { name: string; at: number; length: number }

export type OptimiserPlan = {
  options: OptimiserOptions
  /** From 0. */
  step: number
  slots: readonly (StateSlot & { decay: number })[]
  /** Tables of gradients by their place in the lists, in order; between them lie zeroes. */
  gradients: readonly { table: string; at: number; words: number }[]
}

export function optimiserTables(plan: OptimiserPlan): StepTable[] {
  const squares = squareTables(plan)
  const norm = squares.at(-1)!.name
  return [...squares, ...plan.slots.flatMap((slot) => slotTables(plan, slot, norm))]
}

/** The gradient of word `i` of the lists. */
function readGradient({ gradients }: OptimiserPlan, read: ReadTable): ReadWord {
  const list = gradients.map((gradient) => ({ ...gradient, read: read(gradient.table) }))
  let at = 0
  return (i) => {
    while (at > 0 && i < list[at]!.at) at--
    while (at + 1 < list.length && i >= list[at + 1]!.at) at++
    const { at: start, words, read: gradient } = list[at]!
    return i - start < words ? gradient(i - start) : 0
  }
}

/** The fold of squares over the whole list, level by level. */
function squareTables(plan: OptimiserPlan): StepTable[] {
  const values = plan.slots.reduce((sum, { length }) => sum + length, 0)
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
      const gradient = readGradient(plan, read)
      return (i) => square(gradient(i))
    }),
  )
  while (tables.at(-1)!.words > 1) {
    const { name, words } = tables.at(-1)!
    tables.push(levelOf(words, (read) => read(name)))
  }
  return tables
}

function slotTables(plan: OptimiserPlan, slot: OptimiserPlan['slots'][number], norm: string): StepTable[] {
  const { options, step } = plan
  const { name, at, length } = slot
  const [beta1, beta2] = [f(options.beta1), f(options.beta2)]
  const [c1, c2] = [options.beta1, options.beta2].map((beta) => f(1 / (1 - integerPower(beta, step + 1)))) as [
    number,
    number,
  ]
  const rate = learningRateAt(options, step)
  const decay = f(slot.decay)
  const clipped = (read: ReadTable): ReadWord => {
    const [gradient, squares] = [readGradient(plan, read), read(norm)]
    const clipAt = remember(() => {
      const total = Math.sqrt(squares(0))
      return options.clipNorm > 0 && total > options.clipNorm ? f(options.clipNorm / total) : 1
    })
    return (i) => f(gradient(at + i) * clipAt(0))
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
