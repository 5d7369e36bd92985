/**
 * The step of `torchStep.py` in TensorFlow.js on its WebAssembly backend, one thread. Tokens are looked up by a product with ones and zeroes, since
 * the backend has no gradient of a lookup; Adam without decay, which it has not either.
 */
import * as tf from '@tensorflow/tfjs'
import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm'
import { drawValues, readShape, serveSteps } from './serveSteps.ts'

const { vocab, width, layers, heads, hidden, tokens, rows, headSize } = readShape()
setThreadsCount(1)
await tf.setBackend('wasm')
await tf.ready()

const matrix = (inputs: number, outputs: number) =>
  tf.variable(tf.tensor2d(drawValues(inputs * outputs, inputs ** -0.5), [inputs, outputs]))
const ones = () => tf.variable(tf.ones([width]))
const embedding = tf.variable(tf.tensor2d(drawValues(vocab * width, 0.02), [vocab, width]))
const weights = Array.from({ length: layers }, () => ({
  ...{ q: matrix(width, width), k: matrix(width, width), v: matrix(width, width), o: matrix(width, width) },
  ...{
    gate: matrix(width, hidden),
    up: matrix(width, hidden),
    down: matrix(hidden, width),
    first: ones(),
    second: ones(),
  },
}))
const last = ones()
const variables = [embedding, last, ...weights.flatMap((layer) => Object.values(layer))]
const angles = tf
  .range(0, tokens)
  .reshape([tokens, 1])
  .mul(tf.pow(10_000, tf.range(0, headSize / 2).mul(-2 / headSize)))
const [cosines, sines] = [tf.concat([angles.cos(), angles.cos()], 1), tf.concat([angles.sin(), angles.sin()], 1)]
const mask = tf.tensor2d(
  Float32Array.from({ length: tokens * tokens }, (_, i) => (i % tokens > Math.floor(i / tokens) ? -1e9 : 0)),
  [tokens, tokens],
)
const adam = tf.train.adam(1e-3, 0.9, 0.95)

const norm = (x: tf.Tensor, weight: tf.Tensor) => x.mul(tf.rsqrt(x.square().mean(-1, true).add(1e-5))).mul(weight)
const split = (x: tf.Tensor) => x.reshape([rows, tokens, heads, headSize]).transpose([0, 2, 1, 3])

function rotate(x: tf.Tensor): tf.Tensor {
  const half = headSize / 2
  const first = x.slice([0, 0, 0, 0], [-1, -1, -1, half])
  const second = x.slice([0, 0, 0, half], [-1, -1, -1, half])
  return x.mul(cosines).add(tf.concat([second.neg(), first], 3).mul(sines))
}

function lossOf(inputs: tf.Tensor, targets: tf.Tensor): tf.Scalar {
  let x: tf.Tensor = tf.matMul(inputs as tf.Tensor2D, embedding as tf.Tensor2D)
  const times = (y: tf.Tensor, w: tf.Tensor) => tf.matMul(y as tf.Tensor2D, w as tf.Tensor2D)
  for (const layer of weights) {
    const y = norm(x, layer.first)
    const [q, k] = [rotate(split(times(y, layer.q))), rotate(split(times(y, layer.k)))]
    const scores = tf
      .matMul(q, k, false, true)
      .mul(headSize ** -0.5)
      .add(mask)
    const mixed = tf.matMul(tf.softmax(scores), split(times(y, layer.v)))
    x = x.add(times(mixed.transpose([0, 2, 1, 3]).reshape([rows * tokens, width]), layer.o))
    const z = norm(x, layer.second)
    const gate = times(z, layer.gate)
    x = x.add(times(gate.mul(gate.sigmoid()).mul(times(z, layer.up)), layer.down))
  }
  const logits = tf.matMul(norm(x, last) as tf.Tensor2D, embedding as tf.Tensor2D, false, true)
  return tf
    .logSoftmax(logits)
    .mul(targets)
    .sum()
    .div(-rows * tokens)
}

let drawn = 0
const oneHot = () => {
  const ids = Int32Array.from({ length: rows * tokens }, (_, i) => (i * 7919 + drawn * 31) % vocab)
  drawn++
  return tf.oneHot(tf.tensor1d(ids, 'int32'), vocab).toFloat()
}

await serveSteps(`${tf.version.tfjs}, backend ${tf.getBackend()}`, async () => {
  tf.tidy(() => {
    const [inputs, targets] = [oneHot(), oneHot()]
    const { grads } = tf.variableGrads(() => lossOf(inputs, targets), variables)
    const squares = Object.values(grads).map((gradient) => gradient.square().sum())
    const scale = tf.minimum(1, tf.div(1, tf.sqrt(tf.addN(squares))))
    adam.applyGradients(
      Object.fromEntries(Object.entries(grads).map(([name, gradient]) => [name, gradient.mul(scale)])),
    )
  })
  // Reading a value makes the backend finish.
  await last.data()
})
