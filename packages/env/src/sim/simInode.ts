/** The content of one simulated file: what the disk has for certain, what is on its way, and what a crash makes of both. */
import type { SimRandom } from './simRandom.ts'
import type { FaultName } from './world.ts'

export type Inode = {
  /** What reads see. */
  content(): Uint8Array
  write(offset: number, bytes: Uint8Array): void
  truncate(length: number): void
  /** The mark of the last change so far. */
  mark(): number
  /** Changes up to the mark are durable from now on. */
  harden(mark: number): void
  /** Changes up to the mark will never reach the disk, though reads still see them. */
  lose(mark: number): void
  /** Content after a power cut: the durable part, some changes after it, the last of them torn. */
  crash(random: SimRandom, sectorLossChance: number, fire: (fault: FaultName) => void): void
}

type Change =
  | { id: number; kind: 'write'; offset: number; bytes: Uint8Array }
  | { id: number; kind: 'truncate'; length: number }

export function createInode(): Inode {
  let durable = new Uint8Array(0)
  let visible = createBuffer()
  let pending: Change[] = []
  let lastId = 0

  const applyTo = (base: Uint8Array, changes: readonly Change[]): Uint8Array<ArrayBuffer> => {
    const buffer = createBuffer(base)
    for (const change of changes) buffer.apply(change)
    return buffer.bytes().slice()
  }
  return {
    content: () => visible.bytes(),
    write: (offset, bytes) => {
      const change: Change = { id: ++lastId, kind: 'write', offset, bytes: bytes.slice() }
      pending.push(change)
      visible.apply(change)
    },
    truncate: (length) => {
      const change: Change = { id: ++lastId, kind: 'truncate', length }
      pending.push(change)
      visible.apply(change)
    },
    mark: () => lastId,
    harden: (mark) => {
      durable = applyTo(
        durable,
        pending.filter(({ id }) => id <= mark),
      )
      pending = pending.filter(({ id }) => id > mark)
    },
    lose: (mark) => {
      pending = pending.filter(({ id }) => id > mark)
    },
    crash: (random, sectorLossChance, fire) => {
      const survivors = pending.slice(0, random.integer(pending.length + 1))
      const last = pending[survivors.length]
      for (let lost = survivors.length; lost < pending.length; lost++) fire('write forgotten')
      if (last?.kind === 'write' && last.bytes.length > 0) {
        if (random.chance(sectorLossChance)) {
          survivors.push(...loseSectors(last.offset, last.bytes, random))
          fire('sectors lost')
        } else if (random.chance(0.8)) {
          survivors.push({ ...last, bytes: last.bytes.slice(0, random.integer(last.bytes.length)) })
          fire('write torn')
        }
      }
      durable = applyTo(durable, survivors)
      pending = []
      visible = createBuffer(durable)
    },
  }
}

/** Some of the file's 512-byte sectors are not written, at least one: they keep what they held, zeros beyond the old end. */
function loseSectors(offset: number, bytes: Uint8Array, random: SimRandom): Change[] {
  const end = offset + bytes.length
  const kept: Change[] = []
  const first = Math.floor(offset / sectorBytes)
  const count = Math.floor((end - 1) / sectorBytes) - first + 1
  const always = random.integer(count)
  for (let at = 0; at < count; at++) {
    if (at === always || random.chance(0.5)) continue
    const start = Math.max(offset, (first + at) * sectorBytes)
    const stop = Math.min(end, (first + at + 1) * sectorBytes)
    kept.push({ id: 0, kind: 'write', offset: start, bytes: bytes.slice(start - offset, stop - offset) })
  }
  // An empty write at the end makes the file as long as it would have become.
  return [...kept, { id: 0, kind: 'write', offset: end, bytes: new Uint8Array(0) }]
}

/** A byte array that grows by doubling. */
function createBuffer(initial: Uint8Array = new Uint8Array(0)) {
  let room = initial.slice()
  let length = initial.length
  const reach = (end: number): void => {
    if (end > room.length) {
      const larger = new Uint8Array(Math.max(end, room.length * 2))
      larger.set(room.subarray(0, length))
      room = larger
    }
    length = Math.max(length, end)
  }
  return {
    bytes: () => room.subarray(0, length),
    apply: (change: Change): void => {
      if (change.kind === 'write') {
        reach(change.offset + change.bytes.length)
        room.set(change.bytes, change.offset)
      } else {
        if (change.length > length) reach(change.length)
        room.fill(0, change.length, length)
        length = change.length
      }
    },
  }
}

const sectorBytes = 512
