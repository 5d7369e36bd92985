/** What a referee reads to compute one chunk: chunks of earlier tables and pieces of the state, each asked for when a word of it is needed. */
import { bytesEqual, WeightlessError } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { type Side, sides } from './bisectPair.ts'
import type { StepPlan } from './stepPlan.ts'
import { chunkWords, type ReadTable, type StepTable } from './stepTable.ts'
import type { ReadWeights } from './trainingJob.ts'

type Sources = {
  plan: StepPlan
  /** Hashes of the state's pieces. */
  pieces: Uint8Array
  readWeights: ReadWeights | undefined
  /** Tables before this one are agreed on. */
  until: number
  openTable(table: number): Promise<Uint8Array | undefined>
  askPiece(side: Side, list: 'p' | 'm' | 'v', piece: number): Promise<Uint8Array | undefined>
  askChunk(side: Side, table: number, chunk: number): Promise<Uint8Array | undefined>
}

/** Chunks that one judgement takes at most: 256 MiB. */
const chunksMax = 65_536

/** Thrown by a read of what is not there yet. */
class MissingChunk extends Error {
  readonly table: string
  readonly chunk: number
  constructor(table: string, chunk: number) {
    super('a chunk is asked for')
    this.table = table
    this.chunk = chunk
  }
}

export function createInputs(sources: Sources) {
  const { plan, until } = sources
  const numbers = new Map(plan.tables.slice(0, until).map(({ name }, table) => [name, table]))
  const slots = new Map(plan.slots.map((slot) => [slot.name, slot]))
  const opened = new Map<number, Uint8Array>()
  const chunks = new Map<string, Map<number, Float32Array>>()
  let count = 0

  const read: ReadTable = (name) => {
    let known = chunks.get(name)
    if (known === undefined) {
      known = new Map()
      chunks.set(name, known)
    }
    return (index) => {
      const chunk = Math.floor(index / chunkWords)
      const values = known.get(chunk)
      if (values === undefined) throw new MissingChunk(name, chunk)
      return values[index % chunkWords]!
    }
  }

  async function load({ table: name, chunk }: MissingChunk): Promise<void> {
    if (++count > chunksMax) throw new WithheldError(name)
    if (name.startsWith('w/') && sources.readWeights) {
      chunks.get(name)!.set(chunk, await sources.readWeights(name.slice(2), chunk))
      return
    }
    const table = numbers.get(name)
    const bytes = table === undefined ? await loadPiece(name, chunk) : await loadChunk(table, chunk)
    if (bytes === undefined) throw new WithheldError(name)
    chunks.get(name)!.set(chunk, new Float32Array(bytes.slice().buffer))
  }

  async function loadChunk(table: number, chunk: number): Promise<Uint8Array | undefined> {
    const digests = opened.get(table) ?? (await sources.openTable(table))
    if (digests === undefined) return undefined
    opened.set(table, digests)
    const digest = digests.subarray(chunk * 32, chunk * 32 + 32)
    return firstOf((side) => sources.askChunk(side, table, chunk), digest)
  }

  async function loadPiece(name: string, chunk: number): Promise<Uint8Array | undefined> {
    const list = name.slice(0, 1) as 'p' | 'm' | 'v'
    const { at } = slots.get(name.slice(2))!
    const piece = at / chunkWords + chunk
    const lists = { p: 0, m: 1, v: 2 }
    const place = lists[list] * (sources.pieces.length / 96) + piece
    const digest = sources.pieces.subarray(place * 32, place * 32 + 32)
    return firstOf((side) => sources.askPiece(side, list, piece), digest)
  }

  /** The words of one chunk. @throws {WithheldError} when nobody shows what is needed */
  async function compute(table: StepTable, chunk: number): Promise<Uint8Array> {
    const word = table.rule(read)
    const from = chunk * chunkWords
    const values = new Float32Array(Math.min(chunkWords, table.words - from))
    for (let i = 0; i < values.length; ) {
      try {
        values[i] = word(from + i)
        i++
      } catch (error) {
        if (!(error instanceof MissingChunk)) throw error
        await load(error)
      }
    }
    return new Uint8Array(values.buffer)
  }

  return { compute }
}

/** The first answer with this hash. */
async function firstOf(
  ask: (side: Side) => Promise<Uint8Array | undefined>,
  digest: Uint8Array,
): Promise<Uint8Array | undefined> {
  for (const side of sides) {
    const bytes = await ask(side)
    if (bytes !== undefined && bytesEqual(sha256(bytes), digest)) return bytes
  }
  return undefined
}

export class WithheldError extends WeightlessError {
  constructor(table: string) {
    super('dispute/withheld', 'Nobody showed what a number follows from.', { table })
  }
}
