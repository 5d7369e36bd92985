/* Bulk keccak-256 for trees: 4 messages at once with AVX2, 8 with AVX-512; what is left over is filled up with zeros. */
#include "keccak.h"
#include <immintrin.h>
#include <string.h>

static const uint64_t roundConstants[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};

#define WIDE 4
#define VEC __m256i
#define NAME(x) avx2_##x
#define TARGET __attribute__((target("avx2")))
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define STORE(p, v) _mm256_storeu_si256((__m256i *)(p), v)
#define BROADCAST(x) _mm256_set1_epi64x(x)
#define XOR(a, b) _mm256_xor_si256(a, b)
#define XOR3(a, b, c) _mm256_xor_si256(_mm256_xor_si256(a, b), c)
#define ROTATE(a, n) _mm256_or_si256(_mm256_slli_epi64(a, n), _mm256_srli_epi64(a, 64 - (n)))
#define CHI(a, b, c) _mm256_xor_si256(a, _mm256_andnot_si256(b, c))

TARGET static inline void avx2_transpose(VEC r[4]) {
  const VEC l0 = _mm256_unpacklo_epi64(r[0], r[1]), h0 = _mm256_unpackhi_epi64(r[0], r[1]);
  const VEC l1 = _mm256_unpacklo_epi64(r[2], r[3]), h1 = _mm256_unpackhi_epi64(r[2], r[3]);
  r[0] = _mm256_permute2x128_si256(l0, l1, 0x20), r[1] = _mm256_permute2x128_si256(h0, h1, 0x20);
  r[2] = _mm256_permute2x128_si256(l0, l1, 0x31), r[3] = _mm256_permute2x128_si256(h0, h1, 0x31);
}

TARGET static inline void avx2_gather(const uint8_t *input, size_t stride, int word, VEC *words) {
  for (int lane = 0; lane < 4; lane++) words[lane] = LOAD(input + lane * stride + 8 * word);
  avx2_transpose(words);
}

TARGET static inline void avx2_squeeze(const VEC *a, uint8_t *output) {
  VEC r[4] = {a[0], a[1], a[2], a[3]};
  avx2_transpose(r);
  for (int lane = 0; lane < 4; lane++) STORE(output + 32 * lane, r[lane]);
}

#include "keccakWide.h"

#define WIDE 8
#define VEC __m512i
#define NAME(x) avx512_##x
#define TARGET __attribute__((target("avx512f")))
#define LOAD(p) _mm512_loadu_si512(p)
#define STORE(p, v) _mm512_storeu_si512(p, v)
#define BROADCAST(x) _mm512_set1_epi64(x)
#define XOR(a, b) _mm512_xor_si512(a, b)
#define XOR3(a, b, c) _mm512_ternarylogic_epi64(a, b, c, 0x96)
#define ROTATE(a, n) _mm512_rol_epi64(a, n)
#define CHI(a, b, c) _mm512_ternarylogic_epi64(a, b, c, 0xd2)

/* 8 x 8 words; the result's row i holds word i of each of the 8. */
TARGET static inline void avx512_transpose(VEC r[8]) {
  VEC t[8], u[8];
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm512_unpacklo_epi64(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi64(r[i], r[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    for (int j = 0; j < 2; j++) {
      u[i + j] = _mm512_shuffle_i64x2(t[i + j], t[i + 2 + j], 0x88);
      u[i + 2 + j] = _mm512_shuffle_i64x2(t[i + j], t[i + 2 + j], 0xdd);
    }
  }
  for (int j = 0; j < 4; j++) {
    r[j] = _mm512_shuffle_i64x2(u[j], u[4 + j], 0x88);
    r[4 + j] = _mm512_shuffle_i64x2(u[j], u[4 + j], 0xdd);
  }
}

TARGET static inline void avx512_gather(const uint8_t *input, size_t stride, int word, VEC *words) {
  for (int lane = 0; lane < 8; lane++) words[lane] = LOAD(input + lane * stride + 8 * word);
  avx512_transpose(words);
}

TARGET static inline void avx512_squeeze(const VEC *a, uint8_t *output) {
  VEC r[8] = {a[0], a[1], a[2], a[3]};
  for (int i = 4; i < 8; i++) r[i] = BROADCAST(0);
  avx512_transpose(r);
  for (int lane = 0; lane < 8; lane++) _mm256_storeu_si256((__m256i *)(output + 32 * lane), _mm512_castsi512_si256(r[lane]));
}

#include "keccakWide.h"

typedef void (*hashMany)(const uint8_t *, uint8_t *);

static _Atomic int lanesMax = 8;

void keccakLimit(int lanes) { lanesMax = lanes; }

int keccakLanes(void) {
  __builtin_cpu_init();
  const int lanes = __builtin_cpu_supports("avx512f") ? 8 : __builtin_cpu_supports("avx2") ? 4 : 0;
  return lanes < lanesMax ? lanes : lanesMax;
}

static void hashAll(const uint8_t *input, size_t inputBytes, size_t each, size_t count, uint8_t *output, hashMany many, size_t wide) {
  uint8_t padded[8 * 256], hashes[8 * 32];
  for (size_t i = 0; i < count; i += wide) {
    const size_t start = i * each, batch = count - i < wide ? count - i : wide;
    if (batch == wide && start + wide * each <= inputBytes) {
      many(input + start, output + 32 * i);
      continue;
    }
    const size_t there = start < inputBytes ? inputBytes - start : 0, most = batch * each;
    const size_t copied = there < most ? there : most;
    memset(padded, 0, sizeof padded);
    memcpy(padded, input + start, copied);
    many(padded, hashes);
    memcpy(output + 32 * i, hashes, 32 * batch);
  }
}

void keccakPairs(const uint8_t *input, size_t pairs, uint8_t *output) {
  const int wide = keccakLanes() == 8 && pairs > 4 ? 8 : 4;
  hashAll(input, 64 * pairs, 64, pairs, output, wide == 8 ? avx512_pairs : avx2_pairs, wide);
}

void keccakTrees(const uint8_t *input, size_t inputBytes, size_t sectors, uint8_t *scratch, uint8_t *output) {
  const int wide = keccakLanes() == 8 && sectors > 4 ? 8 : 4;
  hashAll(input, inputBytes, 256, sectors, scratch, wide == 8 ? avx512_sectors : avx2_sectors, wide);
  for (size_t width = 1024; width > 0; width >>= 1) {
    if (!(sectors & width)) continue;
    for (size_t level = width; level > 1; level >>= 1) keccakPairs(scratch, level >> 1, scratch);
    memcpy(output, scratch, 32);
    scratch += 32 * width;
    output += 32;
  }
}

/* Heads with the padding's first bit behind them; their last 8 bytes count sectors, big-endian. */
static void writeHeads(const uint8_t *head, size_t first, size_t count, uint8_t *heads) {
  uint64_t sector = 0;
  for (int i = 88; i < 96; i++) sector = sector << 8 | head[i];
  for (size_t lane = 0; lane < count; lane++) {
    uint8_t *own = heads + 128 * lane;
    const uint64_t at = sector + 16 * (first + lane);
    memcpy(own, head, 88);
    for (int i = 0; i < 8; i++) own[88 + i] = (uint8_t)(at >> (56 - 8 * i));
    own[96] = 1;
  }
}

void keccakSeals(const uint8_t *head, uint8_t *data, size_t seals, int isUnsealing) {
  uint8_t heads[8 * 128 + 64] = {0}, rest[8 * 4096];
  const size_t wide = keccakLanes() == 8 && seals > 4 ? 8 : 4;
  for (size_t i = 0; i < seals; i += wide) {
    const size_t batch = seals - i < wide ? seals - i : wide;
    uint8_t *own = data + 4096 * i;
    writeHeads(head, i, wide, heads);
    if (batch < wide) {
      memset(rest, 0, sizeof rest);
      memcpy(rest, own, 4096 * batch);
      own = rest;
    }
    if (wide == 8) avx512_seals(heads, own, isUnsealing);
    else avx2_seals(heads, own, isUnsealing);
    if (batch < wide) memcpy(data + 4096 * i, rest, 4096 * batch);
  }
}

void keccakPads(const uint8_t *seeds, size_t count, uint8_t *pads, uint8_t *recalls) {
  static _Thread_local uint8_t rest[8 * 16384];
  const size_t wide = keccakLanes() == 8 && count > 4 ? 8 : 4;
  for (size_t i = 0; i < count; i += wide) {
    const size_t batch = count - i < wide ? count - i : wide;
    uint8_t padded[8 * 64] = {0}, hashes[8 * 32];
    memcpy(padded, seeds + 64 * i, 64 * batch);
    uint8_t *own = batch < wide ? rest : pads + 16384 * i;
    if (wide == 8) avx512_pads(padded, own, hashes);
    else avx2_pads(padded, own, hashes);
    if (batch < wide) memcpy(pads + 16384 * i, rest, 16384 * batch);
    memcpy(recalls + 32 * i, hashes, 32 * batch);
  }
}
