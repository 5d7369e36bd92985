/**
 * Keccak-256 on two independent messages at once: lane 0 and lane 1 of each 128-bit word hold one state each.
 * The host gives the memory and keeps away from its first 64 KiB, where STATE and CONSTANTS live.
 * The body of `permute` is the round of FIPS 202 section 3.2 written out, state word x + 5y in `a<x+5y>`.
 */
const STATE: usize = memory.data(400, 16)
const RATE: usize = 136
const CONSTANTS: usize = memory.data<u64>([
  0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
  0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
  0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
  0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
])

/** Hashes `count` 256-byte sectors at `input` into 32 bytes each at `output`. */
export function hashSectors(input: usize, count: usize, output: usize): void {
  for (let i: usize = 0; i < count; i += 2) {
    const second: usize = i + 1 < count ? 256 : 0
    clear()
    absorb(input, second, 0, 17)
    permute()
    absorb(input + RATE, second, 0, 15)
    pad(15)
    permute()
    squeeze(output, second >> 3)
    input += 512
    output += 64
  }
}

/** Hashes `count` 64-byte pairs of hashes at `input` into 32 bytes each at `output`, which may be `input` itself. */
export function hashPairs(input: usize, count: usize, output: usize): void {
  for (let i: usize = 0; i < count; i += 2) {
    const second: usize = i + 1 < count ? 64 : 0
    clear()
    absorb(input, second, 0, 8)
    pad(8)
    permute()
    squeeze(output, second >> 1)
    input += 128
    output += 64
  }
}

/** Forgets what was absorbed. */
export function clear(): void {
  memory.fill(STATE, 0, 400)
}

/** Absorbs `count` whole blocks of 136 bytes of one message. */
export function absorbBlocks(input: usize, count: usize): void {
  for (let i: usize = 0; i < count; i++) {
    absorb(input, 0, 0, 17)
    permute()
    input += RATE
  }
}

/**
 * Ends one message: the host has written the last block with its padding bytes (0x01 … 0x80) over 136 bytes
 * at `input`; the hash goes to `output`.
 */
export function finish(input: usize, output: usize): void {
  absorb(input, 0, 0, 17)
  permute()
  squeeze(output, 0)
}

// @ts-ignore: decorator
@inline
function absorb(input: usize, stride: usize, start: usize, end: usize): void {
  for (let word: usize = start; word < end; word++) {
    const at = input + (word << 3)
    const pair = i64x2.replace_lane(i64x2.splat(load<i64>(at)), 1, load<i64>(at + stride))
    const slot = STATE + (word << 4)
    v128.store(slot, v128.xor(v128.load(slot), pair))
  }
}

// @ts-ignore: decorator
@inline
function pad(word: usize): void {
  const first = STATE + (word << 4)
  v128.store(first, v128.xor(v128.load(first), i64x2.splat(1)))
  v128.store(STATE, v128.xor(v128.load(STATE, 256), i64x2.splat(0x8000000000000000)), 256)
}

// @ts-ignore: decorator
@inline
function squeeze(output: usize, stride: usize): void {
  for (let word: usize = 0; word < 4; word++) {
    const pair = v128.load(STATE + (word << 4))
    store<i64>(output + (word << 3) + stride, i64x2.extract_lane(pair, 1))
    store<i64>(output + (word << 3), i64x2.extract_lane(pair, 0))
  }
}

// @ts-ignore: decorator
@inline
function rotl(a: v128, bits: i32): v128 {
  return v128.or(i64x2.shl(a, bits), i64x2.shr_u(a, 64 - bits))
}

// @ts-ignore: decorator
@inline
function chi(a: v128, b: v128, c: v128): v128 {
  return v128.xor(a, v128.andnot(c, b))
}

// @ts-ignore: decorator
@inline
function x5(a: v128, b: v128, c: v128, d: v128, e: v128): v128 {
  return v128.xor(v128.xor(v128.xor(a, b), v128.xor(c, d)), e)
}

function permute(): void {
  let a0 = v128.load(STATE, 0)
  let a1 = v128.load(STATE, 16)
  let a2 = v128.load(STATE, 32)
  let a3 = v128.load(STATE, 48)
  let a4 = v128.load(STATE, 64)
  let a5 = v128.load(STATE, 80)
  let a6 = v128.load(STATE, 96)
  let a7 = v128.load(STATE, 112)
  let a8 = v128.load(STATE, 128)
  let a9 = v128.load(STATE, 144)
  let a10 = v128.load(STATE, 160)
  let a11 = v128.load(STATE, 176)
  let a12 = v128.load(STATE, 192)
  let a13 = v128.load(STATE, 208)
  let a14 = v128.load(STATE, 224)
  let a15 = v128.load(STATE, 240)
  let a16 = v128.load(STATE, 256)
  let a17 = v128.load(STATE, 272)
  let a18 = v128.load(STATE, 288)
  let a19 = v128.load(STATE, 304)
  let a20 = v128.load(STATE, 320)
  let a21 = v128.load(STATE, 336)
  let a22 = v128.load(STATE, 352)
  let a23 = v128.load(STATE, 368)
  let a24 = v128.load(STATE, 384)
  for (let round: usize = 0; round < 192; round += 8) {
    const c0 = x5(a0, a5, a10, a15, a20)
    const c1 = x5(a1, a6, a11, a16, a21)
    const c2 = x5(a2, a7, a12, a17, a22)
    const c3 = x5(a3, a8, a13, a18, a23)
    const c4 = x5(a4, a9, a14, a19, a24)
    const d0 = v128.xor(c4, rotl(c1, 1))
    const d1 = v128.xor(c0, rotl(c2, 1))
    const d2 = v128.xor(c1, rotl(c3, 1))
    const d3 = v128.xor(c2, rotl(c4, 1))
    const d4 = v128.xor(c3, rotl(c0, 1))
    const b0 = v128.xor(a0, d0)
    const b10 = rotl(v128.xor(a1, d1), 1)
    const b20 = rotl(v128.xor(a2, d2), 62)
    const b5 = rotl(v128.xor(a3, d3), 28)
    const b15 = rotl(v128.xor(a4, d4), 27)
    const b16 = rotl(v128.xor(a5, d0), 36)
    const b1 = rotl(v128.xor(a6, d1), 44)
    const b11 = rotl(v128.xor(a7, d2), 6)
    const b21 = rotl(v128.xor(a8, d3), 55)
    const b6 = rotl(v128.xor(a9, d4), 20)
    const b7 = rotl(v128.xor(a10, d0), 3)
    const b17 = rotl(v128.xor(a11, d1), 10)
    const b2 = rotl(v128.xor(a12, d2), 43)
    const b12 = rotl(v128.xor(a13, d3), 25)
    const b22 = rotl(v128.xor(a14, d4), 39)
    const b23 = rotl(v128.xor(a15, d0), 41)
    const b8 = rotl(v128.xor(a16, d1), 45)
    const b18 = rotl(v128.xor(a17, d2), 15)
    const b3 = rotl(v128.xor(a18, d3), 21)
    const b13 = rotl(v128.xor(a19, d4), 8)
    const b14 = rotl(v128.xor(a20, d0), 18)
    const b24 = rotl(v128.xor(a21, d1), 2)
    const b9 = rotl(v128.xor(a22, d2), 61)
    const b19 = rotl(v128.xor(a23, d3), 56)
    const b4 = rotl(v128.xor(a24, d4), 14)
    a0 = chi(b0, b1, b2)
    a1 = chi(b1, b2, b3)
    a2 = chi(b2, b3, b4)
    a3 = chi(b3, b4, b0)
    a4 = chi(b4, b0, b1)
    a5 = chi(b5, b6, b7)
    a6 = chi(b6, b7, b8)
    a7 = chi(b7, b8, b9)
    a8 = chi(b8, b9, b5)
    a9 = chi(b9, b5, b6)
    a10 = chi(b10, b11, b12)
    a11 = chi(b11, b12, b13)
    a12 = chi(b12, b13, b14)
    a13 = chi(b13, b14, b10)
    a14 = chi(b14, b10, b11)
    a15 = chi(b15, b16, b17)
    a16 = chi(b16, b17, b18)
    a17 = chi(b17, b18, b19)
    a18 = chi(b18, b19, b15)
    a19 = chi(b19, b15, b16)
    a20 = chi(b20, b21, b22)
    a21 = chi(b21, b22, b23)
    a22 = chi(b22, b23, b24)
    a23 = chi(b23, b24, b20)
    a24 = chi(b24, b20, b21)
    a0 = v128.xor(a0, v128.load_splat<u64>(CONSTANTS + round))
  }
  v128.store(STATE, a0, 0)
  v128.store(STATE, a1, 16)
  v128.store(STATE, a2, 32)
  v128.store(STATE, a3, 48)
  v128.store(STATE, a4, 64)
  v128.store(STATE, a5, 80)
  v128.store(STATE, a6, 96)
  v128.store(STATE, a7, 112)
  v128.store(STATE, a8, 128)
  v128.store(STATE, a9, 144)
  v128.store(STATE, a10, 160)
  v128.store(STATE, a11, 176)
  v128.store(STATE, a12, 192)
  v128.store(STATE, a13, 208)
  v128.store(STATE, a14, 224)
  v128.store(STATE, a15, 240)
  v128.store(STATE, a16, 256)
  v128.store(STATE, a17, 272)
  v128.store(STATE, a18, 288)
  v128.store(STATE, a19, 304)
  v128.store(STATE, a20, 320)
  v128.store(STATE, a21, 336)
  v128.store(STATE, a22, 352)
  v128.store(STATE, a23, 368)
  v128.store(STATE, a24, 384)
}
