/**
 * Gas of the whole transaction that decides one word of a step of a training, by rule: an adapter of rank 8 on all matrices of SmolLM2's shape, a
 * row of 128 tokens of which half count. Words and weights are drawn; of the trace nothing is made but what is opened. What a head and a program would have made known is set.
 */
import { bytesToHex, hexToBytes } from '@weightless/codec'
import { buildHashTree, hashLeaf, hashTreePath, hashTreeRoot, sha256 } from '@weightless/crypto'
import { planLoraStep } from '@weightless/dispute'
import { fileArgument } from '@weightless/dispute/contract/accusationArguments'
import { modelFacts } from '@weightless/dispute/contract/modelFacts'
import { isBackward, weightRanges } from '@weightless/dispute/contract/trainingArguments'
import { recordReads } from '@weightless/dispute/training/recordReads'
import { chunkCount, chunkWords, type StepTable } from '@weightless/dispute/training/stepTable'
import type { GgufTensor } from '@weightless/tensor'
import { adapterTargets } from '@weightless/tensor/adapter/adapterTargets'
import { expectedShapes, type Graph } from '@weightless/tensor/model/describeGraph'
import { readFamily } from '@weightless/tensor/model/family'
import { stateRootOf } from '@weightless/tensor/train/commitState'
import { checkLoraOptions } from '@weightless/tensor/train/loraOptions'
import { placeLora } from '@weightless/tensor/train/loraWeights'
import { batchBytes, digestBatch, encodeLoraHead } from '@weightless/tensor/train/trainerState'
import { toHex } from 'viem'
import { drawProof } from './drawProof.ts'
import { createDraw } from './floatOperands.ts'
import type { GasTable } from './gasTable.ts'
import { knowModel } from './measureDeciding.ts'
import { createTrainingRig, trainingProgram } from './trainingRig.ts'

const fileBytes = 2 ** 27
const draw = createDraw(5)
const tokens = Array.from({ length: 128 }, (_, i) => i * 11)
const rows = [{ tokens, mask: tokens.map((_, i) => (i < 64 ? 0 : 1)) }]
const options = checkLoraOptions({ seed32: new Uint8Array(32).fill(7), targets: [...adapterTargets] })
const programId = toHex(0x70, { size: 32 })

/** What each line is measured on: a table in the middle of the model, and one of its last words. */
const measured: readonly [string, string][] = [
  ['embed', 'row 0 layer 0 x'],
  ['norm', 'row 0 layer 15 attention.norm'],
  ['low', 'row 0 layer 15 down.low'],
  ['products', 'row 0 layer 15 attention.products'],
  ['turned', 'row 0 layer 15 attention.qkv'],
  ['residual', 'row 0 layer 15 attention.residual'],
  ['gate', 'row 0 layer 15 ffn.gate'],
  ['gated', 'row 0 layer 15 ffn.gated'],
  ['stream', 'row 0 layer 15 x'],
  ['last norm', 'row 0 output.norm'],
  ['logits', 'row 0 output.logits'],
  ['norm back', 'row 0 layer 15 d.attention.residual'],
  ['gate back', 'row 0 layer 15 d.ffn.gate'],
  ['up back', 'row 0 layer 15 d.ffn.up'],
  ['turned back', 'row 0 layer 15 d.attention.products'],
  ['low back', 'row 0 layer 15 d.q.low'],
  ['squares', 'norm 0'],
  ['sums of squares', 'norm 1'],
  ['first moment', 'new m/adapter'],
  ['second moment', 'new v/adapter'],
  ['value', 'new p/adapter'],
]

export async function measureTraining(): Promise<GasTable> {
  const graph = smolGraph()
  const plan = planLoraStep({ graph, options, step: 0, rows })
  const stage = await createTrainingRig(1, bytesToHex(options.seed32))
  const numbers = new Map(plan.tables.map(({ name }, number) => [name, number]))
  const table: GasTable = {}
  let job = 0
  for (const [what, name] of measured) {
    const number = numbers.get(name)!
    const word = plan.tables[number]!.words - 1
    const { exhibit, shown } = await exhibitOf(number, word)
    const args = [exhibit, isBackward(name), BigInt(word), ...shown] as never
    const { trainingGame } = stage.rig.contracts
    const from = toHex(2 ** 41 + job, { size: 20 })
    table[`training.proveWord of ${what}`] = Number(
      (await stage.rig.must(trainingGame, 'proveWord', args, { from })).gasUsed,
    )
  }
  return table

  /** The word with all that shows it, under roots that are signed. */
  async function exhibitOf(number: number, word: number) {
    const { tables, pieces, trace, top } = drawStep(number, word)
    const range = weightRanges(graph, plan, number, word)
    const files = range.map(({ from, count }) => drawProof(fileBytes, from, drawBytes(count)))
    const modelRoot = bytesToHex(files[0]?.root ?? hashLeaf(new Uint8Array()))
    await knowModel(stage.rig, modelFacts(graph, fileBytes), modelRoot, programId)
    const values = placeLora(graph, options).length
    const states = [0, 1].map((step) => {
      const dataDigest = step === 0 ? digestBatch() : digestBatch(digestBatch(), rows)
      const head = encodeLoraHead({ programId, options, values }, { step, rowsSeen: step, dataDigest })
      return { head, hash: stateRootOf(head, top) }
    })
    const run = buildHashTree(states.map(({ hash }) => hashLeaf(hexToBytes(hash))))
    const opened = states.map(({ head, hash }, steps) => ({
      state: { steps, root: hash, path: hashTreePath(run, steps).map((one) => bytesToHex(one)) },
      head: bytesToHex(head),
      top: bytesToHex(top),
    }))
    job++
    const receipt = {
      ...stage.receiptFor(BigInt(job)),
      ...{ modelRoot, user: toHex(2 ** 40 + job, { size: 20 }), programId: trainingProgram(programId) },
    }
    const exhibit = {
      ...{ receipt, signature: await stage.signReceipt(receipt), model: modelFacts(graph, fileBytes) },
      run: await stage.signRoot(receipt, 0, 2, bytesToHex(hashTreeRoot(run))),
      trace: await stage.signRoot(receipt, 1, plan.tables.length, bytesToHex(trace)),
      ...{ before: opened[0]!, afterwards: opened[1]!, rows: bytesToHex(batchBytes(rows)) },
    }
    return { exhibit, shown: [tables, pieces, files.map((one) => fileArgument(one))] as const }
  }

  /** The chunks and pieces that a word is made from, in trees of which nothing else is known. */
  function drawStep(number: number, word: number) {
    const { chunks } = recordReads(plan.tables[number]!, word, () => () => 1)
    const reads = new Map<number, Set<number>>([[number, new Set([Math.floor(word / chunkWords)])]])
    for (const [name, set] of chunks) if (numbers.has(name)) reads.set(numbers.get(name)!, new Set(set))
    const rest = hashLeaf(new Uint8Array(32))
    const shown = [...reads].sort(([a], [b]) => a - b).map(([table, set]) => drawTable(plan.tables[table]!, table, set))
    const leaves = Array.from({ length: plan.tables.length }, () => rest)
    for (const { table, root } of shown) leaves[table] = hashLeaf(root)
    const trace = buildHashTree(leaves)
    const tables = shown.map(({ root, ...one }) => ({
      ...{ ...one, root: bytesToHex(root) },
      path: hashTreePath(trace, one.table).map((hash) => bytesToHex(hash)),
    }))
    const lists = ['p', 'm', 'v'].flatMap((list, at) =>
      [...(chunks.get(`${list}/adapter`) ?? [])].sort((a, b) => a - b).map((piece) => ({ list: at, piece })),
    )
    const { pieces, top } = drawPieces(lists, placeLora(graph, options).length / chunkWords)
    return { tables, pieces, trace: hashTreeRoot(trace), top }
  }
}

function drawTable({ words }: StepTable, table: number, set: ReadonlySet<number>) {
  const rest = hashLeaf(new Uint8Array(32))
  const leaves = Array.from({ length: chunkCount(words) }, () => rest)
  const shown = [...set]
    .sort((a, b) => a - b)
    .map((chunk) => {
      const data = drawWords(Math.min(chunkWords, words - chunk * chunkWords))
      leaves[chunk] = hashLeaf(sha256(data))
      return { chunk, data }
    })
  const tree = buildHashTree(leaves)
  const chunks = shown.map(({ chunk, data }) => ({
    ...{ chunk, data: bytesToHex(data) },
    path: hashTreePath(tree, chunk).map((hash) => bytesToHex(hash)),
  }))
  return { table, root: hashTreeRoot(tree), chunks }
}

/** Pieces of a state with all hashes beside theirs; the other pieces are any. */
function drawPieces(places: readonly { list: number; piece: number }[], each: number) {
  const fan = 128
  const datas = places.map(() => drawWords(chunkWords))
  const levels: Uint8Array[][] = [Array.from({ length: 3 * each }, () => new Uint8Array(32).fill(9))]
  places.forEach(({ list, piece }, i) => {
    levels[0]![list * each + piece] = sha256(datas[i]!)
  })
  const groupOf = (level: readonly Uint8Array[], group: number) =>
    new Uint8Array(Buffer.concat(level.slice(group * fan, (group + 1) * fan)))
  do {
    const level = levels.at(-1)!
    levels.push(Array.from({ length: Math.ceil(level.length / fan) }, (_, group) => sha256(groupOf(level, group))))
  } while (levels.at(-1)!.length > 1)
  const pieces = places.map(({ list, piece }, i) => ({
    ...{ list, piece, data: bytesToHex(datas[i]!) },
    groups: levels.slice(0, -1).map((level, height) => {
      return bytesToHex(groupOf(level, Math.floor((list * each + piece) / fan ** (height + 1))))
    }),
  }))
  return { pieces, top: levels.at(-1)![0]! }
}

/** From 1 to 2. */
function drawWords(count: number): Uint8Array {
  return new Uint8Array(Uint32Array.from({ length: count }, () => 0x3f800000 | (draw() >>> 9)).buffer)
}

function drawBytes(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, () => draw() & 0x3f)
}

function smolGraph(): Graph {
  const graph: Omit<Graph, 'tensors'> = {
    ...{ architecture: 'llama', layerCount: 30, width: 576, hiddenWidth: 1536, headCount: 9, keyHeadCount: 3 },
    ...{ headSize: 64, rotatedSize: 64, contextLength: 8192, vocabSize: 49_152, ropeBase: 100_000, epsilon: 2 ** -17 },
    ...{
      tied: true,
      family: readFamily('llama', new Map(), { width: 576, headCount: 9, headSize: 64, layerCount: 30 }),
    },
  }
  const tensors = [...expectedShapes(graph)].map(([name, shape], i): [string, GgufTensor] => {
    const type = shape.length === 1 ? 'F32' : name === 'token_embd.weight' ? 'Q8_0' : 'Q4_1'
    // Not as in a real file: what a rule reads lies behind the offset, and nothing else is there.
    return [name, { name, type, shape: [...shape], offset: 1_000_000 + i * 400_000, sizeBytes: 400_000 }]
  })
  return { ...graph, tensors: new Map(tensors) }
}
