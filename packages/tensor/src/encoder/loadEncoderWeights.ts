/** Puts the tensors of an encoder into the memory of the kernels, matrices packed in groups of eight rows. */
import { type Arena, MemoryExhaustedError } from '../kernels/loadKernels.ts'
import { readSafetensors, type Safetensors, tensorFloats } from '../safetensors/readSafetensors.ts'
import { EncoderInvalidError } from './encoderInvalidError.ts'
import type { EncoderConfig } from './readEncoderConfig.ts'

/** Addresses; a matrix is [rows / 8][columns][8] f32, a vector plain. */
export type EncoderLayer = {
  /** Queries, keys and values, one behind the other. */
  qkv: number
  qkvBias: number
  mix: number
  mixBias: number
  mixNorm: Norm
  up: number
  upBias: number
  down: number
  downBias: number
  downNorm: Norm
}

export type Norm = { weight: number; bias: number }

export type EncoderWeights = {
  /** Plain rows. */
  words: number
  places: number
  types: number
  norm: Norm
  layers: EncoderLayer[]
  /** Names, types and shapes of all tensors used, for the program id. */
  tensors: string[]
}

/** @throws {SafetensorsInvalidError} {EncoderInvalidError} {MemoryExhaustedError} */
export function loadEncoderWeights(file: Uint8Array, config: EncoderConfig, arena: Arena): EncoderWeights {
  const { layers, width, hiddenWidth, positions, vocabSize, typeCount } = config
  const put = createPutter(readSafetensors(file), arena)
  const norm = (name: string): Norm => ({
    weight: put.plain(`${name}.weight`, [width]),
    bias: put.plain(`${name}.bias`, [width]),
  })
  return {
    words: put.plain('embeddings.word_embeddings.weight', [vocabSize, width]),
    places: put.plain('embeddings.position_embeddings.weight', [positions, width]),
    types: put.plain('embeddings.token_type_embeddings.weight', [typeCount, width]),
    norm: norm('embeddings.LayerNorm'),
    layers: Array.from({ length: layers }, (_, layer) => {
      const at = `encoder.layer.${layer}`
      const parts = ['query', 'key', 'value'].map((part) => `${at}.attention.self.${part}`)
      return {
        qkv: put.packed(parts, width, width),
        qkvBias: put.joined(parts, width),
        mix: put.packed([`${at}.attention.output.dense`], width, width),
        mixBias: put.joined([`${at}.attention.output.dense`], width),
        mixNorm: norm(`${at}.attention.output.LayerNorm`),
        up: put.packed([`${at}.intermediate.dense`], hiddenWidth, width),
        upBias: put.joined([`${at}.intermediate.dense`], hiddenWidth),
        down: put.packed([`${at}.output.dense`], width, hiddenWidth),
        downBias: put.joined([`${at}.output.dense`], width),
        downNorm: norm(`${at}.output.LayerNorm`),
      }
    }),
    tensors: put.used,
  }
}

function createPutter({ tensors }: Safetensors, arena: Arena) {
  const used: string[] = []

  function read(name: string, shape: readonly number[]): Float32Array {
    const tensor = tensors.get(name) ?? tensors.get(`bert.${name}`)
    if (!tensor) throw new EncoderInvalidError('a tensor is missing', { name })
    if (tensor.shape.join() !== shape.join()) {
      throw new EncoderInvalidError('a tensor has another shape', { name, value: tensor.shape.join(' × ') })
    }
    const values = tensorFloats(tensor)
    if (!values.every(Number.isFinite))
      throw new EncoderInvalidError('a tensor holds a number that is not finite', { name })
    used.push(`tensor ${name} ${tensor.type} ${shape.join(' ')}`)
    return values
  }

  function place(bytes: number): number {
    if (bytes > 2 ** 32) throw new MemoryExhaustedError({ neededBytes: bytes, usedBytes: arena.sizeBytes() })
    return arena.allocate(bytes)
  }

  return {
    used,
    plain(name: string, shape: readonly number[]): number {
      const values = read(name, shape)
      const address = place(values.length * 4)
      arena.floats(address, values.length).set(values)
      return address
    },
    /** Biases of some linear layers, in a row. */
    joined(names: readonly string[], length: number): number {
      const address = place(names.length * length * 4)
      names.forEach((name, i) => {
        arena.floats(address + i * length * 4, length).set(read(`${name}.bias`, [length]))
      })
      return address
    },
    packed(names: readonly string[], rows: number, columns: number): number {
      const address = place(names.length * rows * columns * 4)
      names.forEach((name, i) => {
        const values = read(`${name}.weight`, [rows, columns])
        packRows(values, arena.floats(address + i * rows * columns * 4, rows * columns), columns)
      })
      return address
    },
  }
}

/** [rows][columns] to [rows / 8][columns][8]. */
function packRows(from: Float32Array, to: Float32Array, columns: number): void {
  const rows = from.length / columns
  for (let row = 0; row < rows; row++) {
    const group = (row >> 3) * columns * 8 + (row & 7)
    for (let column = 0; column < columns; column++) to[group + column * 8] = from[row * columns + column]!
  }
}
