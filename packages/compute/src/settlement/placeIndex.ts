/**
 * Where in a log the record with a name stands: a map from texts to places that keeps 24 bytes an entry outside the heap, for
 * logs that grow without end. It holds fingerprints of 128 bits instead of names, so that two names meeting is not to be feared.
 */
import { textToBytes } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'

export type PlaceIndex = {
  /** A name that is there already moves to the new place. @param place - a whole number from 0 to 2^53 - 1 */
  set(name: string, place: number): void
  get(name: string): number | undefined
  has(name: string): boolean
}

const wordsPerPrint = 4
const slotsMin = 1_024
/** Fuller than this, and it doubles. */
const loadMax = 0.6
const empty = -1

export function createPlaceIndex(): PlaceIndex {
  let prints = new Uint32Array(slotsMin * wordsPerPrint)
  let places = new Float64Array(slotsMin).fill(empty)
  let count = 0

  /** The slot with this fingerprint, or the empty one where it belongs. */
  function slotOf(print: Uint32Array): number {
    const mask = places.length - 1
    for (let slot = print[0]! & mask; ; slot = (slot + 1) & mask) {
      if (places[slot] === empty || isAt(print, slot)) return slot
    }
  }

  function isAt(print: Uint32Array, slot: number): boolean {
    const at = slot * wordsPerPrint
    return (
      prints[at] === print[0] &&
      prints[at + 1] === print[1] &&
      prints[at + 2] === print[2] &&
      prints[at + 3] === print[3]
    )
  }

  function grow(): void {
    const [before, standing] = [prints, places]
    prints = new Uint32Array(before.length * 2)
    places = new Float64Array(standing.length * 2).fill(empty)
    for (let slot = 0; slot < standing.length; slot++) {
      if (standing[slot] === empty) continue
      const print = before.subarray(slot * wordsPerPrint, (slot + 1) * wordsPerPrint)
      put(slotOf(print), print, standing[slot]!)
    }
  }

  function put(slot: number, print: Uint32Array, place: number): void {
    prints.set(print, slot * wordsPerPrint)
    places[slot] = place
  }

  const get = (name: string): number | undefined => {
    const place = places[slotOf(printOf(name))]!
    return place === empty ? undefined : place
  }

  return {
    get,
    has: (name) => get(name) !== undefined,
    set(name, place) {
      const print = printOf(name)
      const slot = slotOf(print)
      const isNew = places[slot] === empty
      put(slot, print, place)
      if (!isNew) return
      count++
      if (count > places.length * loadMax) grow()
    },
  }
}

function printOf(name: string): Uint32Array {
  const hash = keccak256(textToBytes(name))
  return new Uint32Array(hash.buffer, hash.byteOffset, wordsPerPrint)
}
