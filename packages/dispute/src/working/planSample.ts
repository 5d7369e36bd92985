/** Which tables the working of `sample` has: how a token is chosen from its logits. Spec: spec/dispute.md §6. */
import type { Planner } from './createPlanner.ts'
import { type Draw, type Least, runWords, tokenOfStep } from './rules.ts'

/** The largest weight is 2^31. */
const weightBits = 32

/** @param from - index of `output.logits` */
export function planSample(p: Planner, count: number, position: number, from: number, draw: Draw): void {
  const temperature = Math.fround(draw.temperature)
  const l = planAdjusted(p, p.source('l', count, position, from), count, position, draw)
  if (temperature === 0) return planBest(p, l, count)
  const top = p.fold('top', 'max', l, count, count)
  const drawn = p.add('draw', 2, { kind: 'draw', seed32: draw.seed32, index: draw.index })
  const w = p.add('w', count, { kind: 'weight', logits: l, top, temperature })
  const v = draw.topP < 1 ? planNucleus(p, w, count, draw.topP) : w
  const sums = planSums(p, 'sums', v, count)
  const kept = planCounts(p, 'kept', v, count).at(-1)!.table
  const total = sums.pop()!.table
  let above: number | undefined
  for (const { table: of, count: left } of sums.reverse()) {
    above = p.add('walk', 3, { kind: 'walk', of, count: left, isFirst: of === v, above, total, draw: drawn })
  }
  p.output('out', 6, { kind: 'record', token: above!, drawn: { total, draw: drawn, kept } })
}

/** The logits that a token is chosen from: those of the model, unless the request changes any. */
function planAdjusted(p: Planner, l: number, count: number, position: number, { adjust, index }: Draw): number {
  if (!adjust) return l
  const isPenalised = index > 0 && (Math.fround(adjust.presence) !== 0 || Math.fround(adjust.frequency) !== 0)
  if (!isPenalised && adjust.bias.length === 0) return l
  const times = isPenalised ? planTimes(p, count, position, index) : undefined
  return p.add('b', count, { kind: 'adjusted', logits: l, times, adjust })
}

/** How often each token is among those of the answer so far, which the last steps consumed. */
function planTimes(p: Planner, count: number, position: number, index: number): number {
  const first = position + 1 - index
  let of = p.add('said', index, { kind: 'source', operator: tokenOfStep, first, rowWords: 1 })
  let [groupWords, isFirst] = [index, true]
  do {
    const runs = Math.ceil(groupWords / runWords)
    of = p.add('times', count * runs, { kind: 'times', of, groupWords, isFirst })
    ;[groupWords, isFirst] = [runs, false]
  } while (groupWords > 1)
  return of
}

/** The first of the largest logits. */
function planBest(p: Planner, l: number, count: number): void {
  let [top, best, left] = [l, undefined as number | undefined, count]
  do {
    const runs = Math.ceil(left / runWords)
    best = p.add('best', runs, { kind: 'best', top, best, count: left })
    if (runs > 1) top = p.add('top', runs, { kind: 'fold', how: 'max', of: top, groupWords: left })
    left = runs
  } while (left > 1)
  p.output('out', 6, { kind: 'record', token: best, drawn: undefined })
}

/** Weights of the fewest tokens that have the share, by falling weight then rising token; others 0. */
function planNucleus(p: Planner, w: number, count: number, topP: number): number {
  const all = planSums(p, 'all', w, count).at(-1)!.table
  let cut: number | undefined
  for (let bit = weightBits - 1; bit >= 0; bit--) {
    const least = { cut, bit: 2 ** bit }
    const reached = planSums(p, 'reached', w, count, least).at(-1)!.table
    cut = p.add('cut', 1, { kind: 'cut', reached, all, topP, least })
  }
  const over = planSums(p, 'over', w, count, { cut, bit: 1 }).at(-1)!.table
  const ties = planCounts(p, 'ties', w, count, cut)
  ties.pop()
  let tie: number | undefined
  for (const { table: of, count: left } of ties.reverse()) {
    tie = p.add('tie', 2, { kind: 'tie', of, count: left, isFirst: of === w, above: tie, cut: cut!, over, all, topP })
  }
  return p.add('v', count, { kind: 'keep', of: w, cut: cut!, tie: tie! })
}

type Stage = { table: number; count: number }

/** Sums of sums over runs of 256 until there is one; the first stage is the list itself. */
function planSums(p: Planner, name: string, list: number, count: number, least?: Least): Stage[] {
  return planStages(list, count, (of, left, runs) => {
    const isFirst = of === list
    return p.add(name, runs * 2, {
      kind: 'weightSum',
      of,
      count: left,
      isFirst,
      least: isFirst ? least : undefined,
    })
  })
}

function planCounts(p: Planner, name: string, list: number, count: number, equal?: number): Stage[] {
  return planStages(list, count, (of, left, runs) => {
    const isFirst = of === list
    return p.add(name, runs, { kind: 'kept', of, count: left, isFirst, equal: isFirst ? equal : undefined })
  })
}

function planStages(list: number, count: number, add: (of: number, count: number, runs: number) => number): Stage[] {
  const stages = [{ table: list, count }]
  do {
    const { table, count: left } = stages.at(-1)!
    const runs = Math.ceil(left / runWords)
    stages.push({ table: add(table, left, runs), count: runs })
  } while (stages.at(-1)!.count > 1)
  return stages
}
