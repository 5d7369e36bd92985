/** Reads the chunks that an accusation shows, each held to the hash it must have, and the file's weights where a rule asks for them. */
import { bytesEqual, WeightlessError } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import type { StepPlan } from './stepPlan.ts'
import { chunkCount, chunkWords, type ReadTable, type StepTable } from './stepTable.ts'
import type { List, WordOpening } from './trainingAccusation.ts'
import type { ReadWeights } from './trainingJob.ts'

type Sources = {
  plan: StepPlan
  /** Only tables before this one are read. */
  until: number
  opening: WordOpening
  /** Hashes of the chunks of tables that are of the trace. */
  opened: ReadonlyMap<number, Uint8Array>
  values: number
  readWeights: ReadWeights
}

export type KnownReads = {
  chunkOf(table: number, chunk: number): Uint8Array | undefined
  /** @throws {MissingChunk} when something that the word is made from is not shown */
  compute(table: StepTable, word: number): Promise<Uint8Array>
}

/** Chunks of the file that one word reads at most: 256 MiB of numbers. */
const weightChunksMax = 65_536

export function readKnown(sources: Sources): KnownReads | { reason: string } {
  const { plan, until, opening, opened, values } = sources
  const shown = new Map<string, Float32Array>()
  const raw = new Map<string, Uint8Array>()
  for (const { table, chunk, bytes } of opening.chunks) {
    const digest = opened.get(table)?.subarray(chunk * 32, chunk * 32 + 32)
    if (digest?.length !== 32 || !bytesEqual(sha256(bytes), digest)) return { reason: 'a chunk is not of its table' }
    raw.set(`${table} ${chunk}`, bytes)
    if (bytes.length % 4 === 0) shown.set(`${plan.tables[table]!.name} ${chunk}`, floatsOf(bytes))
  }
  for (const { list, piece, bytes } of opening.pieces) {
    const place = { p: 0, m: 1, v: 2 }[list] * (values / chunkWords) + piece
    const digest = opening.before.digests.subarray(place * 32, place * 32 + 32)
    const isPiece = piece < chunkCount(values) && bytes.length === chunkWords * 4
    if (!isPiece || !bytesEqual(sha256(bytes), digest)) return { reason: 'a piece is not of the state before' }
    shown.set(`${list} ${piece}`, floatsOf(bytes))
  }
  const earlier = new Set(plan.tables.slice(0, until).map(({ name }) => name))
  const slots = new Map(plan.slots.map((slot) => [slot.name, slot]))
  const keyOf = (name: string, chunk: number): string => {
    if (earlier.has(name) || name.startsWith('w/')) return `${name} ${chunk}`
    const slot = slots.get(name.slice(2))
    return slot ? `${name[0] as List} ${slot.at / chunkWords + chunk}` : ''
  }
  const read: ReadTable = (name) => (index) => {
    const chunk = Math.floor(index / chunkWords)
    const value = shown.get(keyOf(name, chunk))?.[index % chunkWords]
    if (value === undefined) throw new MissingChunk({ table: name, chunk })
    return value
  }
  /** False where the tensor ends before. */
  async function load({ table, chunk }: MissingChunk, span: number): Promise<boolean> {
    for (let at = chunk; at < chunk + span; at++) {
      const values = await sources.readWeights(table.slice(2), at)
      if (values.length === 0) return at > chunk
      shown.set(keyOf(table, at), values)
    }
    return true
  }
  return {
    chunkOf: (table, chunk) => raw.get(`${table} ${chunk}`),
    async compute(table, word) {
      // Each time twice as many chunks of the file as before, since the word is begun anew after each.
      for (let span = 1; ; span *= 2) {
        try {
          return new Uint8Array(Float32Array.of(table.rule(read)(word)).buffer)
        } catch (error) {
          const isWeight = error instanceof MissingChunk && error.table.startsWith('w/')
          if (!isWeight || span > weightChunksMax || !(await load(error, span))) throw error
        }
      }
    },
  }
}

function floatsOf(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer)
}

/** Thrown by a read of what was not shown, or not yet loaded. */
export class MissingChunk extends WeightlessError {
  readonly table: string
  readonly chunk: number
  constructor(facts: { table: string; chunk: number }) {
    super('dispute/chunk-missing', 'A number is made from one that is not shown.', facts)
    this.table = facts.table
    this.chunk = facts.chunk
  }
}
