/** A BERT encoder that gives the same bits on every machine: texts to vectors of length one. Spec: TENSOR §10 */
import { bytesToHex, type Hex, textToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { createArena } from '../kernels/loadKernels.ts'
import { NumberNotFiniteError } from '../model/passRows.ts'
import { allocateEncoderScratch, encodeRows, rowsOf } from './encodeRows.ts'
import { EncoderInvalidError } from './encoderInvalidError.ts'
import { loadEncoderKernels } from './encoderKernels.ts'
import { loadEncoderWeights } from './loadEncoderWeights.ts'
import { poolRows } from './poolRows.ts'
import { type EncoderConfig, readEncoderConfig } from './readEncoderConfig.ts'
import { readWordPiece } from './wordPiece.ts'

/** The files of a published model: weights as safetensors, config.json, tokenizer.json. */
export type EncoderFiles = { weights: Uint8Array; config: Uint8Array; tokenizer: Uint8Array }

export type Encoder = {
  /** Values of a vector. */
  dimensions: number
  /** Tokens of a text at most, those of its frame included. */
  contextLength: number
  vocabSize: number
  programId: Hex
  tokenizerRoot: Hex
  /** Framed tokens; a text that is too long gives more than `contextLength`, without saying how many. */
  tokensOf(text: string): number[]
  /** Tokens of the caller's own, framed. */
  frame(tokens: readonly number[]): number[]
  /** How many of the texts from `from` on fit one pass: at least one. */
  passLength(texts: readonly (readonly number[])[], from: number): number
  /**
   * One pass: as many texts as `passLength` says. Blocks for as long as it takes, so it belongs in a worker.
   * @throws {NumberNotFiniteError}
   */
  embed(texts: readonly (readonly number[])[]): Float32Array[]
  memoryBytes(): number
}

/** Raised whenever the same files and text could give other bits. */
export const encoderSemanticsVersion = 1

/** @throws {EncoderInvalidError} {SafetensorsInvalidError} {MemoryExhaustedError} */
export async function openEncoder(files: EncoderFiles): Promise<Encoder> {
  const config = readEncoderConfig(files.config)
  const tokenizer = readWordPiece(files.tokenizer)
  if (tokenizer.vocabSize !== config.vocabSize) {
    throw new EncoderInvalidError('tokenizer and configuration do not belong together', { value: tokenizer.vocabSize })
  }
  const arena = await createArena()
  const kernels = await loadEncoderKernels(arena.memory)
  const weights = loadEncoderWeights(files.weights, config, arena)
  const parts = { arena, kernels, config, weights, scratch: allocateEncoderScratch(config, arena) }
  const { positions, width } = config
  return {
    dimensions: width,
    contextLength: positions,
    vocabSize: config.vocabSize,
    programId: bytesToHex(sha256(textToBytes(programText(config, weights.tensors, tokenizer.root)))),
    tokenizerRoot: bytesToHex(tokenizer.root),
    tokensOf: (text) => tokenizer.encode(text, positions),
    frame: tokenizer.frame,
    passLength(texts, from) {
      let rows = 0
      let count = 0
      for (; from + count < texts.length; count++) {
        rows += rowsOf(texts[from + count]!.length)
        if (rows > positions && count > 0) break
      }
      return count
    },
    embed: (texts) =>
      encodeRows(parts, texts).map((values) => {
        const vector = poolRows(values, width)
        if (!vector.every(Number.isFinite)) throw new NumberNotFiniteError({ operator: 'pool', position: 0 })
        return vector
      }),
    memoryBytes: arena.sizeBytes,
  }
}

/** TENSOR §10.5 */
function programText(config: EncoderConfig, tensors: readonly string[], tokenizerRoot: Uint8Array): string {
  const { layers, width, hiddenWidth, heads, positions, vocabSize, typeCount, epsilon } = config
  return [
    'weightless/encoder/1',
    `semantics ${encoderSemanticsVersion}`,
    `layers ${layers} width ${width} hidden ${hiddenWidth} heads ${heads}`,
    `positions ${positions} vocabulary ${vocabSize} types ${typeCount} epsilon ${epsilon}`,
    ...tensors.toSorted(),
    `tokenizer ${bytesToHex(tokenizerRoot)}`,
    '',
  ].join('\n')
}
