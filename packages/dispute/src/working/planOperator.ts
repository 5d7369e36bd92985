/** Which tables the working of an operator has, in order: they follow from the model's dimensions and the position alone. Spec: spec/dispute.md §3. */
import type { GgufTensor } from '@weightless/tensor'
import { bodyOperatorCount, type Graph, layerOperators } from '@weightless/tensor/model/describeGraph'
import { createPlanner, OperatorUnknownError, type Planner } from './createPlanner.ts'
import { planSample } from './planSample.ts'
import { type Draw, runWords, type WorkingPlan } from './rules.ts'

const guesses = 512

/**
 * @param operator - index in the step, `bodyOperatorCount` + 3 of them
 * @param token - that the step consumes; only `embed` asks for it
 * @param draw - what the sampler is told; only `sample` asks for it
 * @throws {OperatorUnknownError}
 */
export function planOperator(
  graph: Graph,
  operator: number,
  position: number,
  token: number,
  draw?: Draw,
): WorkingPlan {
  const planner = createPlanner()
  const body = bodyOperatorCount(graph.layerCount)
  const layer = Math.floor((operator - 1) / layerOperators.length)
  const residual = operator <= 1 ? 0 : layer * layerOperators.length
  if (operator === 0) {
    if (!Number.isInteger(token) || token < 0 || token >= graph.vocabSize)
      throw new OperatorUnknownError({ operator, name: `token ${token}` })
    planner.output('out', graph.width, { kind: 'embed', token, matrix: tensorOf(graph, 'token_embd.weight') })
  } else if (operator === body) {
    planNorm(planner, graph, position, body - 1, 'output_norm.weight')
  } else if (operator === body + 1) {
    const name = graph.tied ? 'token_embd.weight' : 'output.weight'
    const x = planner.source('x', graph.width, position, body)
    planner.output('out', graph.vocabSize, planner.product(x, graph.width, [tensorOf(graph, name)]))
  } else if (operator === body + 2 && draw !== undefined) {
    planSample(planner, graph.vocabSize, position, body + 1, draw)
  } else if (operator > 0 && operator < body) {
    planLayer(planner, graph, position, layer, operator, residual)
  } else {
    throw new OperatorUnknownError({ operator })
  }
  return { position, operator, tables: planner.tables, chunks: planner.chunks() }
}

function planLayer(p: Planner, graph: Graph, position: number, layer: number, operator: number, residual: number) {
  const block = (name: string) => tensorOf(graph, `blk.${layer}.${name}.weight`)
  const first = 1 + layer * layerOperators.length
  const { width, hiddenWidth } = graph
  const queryWidth = graph.headCount * graph.headSize
  switch (layerOperators[operator - first]) {
    case 'attention.norm':
      return planNorm(p, graph, position, residual, `blk.${layer}.attn_norm.weight`)
    case 'attention.qkv':
      return planQkv(p, graph, position, operator - 1, [block('attn_q'), block('attn_k'), block('attn_v')])
    case 'attention.mix':
      return planMix(p, graph, position, operator - 1)
    case 'attention.residual':
      return planResidual(p, position, residual, operator - 1, queryWidth, block('attn_output'))
    case 'ffn.norm':
      return planNorm(p, graph, position, operator - 1, `blk.${layer}.ffn_norm.weight`)
    case 'ffn.gate': {
      const x = p.source('x', width, position, operator - 1)
      const both = p.add('gu', 2 * hiddenWidth, p.product(x, width, [block('ffn_gate'), block('ffn_up')]))
      return p.output('out', hiddenWidth, { kind: 'gate', both, width: hiddenWidth })
    }
    default:
      return planResidual(p, position, operator - 3, operator - 1, hiddenWidth, block('ffn_down'))
  }
}

function planNorm(p: Planner, graph: Graph, position: number, from: number, weight: string): void {
  const x = p.source('x', graph.width, position, from)
  const sum = p.fold('square', 'square', x, graph.width, graph.width)
  const inverse = p.add('k', 1, { kind: 'inverseRms', sum, count: graph.width, epsilon: graph.epsilon })
  p.output('out', graph.width, { kind: 'norm', x, inverse, weight: tensorOf(graph, weight) })
}

function planQkv(p: Planner, graph: Graph, position: number, from: number, matrices: readonly GgufTensor[]): void {
  const x = p.source('x', graph.width, position, from)
  const words = matrices.reduce((sum, matrix) => sum + (matrix.shape[1] ?? 1), 0)
  const raw = p.add('raw', words, p.product(x, graph.width, matrices))
  const degree = graph.rotatedSize / 2
  const guess = p.add('guess', 2 * guesses, { kind: 'guess', base: graph.ropeBase, degree })
  const power = p.add('power', graph.rotatedSize, { kind: 'power', guess })
  const factors = graph.tensors.get('rope_freqs.weight')
  const angle = p.add('angle', graph.rotatedSize, { kind: 'angle', power, factors })
  const turn = p.add('turn', graph.rotatedSize, { kind: 'turn', angle, pairs: degree, position })
  const turned = (graph.headCount + graph.keyHeadCount) * graph.headSize
  p.output('out', words, {
    kind: 'rotate',
    raw,
    turn,
    turned,
    headSize: graph.headSize,
    rotated: graph.rotatedSize,
  })
}

function planMix(p: Planner, graph: Graph, position: number, from: number): void {
  const shape = { heads: graph.headCount, keyHeads: graph.keyHeadCount, headSize: graph.headSize }
  const { heads, keyHeads, headSize } = shape
  const positions = position + 1
  const rowWords = (heads + 2 * keyHeads) * headSize
  const rows = p.source('s', rowWords, 0, from, positions)
  const factor = Math.fround(1 / Math.sqrt(headSize))
  const score = p.add('score', heads * positions, { kind: 'score', rows, rowWords, positions, shape, factor })
  const top = p.fold('top', 'max', score, heads * positions, positions)
  const weights = p.add('e', heads * positions, { kind: 'exp', score, top, positions })
  const total = p.fold('z', 'sum', weights, heads * positions, positions)
  const gathered = keyHeads * headSize * positions
  const values = p.add('vt', gathered, { kind: 'gather', rows, rowWords, positions, shape })
  const groups = heads * headSize
  const runs = Math.ceil(positions / runWords)
  const headsPerKey = heads / keyHeads
  const first = p.add('part', groups * runs, {
    kind: 'foldDot',
    weights,
    values,
    groupWords: positions,
    headSize,
    headsPerKey,
  })
  const sum = runs === 1 ? first : p.fold('part', 'sum', first, groups * runs, runs)
  p.output('out', groups, { kind: 'mix', sum, total, headSize })
}

function planResidual(p: Planner, position: number, x: number, m: number, columns: number, matrix: GgufTensor) {
  const width = matrix.shape[1] ?? 1
  const stream = p.source('x', width, position, x)
  const input = p.source('m', columns, position, m)
  const y = p.add('y', width, p.product(input, columns, [matrix]))
  p.output('out', width, { kind: 'add', x: stream, y })
}

function tensorOf(graph: Graph, name: string): GgufTensor {
  const tensor = graph.tensors.get(name)
  if (tensor === undefined) throw new OperatorUnknownError({ operator: -1, name })
  return tensor
}
