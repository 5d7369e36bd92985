/**
 * The step of `torchStep.py` in jax-js on its WebAssembly backend, compiled as one function. It uses more threads where it can: CPU seconds are those of all.
 * Every use of an array takes it away; `.ref` keeps it.
 */
import { blockUntilReady, defaultDevice, init, jit, nn, numpy as np, valueAndGrad } from '@jax-js/jax'
import { drawValues, readShape, serveSteps } from './serveSteps.ts'

const { vocab, width, layers, heads, hidden, tokens, rows, headSize } = readShape()
await init('wasm')
defaultDevice('wasm')

const matrix = (inputs: number, outputs: number, scale = inputs ** -0.5) =>
  np.array(drawValues(inputs * outputs, scale)).reshape([inputs, outputs])
const ones = () => np.ones([width])
const layerOf = () => ({
  ...{ q: matrix(width, width), k: matrix(width, width), v: matrix(width, width), o: matrix(width, width) },
  ...{
    gate: matrix(width, hidden),
    up: matrix(width, hidden),
    down: matrix(hidden, width),
    first: ones(),
    second: ones(),
  },
})
const start = { embedding: matrix(vocab, width, 0.02), last: ones(), layers: Array.from({ length: layers }, layerOf) }
type Weights = typeof start
type Tree = np.Array | Tree[] | { [name: string]: Tree }

const half = headSize / 2
const angle = (i: number) => Math.floor(i / headSize) * 10_000 ** ((-2 * (i % half)) / headSize)
const table = (turn: (angle: number) => number) =>
  np.array(Float32Array.from({ length: tokens * headSize }, (_, i) => turn(angle(i)))).reshape([tokens, headSize])
const [cosines, sines] = [table(Math.cos), table(Math.sin)]
const mask = np
  .array(Float32Array.from({ length: tokens * tokens }, (_, i) => (i % tokens > Math.floor(i / tokens) ? -1e9 : 0)))
  .reshape([tokens, tokens])

function norm(x: np.Array, weight: np.Array): np.Array {
  const mean = np.mean(np.square(x.ref), -1, { keepdims: true })
  return x.div(np.sqrt(mean.add(1e-5))).mul(weight)
}

const split = (x: np.Array) => np.transpose(x.reshape([rows, tokens, heads, headSize]), [0, 2, 1, 3])

function rotate(x: np.Array): np.Array {
  const [first, second] = np.split(x.ref, 2, -1)
  return x.mul(cosines.ref).add(np.concatenate([np.negative(second!), first!], -1).mul(sines.ref))
}

function lossOf(weights: Weights, inputs: np.Array, targets: np.Array): np.Array {
  let x = np.matmul(inputs, weights.embedding.ref)
  for (const layer of weights.layers) {
    const y = norm(x.ref, layer.first)
    const q = rotate(split(np.matmul(y.ref, layer.q)))
    const k = rotate(split(np.matmul(y.ref, layer.k)))
    const v = split(np.matmul(y, layer.v))
    const scores = np
      .matmul(q, np.transpose(k, [0, 1, 3, 2]))
      .mul(headSize ** -0.5)
      .add(mask.ref)
    const mixed = np.matmul(nn.softmax(scores, -1), v)
    const joined = np.transpose(mixed, [0, 2, 1, 3]).reshape([rows * tokens, width])
    x = x.add(np.matmul(joined, layer.o))
    const z = norm(x.ref, layer.second)
    const gated = nn.silu(np.matmul(z.ref, layer.gate)).mul(np.matmul(z, layer.up))
    x = x.add(np.matmul(gated, layer.down))
  }
  const logits = np.matmul(norm(x, weights.last), np.transpose(weights.embedding))
  return nn
    .logSoftmax(logits, -1)
    .mul(targets)
    .sum()
    .mul(-1 / (rows * tokens))
}

/** The same function of the arrays of several trees. */
function combine(trees: Tree[], act: (...arrays: np.Array[]) => np.Array): Tree {
  const first = trees[0]!
  if (Array.isArray(first))
    return first.map((_, i) =>
      combine(
        trees.map((tree) => (tree as Tree[])[i]!),
        act,
      ),
    )
  if (first instanceof np.Array || !('embedding' in first || 'gate' in first)) return act(...(trees as np.Array[]))
  const names = Object.keys(first)
  return Object.fromEntries(
    names.map((name) => [
      name,
      combine(
        trees.map((tree) => (tree as { [name: string]: Tree })[name]!),
        act,
      ),
    ]),
  )
}

function arraysOf(tree: Tree): np.Array[] {
  const found: np.Array[] = []
  combine([tree], (array) => {
    found.push(array)
    return array
  })
  return found
}

const act = (...values: Parameters<typeof combine>) => combine(...values) as unknown as Weights

const step = jit((weights: Weights, means: Weights, powers: Weights, inputs: np.Array, targets: np.Array) => {
  const own = act([weights as Tree], (array) => array.ref)
  const [loss, raw] = valueAndGrad(lossOf)(own, inputs, targets)
  const squares = arraysOf(raw as unknown as Tree).map((gradient) => np.square(gradient.ref).sum())
  const total = squares.reduce((sum, square) => sum.add(square))
  const scale = np.minimum(1, np.reciprocal(np.sqrt(total)))
  const gradients = act([raw as unknown as Tree], (gradient) => gradient!.mul(scale.ref))
  scale.dispose()
  const m = act([means as Tree, gradients as Tree], (mean, g) => mean!.mul(0.9).add(g!.ref.mul(0.1)))
  const v = act([powers as Tree, gradients as Tree], (power, g) => power!.mul(0.95).add(np.square(g!).mul(0.05)))
  const p = act([weights as Tree, m as Tree, v as Tree], (value, mean, power) => {
    const change = mean!.ref.div(np.sqrt(power!.ref).add(1e-8)).add(value!.ref.mul(0.1))
    return value!.sub(change.mul(1e-3))
  })
  return [loss, p, m, v] as const
})

let weights = start
let means = act([start as Tree], (array) => np.zerosLike(array!.ref))
let powers = act([start as Tree], (array) => np.zerosLike(array!.ref))
let drawn = 0
const oneHot = () => {
  const ids = Int32Array.from({ length: rows * tokens }, (_, i) => (i * 7919 + drawn * 31) % vocab)
  drawn++
  return nn.oneHot(np.array(ids), vocab)
}

await serveSteps('0.1.25, backend wasm', async () => {
  const [loss, p, m, v] = step(weights, means, powers, oneHot(), oneHot())
  await blockUntilReady([loss, p, m, v])
  loss.dispose()
  weights = p
  means = m
  powers = v
})
