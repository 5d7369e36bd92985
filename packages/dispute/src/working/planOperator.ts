/** Which tables the working of an operator has, in order: they follow from the model's dimensions and the position alone. Spec: spec/dispute.md §3. */
import type { GgufTensor } from '@weightless/tensor'
import type { AdapterPlaces } from '@weightless/tensor/adapter/locateAdapter'
import { bodyOperatorCount, type Graph, layerOperators } from '@weightless/tensor/model/describeGraph'
import { isLocalLayer } from '@weightless/tensor/model/family'
import { createPlanner, OperatorUnknownError, type Planner } from './createPlanner.ts'
import { planSample } from './planSample.ts'
import { type Draw, type Rule, runWords, type WorkingPlan } from './rules.ts'

const guesses = 512

/** A model, with the adapter that its matrices have. */
export type AdaptedGraph = Graph & { adapter?: AdapterPlaces }

/**
 * @param operator - index in the step, `bodyOperatorCount` + 3 of them
 * @param token - that the step consumes; only `embed` asks for it
 * @param draw - what the sampler is told; only `sample` asks for it
 * @throws {OperatorUnknownError}
 */
export function planOperator(
  graph: AdaptedGraph,
  operator: number,
  position: number,
  token: number,
  draw?: Draw,
): WorkingPlan {
  const planner = createPlanner(graph.adapter)
  const body = bodyOperatorCount(graph.layerCount)
  const layer = Math.floor((operator - 1) / layerOperators.length)
  const residual = operator <= 1 ? 0 : layer * layerOperators.length
  if (operator === 0) {
    if (!Number.isInteger(token) || token < 0 || token >= graph.vocabSize)
      throw new OperatorUnknownError({ operator, name: `token ${token}` })
    const matrix = tensorOf(graph, 'token_embd.weight')
    planner.output('out', graph.width, { kind: 'embed', token, matrix, factor: graph.family.embeddingFactor })
  } else if (operator === body) {
    planNorm(planner, graph, position, body - 1, 'output_norm.weight')
  } else if (operator === body + 1) {
    const name = graph.tied ? 'token_embd.weight' : 'output.weight'
    const x = planner.source('x', graph.width, position, body)
    planLogits(planner, graph, planner.product(x, graph.width, [tensorOf(graph, name)]))
  } else if (operator === body + 2 && draw !== undefined) {
    planSample(planner, graph.vocabSize, position, body + 1, draw)
  } else if (operator > 0 && operator < body) {
    planLayer(planner, graph, position, layer, operator, residual)
  } else {
    throw new OperatorUnknownError({ operator })
  }
  return { position, operator, tables: planner.tables, chunks: planner.chunks() }
}

function planLogits(p: Planner, { vocabSize, family }: Graph, product: Rule): void {
  if (family.logitCap === 0) return p.output('out', vocabSize, product)
  const raw = p.add('raw', vocabSize, product)
  p.output('out', vocabSize, { kind: 'cap', x: raw, cap: family.logitCap })
}

function planLayer(p: Planner, graph: Graph, position: number, layer: number, operator: number, residual: number) {
  const block = (name: string) => tensorOf(graph, `blk.${layer}.${name}.weight`)
  const first = 1 + layer * layerOperators.length
  const { width, hiddenWidth, family } = graph
  const queryWidth = graph.headCount * graph.headSize
  switch (layerOperators[operator - first]) {
    case 'attention.norm':
      return planNorm(p, graph, position, residual, `blk.${layer}.attn_norm.weight`)
    case 'attention.qkv':
      return planQkv(p, graph, position, operator - 1, layer)
    case 'attention.mix':
      return planMix(p, graph, position, operator - 1, layer)
    case 'attention.residual':
      return planResidual(
        p,
        graph,
        position,
        residual,
        operator - 1,
        queryWidth,
        layer,
        'attn_output',
        'post_attention_norm',
      )
    case 'ffn.norm':
      return planNorm(p, graph, position, operator - 1, `blk.${layer}.ffn_norm.weight`)
    case 'ffn.gate': {
      const x = p.source('x', width, position, operator - 1)
      const both = p.add('gu', 2 * hiddenWidth, p.product(x, width, [block('ffn_gate'), block('ffn_up')]))
      return p.output('out', hiddenWidth, { kind: 'gate', both, width: hiddenWidth, curve: family.gate })
    }
    default:
      return planResidual(
        p,
        graph,
        position,
        operator - 3,
        operator - 1,
        hiddenWidth,
        layer,
        'ffn_down',
        'post_ffw_norm',
      )
  }
}

function planNorm(p: Planner, graph: Graph, position: number, from: number, weight: string): void {
  const x = p.source('x', graph.width, position, from)
  p.output('out', graph.width, normRule(p, graph, x, weight))
}

function normRule(p: Planner, graph: Graph, x: number, weight: string): Rule {
  const sum = p.fold('square', 'square', x, graph.width, graph.width)
  const inverse = p.add('k', 1, { kind: 'inverseRms', sum, count: graph.width, epsilon: graph.epsilon })
  return { kind: 'norm', x, inverse, weight: tensorOf(graph, weight) }
}

function planQkv(p: Planner, graph: Graph, position: number, from: number, layer: number): void {
  const { family } = graph
  const matrices = ['attn_q', 'attn_k', 'attn_v'].map((name) => tensorOf(graph, `blk.${layer}.${name}.weight`))
  const x = p.source('x', graph.width, position, from)
  const words = matrices.reduce((sum, matrix) => sum + (matrix.shape[1] ?? 1), 0)
  const turned = (graph.headCount + graph.keyHeadCount) * graph.headSize
  const product = p.add('raw', words, p.product(x, graph.width, matrices))
  const raw = planHeads(p, graph, product, words, layer)
  const degree = graph.rotatedSize / 2
  const own = isLocalLayer(family, layer) ? family.localRopeBase : undefined
  const guess = p.add('guess', 2 * guesses, { kind: 'guess', base: own ?? graph.ropeBase, degree })
  const power = p.add('power', graph.rotatedSize, { kind: 'power', guess })
  const factors = graph.tensors.get('rope_freqs.weight')
  const divisor = own === undefined ? family.ropeDivisor : 1
  const angle = p.add('angle', graph.rotatedSize, { kind: 'angle', power, factors, divisor })
  const turn = p.add('turn', graph.rotatedSize, { kind: 'turn', angle, pairs: degree, position })
  const { headSize, rotatedSize: rotated } = graph
  const halves = family.rotation === 'halves'
  p.output('out', words, { kind: 'rotate', raw, turn, turned, headSize, rotated, halves })
}

/** What is turned: the products, with biases and normalised by heads where the family does that. */
function planHeads(p: Planner, graph: Graph, product: number, words: number, layer: number): number {
  const { family, headCount: heads, keyHeadCount: keyHeads, headSize, epsilon } = graph
  const of = (name: string) => tensorOf(graph, `blk.${layer}.${name}`)
  const parts = () => [of('attn_q.bias'), of('attn_k.bias'), of('attn_v.bias')]
  const x = family.hasBiases ? p.add('biased', words, { kind: 'bias', x: product, parts: parts() }) : product
  if (!family.normsHeads) return x
  const sum = p.fold('square', 'square', x, (heads + keyHeads) * headSize, headSize)
  const inverse = p.add('k', heads + keyHeads, { kind: 'inverseRms', sum, count: headSize, epsilon })
  const [query, key] = [of('attn_q_norm.weight'), of('attn_k_norm.weight')]
  return p.add('normed', words, { kind: 'headNorm', x, inverse, headSize, heads, keyHeads, query, key })
}

function planMix(p: Planner, graph: Graph, position: number, from: number, layer: number): void {
  const { family } = graph
  const shape = { heads: graph.headCount, keyHeads: graph.keyHeadCount, headSize: graph.headSize }
  const { heads, keyHeads, headSize } = shape
  const first = isLocalLayer(family, layer) ? Math.max(0, position + 1 - family.window) : 0
  const positions = position + 1 - first
  const rowWords = (heads + 2 * keyHeads) * headSize
  const rows = p.source('s', rowWords, first, from, positions)
  const factor = Math.fround(1 / Math.sqrt(family.scoreSize))
  const free = p.add('score', heads * positions, { kind: 'score', rows, rowWords, positions, shape, factor })
  const cap = family.scoreCap
  const score = cap > 0 ? p.add('capped', heads * positions, { kind: 'cap', x: free, cap }) : free
  const top = p.fold('top', 'max', score, heads * positions, positions)
  const weights = p.add('e', heads * positions, { kind: 'exp', score, top, positions })
  const total = p.fold('z', 'sum', weights, heads * positions, positions)
  const gathered = keyHeads * headSize * positions
  const values = p.add('vt', gathered, { kind: 'gather', rows, rowWords, positions, shape })
  const groups = heads * headSize
  const runs = Math.ceil(positions / runWords)
  const headsPerKey = heads / keyHeads
  const part = p.add('part', groups * runs, {
    kind: 'foldDot',
    weights,
    values,
    groupWords: positions,
    headSize,
    headsPerKey,
  })
  const sum = runs === 1 ? part : p.fold('part', 'sum', part, groups * runs, runs)
  p.output('out', groups, { kind: 'mix', sum, total, headSize })
}

/** @param norm - the vector that the product is normalised with, where the family does that */
function planResidual(
  p: Planner,
  graph: Graph,
  position: number,
  x: number,
  m: number,
  columns: number,
  layer: number,
  name: string,
  norm: string,
) {
  const matrix = tensorOf(graph, `blk.${layer}.${name}.weight`)
  const width = matrix.shape[1] ?? 1
  const stream = p.source('x', width, position, x)
  const input = p.source('m', columns, position, m)
  const product = p.add('y', width, p.product(input, columns, [matrix]))
  const y = graph.family.normsOutputs
    ? p.add('normed', width, normRule(p, graph, product, `blk.${layer}.${norm}.weight`))
    : product
  p.output('out', width, { kind: 'add', x: stream, y })
}

function tensorOf(graph: Graph, name: string): GgufTensor {
  const tensor = graph.tensors.get(name)
  if (tensor === undefined) throw new OperatorUnknownError({ operator: -1, name })
  return tensor
}
