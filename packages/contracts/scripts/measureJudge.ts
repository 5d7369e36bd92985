/**
 * Gas of a dispute over one word by each rule, as a receipt would state it (calldata, proofs and the plan included): a model of 8 billion
 * parameters, a file of 2^34 bytes, context 8,192; and of the dearest unit of each operator in the whole transaction that slashes. Words and weights are drawn; nothing of the working but what is opened is made.
 */
import { bytesToHex } from '@weightless/codec'
import { buildHashTree, hashLeaf, hashTreeRoot } from '@weightless/crypto'
import { planOperator } from '@weightless/dispute'
import { fileArgument } from '@weightless/dispute/contract/accusationArguments'
import { modelFacts } from '@weightless/dispute/contract/modelFacts'
import { unitWords } from '@weightless/dispute/working/computeWord'
import { chunkWords, type Draw, type Rule, tableOf, type WorkingPlan } from '@weightless/dispute/working/rules'
import type { GgufTensor } from '@weightless/tensor'
import { expectedShapes, type Graph, operatorName } from '@weightless/tensor/model/describeGraph'
import { readFamily } from '@weightless/tensor/model/family'
import { drawProof } from './drawProof.ts'
import { createDraw } from './floatOperands.ts'
import type { GasTable } from './gasTable.ts'
import { drawArgument, openingOf, packWords, readsOf } from './judgeCase.ts'
import { openDeciding, type ShownUnit } from './measureDeciding.ts'
import { type Harness, openDeployed } from './openHarness.ts'

const fileBytes = 2 ** 34
/** Of 8,191 positions: groups of that many words lie across chunks. */
const position = 8190
const token = 99_999
const draw = createDraw(3)
const sampled: Draw = { temperature: 0.7, topP: 0.9, seed32: new Uint8Array(32).fill(7), index: 191 }
/** As many biases as a request may have. */
const adjusted: Draw = {
  ...sampled,
  adjust: { presence: 0.5, frequency: 0.25, bias: Array.from({ length: 1024 }, (_, i) => [100 * i, 1 + i / 1024]) },
}
const types: { [name: string]: GgufTensor['type'] } = {
  attn_q: 'F16',
  attn_k: 'Q4_1',
  attn_v: 'Q8_0',
  ffn_gate: 'Q4_0',
  ffn_up: 'Q4_1',
  token_embd: 'Q4_1',
}

/** Of layers one, and the head: other layers have the same tables. */
const operatorsOf = ({ layerCount }: Graph) => [
  ...Array.from({ length: 8 }, (_, i) => i),
  ...[1, 2, 3].map((i) => i + 7 * layerCount),
]

export async function measureJudge(): Promise<GasTable> {
  const judges = {
    word: await openDeployed('wordJudge', 'operatorPlans', 'rowChain'),
    sample: await openDeployed('sampleJudge', 'operatorPlans', 'rowChain'),
  }
  const graph = largeGraph()
  const decide = await openDeciding(graph, fileBytes, { position, token, draw: sampled })
  const table: GasTable = {}
  const whole: GasTable = {}
  for (const operator of operatorsOf(graph)) {
    const dearest = measureOperator(judges, graph, operator, sampled, table)
    const name = operatorName(graph.layerCount, operator).replace(/^layer \d+ /, '')
    whole[`dispute.proveWord of ${name}`] = await decide(operator, dearest)
  }
  const decideAdjusted = await openDeciding(graph, fileBytes, { position, token, draw: adjusted })
  const sample = 3 + 7 * graph.layerCount
  const ofAdjusted: GasTable = {}
  const dearest = measureOperator(judges, graph, sample, adjusted, ofAdjusted)
  whole['dispute.proveWord of sample, 1,024 biases'] = await decideAdjusted(sample, dearest)
  for (const rule of ['times', 'adjusted']) {
    const key = `dispute.word of sample by ${rule}`
    table[key] = ofAdjusted[key]!
  }
  return { ...table, ...whole }
}

function measureOperator(
  judges: { word: Harness; sample: Harness },
  graph: Graph,
  operator: number,
  drawing: Draw,
  table: GasTable,
): ShownUnit {
  const plan = planOperator(graph, operator, position, token, drawing)
  const isSample = operator === 3 + 7 * graph.layerCount
  const chunks = new Map<number, Uint32Array>()
  const chunkAt = (chunk: number): Uint32Array => {
    const made = chunks.get(chunk) ?? drawChunk(plan, chunk)
    chunks.set(chunk, made)
    return made
  }
  const words = (of: number, from: number, count: number) =>
    Uint32Array.from({ length: count }, (_, i) => {
      const chunk = plan.tables[of]!.chunk + Math.floor((from + i) / chunkWords)
      return chunkAt(chunk)[(from + i) % chunkWords]!
    })
  let weights = new Uint8Array()
  const file = (_: number, count: number) => (weights = Uint8Array.from({ length: count }, () => draw() & 0x3f))
  const units = plan.tables.flatMap(({ rule, words: length }, index) => {
    // Bits of the cut are alike.
    if (rule.kind === 'source' || isRepeated(rule)) return []
    const unit = unitWords(rule)
    const last = length / unit - 1
    return [...new Set([0, Math.floor(last / 3), last])].map((at) => {
      weights = new Uint8Array()
      const read = readsOf(plan, words, file, index, at * unit)
      // The unit accused, too: what a rule reads is made as it is read.
      read.chunks.forEach(chunkAt)
      return { rule, table: index, index: at * unit, read, weights }
    })
  })
  const rest = hashLeaf(new Uint8Array())
  const data = (chunk: number) => new Uint8Array(chunkAt(chunk).buffer)
  const leaf = (_: unknown, chunk: number) => (chunks.has(chunk) ? hashLeaf(data(chunk)) : rest)
  const tree = buildHashTree(Array.from({ length: plan.chunks }, leaf))
  const workingRoot = bytesToHex(hashTreeRoot(tree))
  let dearest: ShownUnit | undefined
  let gasMax = 0
  for (const unit of units) {
    const range = unit.read.file && drawProof(fileBytes, unit.read.file.from, unit.weights)
    const modelRoot = bytesToHex(range?.root ?? rest)
    const place = { table: BigInt(unit.table), index: BigInt(unit.index) }
    const at = { operator: BigInt(operator), position: BigInt(position), token: BigInt(token) }
    const accused = { modelRoot, workingRoot, ...at, ...place }
    const openings = unit.read.chunks.map((chunk) => openingOf(tree, chunk, data(chunk)))
    const proof = fileArgument(range)
    const called = isSample
      ? judges.sample.call('compute', BigInt(graph.vocabSize), drawArgument(drawing, unit.index), accused, openings)
      : judges.word.call('compute', modelFacts(graph, fileBytes), accused, openings, proof)
    const name = unit.rule.kind === 'fold' ? `fold ${unit.rule.how}` : unit.rule.kind
    if (!called.ok) throw new Error(`${name} ${unit.index} of operator ${operator}: ${called.error}`)
    if ((called.value as [bigint])[0] !== packWords(unit.read.expected)) throw new Error(`${name} is another word`)
    const key = `dispute.word ${isSample ? 'of sample ' : ''}by ${name}`
    table[key] = Math.max(table[key] ?? 0, called.gasUsed)
    if (called.gasUsed <= gasMax) continue
    gasMax = called.gasUsed
    dearest = { modelRoot, workingRoot, ...place, openings, file: proof }
  }
  return dearest!
}

const isRepeated = (rule: Rule) =>
  (rule.kind === 'cut' && rule.least.bit > 1) ||
  (rule.kind === 'weightSum' && rule.least !== undefined && rule.least.bit > 1)

function largeGraph(): Graph {
  const graph: Omit<Graph, 'tensors'> = {
    architecture: 'llama',
    family: readFamily('llama', new Map(), { width: 4096, headCount: 32, headSize: 128, layerCount: 32 }),
    layerCount: 32,
    width: 4096,
    hiddenWidth: 14_336,
    headCount: 32,
    keyHeadCount: 8,
    headSize: 128,
    rotatedSize: 128,
    contextLength: 8192,
    vocabSize: 128_256,
    ropeBase: 500_000,
    epsilon: 2 ** -17,
    tied: false,
  }
  const shapes = [...expectedShapes(graph), ['rope_freqs.weight', [64]] as const]
  const tensors = shapes.map(([name, shape], i): [string, GgufTensor] => {
    const type = shape.length === 1 ? 'F32' : (types[name.split('.').at(-2)!] ?? 'Q8_0')
    // Not as in a real file, where some are larger: what a rule reads lies behind the offset, and nothing else is there.
    return [name, { name, type, shape: [...shape], offset: 8_000_000 + i * 40_000_000, sizeBytes: 40_000_000 }]
  })
  return { ...graph, tensors: new Map(tensors) }
}

/** Words that the rules can take: f32 and f64 from 1 to 2, integers of 15 bits. */
function drawChunk(plan: WorkingPlan, chunk: number): Uint32Array {
  const { rule, words, chunk: first } = plan.tables[tableOf(plan, chunk)]!
  const length = Math.min(chunkWords, words - (chunk - first) * chunkWords)
  return Uint32Array.from({ length }, (_, i) => drawWord(rule, i))
}

function drawWord(rule: Rule, i: number): number {
  const { kind } = rule
  if (kind === 'chain' || kind === 'draw' || kind === 'record') return draw()
  if (kind === 'weight' || kind === 'cut' || kind === 'keep') return draw() >>> 1
  if (kind === 'kept' || kind === 'times') return 1 + (draw() >>> 24)
  // Of the first run, so that there is one.
  if (kind === 'tie' || (kind === 'walk' && i % 3 === 0) || kind === 'best') return 0
  if (kind === 'walk') return i % 3 === 1 ? draw() : 0x3ff00000 | (draw() >>> 12)
  if (kind === 'quantise' || kind === 'sum') return draw() >>> 17
  if (kind !== 'guess' && kind !== 'power' && kind !== 'angle' && kind !== 'weightSum')
    return 0x3f800000 | (draw() >>> 9)
  return i % 2 === 0 ? draw() : 0x3ff00000 | (draw() >>> 12)
}
