/**
 * The hot loops of PoRA: the keccak chain of a seal, the scratchpad of a nonce, and BLAKE2b-512 over masked seals, two
 * seals at once (lane 0 and lane 1 of each 128-bit word). The host gives the memory and keeps away from its first 64 KiB.
 * `permute` is the round of FIPS 202 section 3.2 written out, `compress` that of RFC 7693 section 3.2.
 */
const STATE: usize = memory.data(200, 16)
const HASH: usize = memory.data(128, 16)
const BLOCK: usize = memory.data(256, 16)
const HEADS: usize = memory.data(256, 16)
const ROUNDS: usize = memory.data<u64>([
  0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
  0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
  0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
  0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
])
const INITIAL: usize = memory.data<u64>([
  0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
  0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
])
/** Parameter block of an unkeyed hash of 64 bytes. */
const PARAMETERS: u64 = 0x01010040
/** Which word of the block each step of a round adds, as an offset into BLOCK. */
const SCHEDULE: usize = memory.data<u8>([
  0, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240,
  224, 160, 64, 128, 144, 240, 208, 96, 16, 192, 0, 32, 176, 112, 80, 48,
  176, 128, 192, 0, 80, 32, 240, 208, 160, 224, 48, 96, 112, 16, 144, 64,
  112, 144, 48, 16, 208, 192, 176, 224, 32, 96, 80, 160, 64, 0, 240, 128,
  144, 0, 80, 112, 32, 64, 160, 240, 224, 16, 176, 192, 96, 128, 48, 208,
  32, 192, 96, 160, 0, 176, 128, 48, 64, 208, 112, 80, 240, 224, 16, 144,
  192, 80, 16, 240, 224, 208, 64, 160, 0, 112, 96, 48, 144, 32, 128, 176,
  208, 176, 112, 224, 192, 16, 48, 144, 80, 0, 240, 64, 128, 96, 32, 160,
  96, 240, 224, 144, 176, 48, 0, 128, 192, 32, 208, 112, 16, 64, 160, 80,
  160, 32, 128, 64, 112, 96, 16, 80, 240, 176, 144, 224, 48, 192, 208, 0,
])
const SEAL_BYTES: usize = 4096

/** Turns the 4,096 plain bytes at `data` into a seal; `head` is miner id, context digest, first sector: 96 bytes. */
export function seal(head: usize, data: usize): void {
  absorb(head, 96)
  mask(data)
  for (let at = data; at < data + SEAL_BYTES - 32; at += 32) {
    absorb(at, 32)
    mask(at + 32)
  }
}

/** The way back. */
export function unseal(head: usize, data: usize): void {
  for (let at = data + SEAL_BYTES - 32; at > data; at -= 32) {
    absorb(at - 32, 32)
    mask(at)
  }
  absorb(head, 96)
  mask(data)
}

/** Grows the 16 KiB at `pad` from the 64 bytes at `seed`; the hash of the last cell goes to `output`. */
export function fillPad(seed: usize, pad: usize, output: usize): void {
  let cell = seed
  for (let i: usize = 0; i < 256; i++) {
    const next = pad + (i << 6)
    memory.copy(next, cell, 64)
    hashCell(next, next)
    hashCell(next, next + 32)
    cell = next
  }
  hashCell(cell, output)
}

/** BLAKE2b-512 of the 128 bytes at `input`, to `output`. */
export function hashBlock(input: usize, output: usize): void {
  begin()
  takeBlock(input, input)
  compress(128, true)
  for (let i: usize = 0; i < 8; i++) store<u64>(output + (i << 3), load<u64>(HASH + (i << 4)))
}

/**
 * Qualities (32 bytes each, at `output`) of the 64 seals at `data` for the pad at `pad` grown from `seed`. Seals that
 * neither bit of `low`, `high` names may be left out.
 */
export function qualities(seed: usize, data: usize, pad: usize, low: u32, high: u32, output: usize): void {
  for (let index: usize = 0; index < 64; index += 2) {
    const wanted = index < 32 ? low >> (index as u32) : high >> ((index - 32) as u32)
    if ((wanted & 3) == 0) continue
    head(HEADS, seed, index)
    head(HEADS + 128, seed, index + 1)
    begin()
    takeBlock(HEADS, HEADS + 128)
    compress(128, false)
    const own = data + index * SEAL_BYTES
    const ownPad = pad + (index & 3) * SEAL_BYTES
    for (let at: usize = 0; at < SEAL_BYTES; at += 128) {
      takeMasked(own + at, ownPad + at)
      compress(256 + at, at + 128 == SEAL_BYTES)
    }
    const out = output + (index << 5)
    for (let i: usize = 0; i < 4; i++) {
      const pair = v128.load(HASH + (i << 4))
      store<i64>(out + (i << 3), i64x2.extract_lane(pair, 0))
      store<i64>(out + (i << 3) + 32, i64x2.extract_lane(pair, 1))
    }
  }
}

/** First block of a quality's message: the seal's index in 32 bytes, the seed, 32 zeros. */
function head(at: usize, seed: usize, index: usize): void {
  memory.fill(at, 0, 128)
  store<u8>(at, index as u8, 31)
  memory.copy(at + 32, seed, 64)
}

function begin(): void {
  for (let i: usize = 0; i < 8; i++) {
    const word = load<u64>(INITIAL + (i << 3))
    v128.store(HASH + (i << 4), i64x2.splat(i == 0 ? word ^ PARAMETERS : word))
  }
}

function takeBlock(first: usize, second: usize): void {
  for (let at: usize = 0; at < 128; at += 16) pair(v128.load(first + at), v128.load(second + at), at)
}

/** Blocks of two neighbouring seals, each under its quarter of the pad; the second quarter follows the first. */
function takeMasked(first: usize, firstPad: usize): void {
  for (let at: usize = 0; at < 128; at += 16) {
    const a = v128.xor(v128.load(first + at), v128.load(firstPad + at))
    const b = v128.xor(v128.load(first + at, SEAL_BYTES), v128.load(firstPad + at, SEAL_BYTES))
    pair(a, b, at)
  }
}

// @ts-ignore: decorator
@inline
function pair(a: v128, b: v128, at: usize): void {
  v128.store(BLOCK + (at << 1), v128.shuffle<u64>(a, b, 0, 2))
  v128.store(BLOCK + (at << 1), v128.shuffle<u64>(a, b, 1, 3), 16)
}

// @ts-ignore: decorator
@inline
function turn32(x: v128): v128 {
  return v128.shuffle<u32>(x, x, 1, 0, 3, 2)
}

// @ts-ignore: decorator
@inline
function turn24(x: v128): v128 {
  return v128.shuffle<u8>(x, x, 3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10)
}

// @ts-ignore: decorator
@inline
function turn16(x: v128): v128 {
  return v128.shuffle<u8>(x, x, 2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9)
}

// @ts-ignore: decorator
@inline
function turn63(x: v128): v128 {
  return v128.or(i64x2.add(x, x), i64x2.shr_u(x, 63))
}

// @ts-ignore: decorator
@inline
function word(at: usize): v128 {
  return v128.load(BLOCK + load<u8>(SCHEDULE + at))
}

/** Takes the block in; `hashed` is the number of bytes with it. */
function compress(hashed: u64, isLast: bool): void {
  let v0 = v128.load(HASH, 0)
  let v1 = v128.load(HASH, 16)
  let v2 = v128.load(HASH, 32)
  let v3 = v128.load(HASH, 48)
  let v4 = v128.load(HASH, 64)
  let v5 = v128.load(HASH, 80)
  let v6 = v128.load(HASH, 96)
  let v7 = v128.load(HASH, 112)
  let v8 = v128.load_splat<u64>(INITIAL, 0)
  let v9 = v128.load_splat<u64>(INITIAL, 8)
  let v10 = v128.load_splat<u64>(INITIAL, 16)
  let v11 = v128.load_splat<u64>(INITIAL, 24)
  let v12 = i64x2.splat((load<u64>(INITIAL, 32) ^ hashed) as i64)
  let v13 = v128.load_splat<u64>(INITIAL, 40)
  let v14 = i64x2.splat((isLast ? ~load<u64>(INITIAL, 48) : load<u64>(INITIAL, 48)) as i64)
  let v15 = v128.load_splat<u64>(INITIAL, 56)
  for (let round: usize = 0; round < 192; round += 16) {
    const at = round < 160 ? round : round - 160
    v0 = i64x2.add(i64x2.add(v0, v4), word(at + 0))
    v1 = i64x2.add(i64x2.add(v1, v5), word(at + 2))
    v2 = i64x2.add(i64x2.add(v2, v6), word(at + 4))
    v3 = i64x2.add(i64x2.add(v3, v7), word(at + 6))
    v12 = turn32(v128.xor(v12, v0))
    v13 = turn32(v128.xor(v13, v1))
    v14 = turn32(v128.xor(v14, v2))
    v15 = turn32(v128.xor(v15, v3))
    v8 = i64x2.add(v8, v12)
    v9 = i64x2.add(v9, v13)
    v10 = i64x2.add(v10, v14)
    v11 = i64x2.add(v11, v15)
    v4 = turn24(v128.xor(v4, v8))
    v5 = turn24(v128.xor(v5, v9))
    v6 = turn24(v128.xor(v6, v10))
    v7 = turn24(v128.xor(v7, v11))
    v0 = i64x2.add(i64x2.add(v0, v4), word(at + 1))
    v1 = i64x2.add(i64x2.add(v1, v5), word(at + 3))
    v2 = i64x2.add(i64x2.add(v2, v6), word(at + 5))
    v3 = i64x2.add(i64x2.add(v3, v7), word(at + 7))
    v12 = turn16(v128.xor(v12, v0))
    v13 = turn16(v128.xor(v13, v1))
    v14 = turn16(v128.xor(v14, v2))
    v15 = turn16(v128.xor(v15, v3))
    v8 = i64x2.add(v8, v12)
    v9 = i64x2.add(v9, v13)
    v10 = i64x2.add(v10, v14)
    v11 = i64x2.add(v11, v15)
    v4 = turn63(v128.xor(v4, v8))
    v5 = turn63(v128.xor(v5, v9))
    v6 = turn63(v128.xor(v6, v10))
    v7 = turn63(v128.xor(v7, v11))
    v0 = i64x2.add(i64x2.add(v0, v5), word(at + 8))
    v1 = i64x2.add(i64x2.add(v1, v6), word(at + 10))
    v2 = i64x2.add(i64x2.add(v2, v7), word(at + 12))
    v3 = i64x2.add(i64x2.add(v3, v4), word(at + 14))
    v15 = turn32(v128.xor(v15, v0))
    v12 = turn32(v128.xor(v12, v1))
    v13 = turn32(v128.xor(v13, v2))
    v14 = turn32(v128.xor(v14, v3))
    v10 = i64x2.add(v10, v15)
    v11 = i64x2.add(v11, v12)
    v8 = i64x2.add(v8, v13)
    v9 = i64x2.add(v9, v14)
    v5 = turn24(v128.xor(v5, v10))
    v6 = turn24(v128.xor(v6, v11))
    v7 = turn24(v128.xor(v7, v8))
    v4 = turn24(v128.xor(v4, v9))
    v0 = i64x2.add(i64x2.add(v0, v5), word(at + 9))
    v1 = i64x2.add(i64x2.add(v1, v6), word(at + 11))
    v2 = i64x2.add(i64x2.add(v2, v7), word(at + 13))
    v3 = i64x2.add(i64x2.add(v3, v4), word(at + 15))
    v15 = turn16(v128.xor(v15, v0))
    v12 = turn16(v128.xor(v12, v1))
    v13 = turn16(v128.xor(v13, v2))
    v14 = turn16(v128.xor(v14, v3))
    v10 = i64x2.add(v10, v15)
    v11 = i64x2.add(v11, v12)
    v8 = i64x2.add(v8, v13)
    v9 = i64x2.add(v9, v14)
    v5 = turn63(v128.xor(v5, v10))
    v6 = turn63(v128.xor(v6, v11))
    v7 = turn63(v128.xor(v7, v8))
    v4 = turn63(v128.xor(v4, v9))
  }
  v128.store(HASH, v128.xor(v128.load(HASH, 0), v128.xor(v0, v8)), 0)
  v128.store(HASH, v128.xor(v128.load(HASH, 16), v128.xor(v1, v9)), 16)
  v128.store(HASH, v128.xor(v128.load(HASH, 32), v128.xor(v2, v10)), 32)
  v128.store(HASH, v128.xor(v128.load(HASH, 48), v128.xor(v3, v11)), 48)
  v128.store(HASH, v128.xor(v128.load(HASH, 64), v128.xor(v4, v12)), 64)
  v128.store(HASH, v128.xor(v128.load(HASH, 80), v128.xor(v5, v13)), 80)
  v128.store(HASH, v128.xor(v128.load(HASH, 96), v128.xor(v6, v14)), 96)
  v128.store(HASH, v128.xor(v128.load(HASH, 112), v128.xor(v7, v15)), 112)
}

/** Keccak-256 of the 64 bytes at `input`, to `output`. */
function hashCell(input: usize, output: usize): void {
  absorb(input, 64)
  memory.copy(output, STATE, 32)
}

/** Leaves the keccak-256 of `length` (a multiple of 8, below 136) bytes in the state. */
function absorb(input: usize, length: usize): void {
  memory.fill(STATE + length, 0, 200 - length)
  memory.copy(STATE, input, length)
  store<u64>(STATE + length, 1)
  store<u64>(STATE, 0x8000000000000000, 128)
  permute()
}

/** Masks 32 bytes with the hash that stands in the state. */
function mask(at: usize): void {
  v128.store(at, v128.xor(v128.load(at), v128.load(STATE)))
  v128.store(at, v128.xor(v128.load(at, 16), v128.load(STATE, 16)), 16)
}

function permute(): void {
  let a0 = load<u64>(STATE, 0)
  let a1 = load<u64>(STATE, 8)
  let a2 = load<u64>(STATE, 16)
  let a3 = load<u64>(STATE, 24)
  let a4 = load<u64>(STATE, 32)
  let a5 = load<u64>(STATE, 40)
  let a6 = load<u64>(STATE, 48)
  let a7 = load<u64>(STATE, 56)
  let a8 = load<u64>(STATE, 64)
  let a9 = load<u64>(STATE, 72)
  let a10 = load<u64>(STATE, 80)
  let a11 = load<u64>(STATE, 88)
  let a12 = load<u64>(STATE, 96)
  let a13 = load<u64>(STATE, 104)
  let a14 = load<u64>(STATE, 112)
  let a15 = load<u64>(STATE, 120)
  let a16 = load<u64>(STATE, 128)
  let a17 = load<u64>(STATE, 136)
  let a18 = load<u64>(STATE, 144)
  let a19 = load<u64>(STATE, 152)
  let a20 = load<u64>(STATE, 160)
  let a21 = load<u64>(STATE, 168)
  let a22 = load<u64>(STATE, 176)
  let a23 = load<u64>(STATE, 184)
  let a24 = load<u64>(STATE, 192)
  for (let round: usize = 0; round < 192; round += 8) {
    const c0 = a0 ^ a5 ^ a10 ^ a15 ^ a20
    const c1 = a1 ^ a6 ^ a11 ^ a16 ^ a21
    const c2 = a2 ^ a7 ^ a12 ^ a17 ^ a22
    const c3 = a3 ^ a8 ^ a13 ^ a18 ^ a23
    const c4 = a4 ^ a9 ^ a14 ^ a19 ^ a24
    const d0 = c4 ^ rotl<u64>(c1, 1)
    const d1 = c0 ^ rotl<u64>(c2, 1)
    const d2 = c1 ^ rotl<u64>(c3, 1)
    const d3 = c2 ^ rotl<u64>(c4, 1)
    const d4 = c3 ^ rotl<u64>(c0, 1)
    const b0 = a0 ^ d0
    const b10 = rotl<u64>(a1 ^ d1, 1)
    const b20 = rotl<u64>(a2 ^ d2, 62)
    const b5 = rotl<u64>(a3 ^ d3, 28)
    const b15 = rotl<u64>(a4 ^ d4, 27)
    const b16 = rotl<u64>(a5 ^ d0, 36)
    const b1 = rotl<u64>(a6 ^ d1, 44)
    const b11 = rotl<u64>(a7 ^ d2, 6)
    const b21 = rotl<u64>(a8 ^ d3, 55)
    const b6 = rotl<u64>(a9 ^ d4, 20)
    const b7 = rotl<u64>(a10 ^ d0, 3)
    const b17 = rotl<u64>(a11 ^ d1, 10)
    const b2 = rotl<u64>(a12 ^ d2, 43)
    const b12 = rotl<u64>(a13 ^ d3, 25)
    const b22 = rotl<u64>(a14 ^ d4, 39)
    const b23 = rotl<u64>(a15 ^ d0, 41)
    const b8 = rotl<u64>(a16 ^ d1, 45)
    const b18 = rotl<u64>(a17 ^ d2, 15)
    const b3 = rotl<u64>(a18 ^ d3, 21)
    const b13 = rotl<u64>(a19 ^ d4, 8)
    const b14 = rotl<u64>(a20 ^ d0, 18)
    const b24 = rotl<u64>(a21 ^ d1, 2)
    const b9 = rotl<u64>(a22 ^ d2, 61)
    const b19 = rotl<u64>(a23 ^ d3, 56)
    const b4 = rotl<u64>(a24 ^ d4, 14)
    a0 = b0 ^ (~b1 & b2)
    a1 = b1 ^ (~b2 & b3)
    a2 = b2 ^ (~b3 & b4)
    a3 = b3 ^ (~b4 & b0)
    a4 = b4 ^ (~b0 & b1)
    a5 = b5 ^ (~b6 & b7)
    a6 = b6 ^ (~b7 & b8)
    a7 = b7 ^ (~b8 & b9)
    a8 = b8 ^ (~b9 & b5)
    a9 = b9 ^ (~b5 & b6)
    a10 = b10 ^ (~b11 & b12)
    a11 = b11 ^ (~b12 & b13)
    a12 = b12 ^ (~b13 & b14)
    a13 = b13 ^ (~b14 & b10)
    a14 = b14 ^ (~b10 & b11)
    a15 = b15 ^ (~b16 & b17)
    a16 = b16 ^ (~b17 & b18)
    a17 = b17 ^ (~b18 & b19)
    a18 = b18 ^ (~b19 & b15)
    a19 = b19 ^ (~b15 & b16)
    a20 = b20 ^ (~b21 & b22)
    a21 = b21 ^ (~b22 & b23)
    a22 = b22 ^ (~b23 & b24)
    a23 = b23 ^ (~b24 & b20)
    a24 = b24 ^ (~b20 & b21)
    a0 ^= load<u64>(ROUNDS + round)
  }
  store<u64>(STATE, a0, 0)
  store<u64>(STATE, a1, 8)
  store<u64>(STATE, a2, 16)
  store<u64>(STATE, a3, 24)
  store<u64>(STATE, a4, 32)
  store<u64>(STATE, a5, 40)
  store<u64>(STATE, a6, 48)
  store<u64>(STATE, a7, 56)
  store<u64>(STATE, a8, 64)
  store<u64>(STATE, a9, 72)
  store<u64>(STATE, a10, 80)
  store<u64>(STATE, a11, 88)
  store<u64>(STATE, a12, 96)
  store<u64>(STATE, a13, 104)
  store<u64>(STATE, a14, 112)
  store<u64>(STATE, a15, 120)
  store<u64>(STATE, a16, 128)
  store<u64>(STATE, a17, 136)
  store<u64>(STATE, a18, 144)
  store<u64>(STATE, a19, 152)
  store<u64>(STATE, a20, 160)
  store<u64>(STATE, a21, 168)
  store<u64>(STATE, a22, 176)
  store<u64>(STATE, a23, 184)
  store<u64>(STATE, a24, 192)
}
