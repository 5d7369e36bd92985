/**
 * The linear combination of a row: Horner's rule in 32 chains at once, one for each symbol of a 64-byte chunk. A group of
 * 512 bytes holds coordinate c of the chains' next elements in its chunk c, so nothing has to be rearranged.
 */
import { CHUNK, highNibbles, lookUp, lowNibbles, sum4 } from './product'

const GROUP: usize = 512
const TABLE: usize = 128
/** The state's nibbles: for each coordinate, 4 vectors for its symbols 0..15, then 4 for 16..31. */
const NIBBLES: usize = memory.data(1024, 16)

/**
 * state = state * δ + group, for `count` groups from the last at `source` down to the first.
 * @param factors 64 tables: coordinate `to` of x^from times δ at 8 * to + from
 */
export function combine(state: usize, source: usize, count: usize, factors: usize): void {
  for (let group = source + GROUP * count; group > source; ) {
    group -= GROUP
    for (let c: usize = 0; c < 8; c++) {
      for (let half: usize = 0; half < 2; half++) {
        const low = v128.load(state + CHUNK * c + 16 * half)
        const high = v128.load(state + CHUNK * c + 16 * half, 32)
        const slot = NIBBLES + 128 * c + 64 * half
        v128.store(slot, lowNibbles(low))
        v128.store(slot, highNibbles(low), 16)
        v128.store(slot, lowNibbles(high), 32)
        v128.store(slot, highNibbles(high), 48)
      }
    }
    let table = factors
    for (let at: usize = 0; at < GROUP; at += CHUNK) {
      let low0 = v128.load(group + at), low1 = v128.load(group + at, 16)
      let high0 = v128.load(group + at, 32), high1 = v128.load(group + at, 48)
      for (let slot = NIBBLES; slot < NIBBLES + 1024; slot += 128, table += TABLE) {
        const t0 = v128.load(table), t1 = v128.load(table, 16), t2 = v128.load(table, 32), t3 = v128.load(table, 48)
        const t4 = v128.load(table, 64), t5 = v128.load(table, 80), t6 = v128.load(table, 96), t7 = v128.load(table, 112)
        const a0 = v128.load(slot), a1 = v128.load(slot, 16), a2 = v128.load(slot, 32), a3 = v128.load(slot, 48)
        low0 = v128.xor(low0, sum4(lookUp(t0, a0), lookUp(t1, a1), lookUp(t2, a2), lookUp(t3, a3)))
        high0 = v128.xor(high0, sum4(lookUp(t4, a0), lookUp(t5, a1), lookUp(t6, a2), lookUp(t7, a3)))
        const b0 = v128.load(slot, 64), b1 = v128.load(slot, 80), b2 = v128.load(slot, 96), b3 = v128.load(slot, 112)
        low1 = v128.xor(low1, sum4(lookUp(t0, b0), lookUp(t1, b1), lookUp(t2, b2), lookUp(t3, b3)))
        high1 = v128.xor(high1, sum4(lookUp(t4, b0), lookUp(t5, b1), lookUp(t6, b2), lookUp(t7, b3)))
      }
      v128.store(state + at, low0)
      v128.store(state + at, low1, 16)
      v128.store(state + at, high0, 32)
      v128.store(state + at, high1, 48)
    }
  }
}
