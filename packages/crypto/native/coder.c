/*
 * Multiplying by a fixed factor of GF(2^16) is linear over bits: a 16 x 16 bit matrix, four of 8 x 8 for low and high
 * bytes. GFNI applies 8 x 8 bit matrices to 64 bytes at once, so a chunk of 32 symbols takes two such instructions: onto
 * the same half, and, with the halves swapped, onto the other one.
 */
#include "coder.h"
#include <cpuid.h>
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#define TARGET __attribute__((target("avx512f,avx512bw,gfni")))
/* Targets whose sums are in registers together: up to so many, each source is read once. */
#define OUTPUTS 8
#define INLINE TARGET static inline __attribute__((always_inline))

/* Asked once: in a virtual machine the instruction that tells takes microseconds. */
int coderIsThere(void) {
  static _Atomic int known = -1;
  if (known < 0) {
    unsigned a, b = 0, c, d;
    __builtin_cpu_init();
    const int hasSha = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29));
    known = hasSha && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("gfni") && __builtin_cpu_supports("sse4.1");
  }
  return known;
}

/* 8 bytes, the images of bits 0..7, to GFNI's form: byte 7 - i holds what output bit i takes from each input bit. */
static inline uint64_t bitMatrix(__m128i images) {
  uint64_t x = (uint64_t)_mm_cvtsi128_si64(_mm_packus_epi16(images, images)), t;
  t = (x ^ (x >> 7)) & 0x00aa00aa00aa00aa, x ^= t ^ (t << 7);
  t = (x ^ (x >> 14)) & 0x0000cccc0000cccc, x ^= t ^ (t << 14);
  t = (x ^ (x >> 28)) & 0x00000000f0f0f0f0, x ^= t ^ (t << 28);
  return __builtin_bswap64(x);
}

void coderFactor(const uint16_t products[16], Factor *factor) {
  const __m128i low = _mm_loadu_si128((const __m128i *)products), high = _mm_loadu_si128((const __m128i *)(products + 8));
  const __m128i byte = _mm_set1_epi16(255);
  const uint64_t lowToLow = bitMatrix(_mm_and_si128(low, byte)), lowToHigh = bitMatrix(_mm_srli_epi16(low, 8));
  const uint64_t highToLow = bitMatrix(_mm_and_si128(high, byte)), highToHigh = bitMatrix(_mm_srli_epi16(high, 8));
  for (int i = 0; i < 4; i++) {
    factor->same[i] = lowToLow, factor->same[4 + i] = highToHigh;
    factor->other[i] = highToLow, factor->other[4 + i] = lowToHigh;
  }
}

INLINE __m512i swapHalves(__m512i x) { return _mm512_shuffle_i64x2(x, x, 0x4e); }

/* sum + factor * x, with `swapped` the halves of x the other way round */
INLINE __m512i addProduct(__m512i sum, __m512i x, __m512i swapped, __m512i same, __m512i other) {
  return _mm512_ternarylogic_epi64(sum, _mm512_gf2p8affine_epi64_epi8(x, same, 0),
                                   _mm512_gf2p8affine_epi64_epi8(swapped, other, 0), 0x96);
}

/* `outputs` targets, `chunks` chunks of each at a time, sums in registers. */
INLINE void multiplyGroup(const int outputs, const int chunks, const uint8_t *const *sources, size_t sourceCount,
                          const Factor *factors, uint8_t *const *targets, size_t start, size_t end) {
  for (size_t at = start; at < end; at += 64 * chunks) {
    __m512i sums[8][4];
#pragma GCC unroll 8
    for (int o = 0; o < outputs; o++)
#pragma GCC unroll 4
      for (int c = 0; c < chunks; c++) sums[o][c] = _mm512_setzero_si512();
    for (size_t s = 0; s < sourceCount; s++) {
      __m512i x[4], swapped[4];
#pragma GCC unroll 4
      for (int c = 0; c < chunks; c++) {
        x[c] = _mm512_loadu_si512(sources[s] + at + 64 * c);
        swapped[c] = swapHalves(x[c]);
      }
#pragma GCC unroll 8
      for (int o = 0; o < outputs; o++) {
        const Factor *factor = factors + o * sourceCount + s;
        const __m512i same = _mm512_loadu_si512(factor->same), other = _mm512_loadu_si512(factor->other);
#pragma GCC unroll 4
        for (int c = 0; c < chunks; c++) sums[o][c] = addProduct(sums[o][c], x[c], swapped[c], same, other);
      }
    }
#pragma GCC unroll 8
    for (int o = 0; o < outputs; o++)
#pragma GCC unroll 4
      for (int c = 0; c < chunks; c++) _mm512_storeu_si512(targets[o] + at + 64 * c, sums[o][c]);
  }
}

#define GROUP(outputs, chunks)                                                                          \
  do {                                                                                                  \
    const size_t whole = length / (64 * chunks) * (64 * chunks);                                        \
    multiplyGroup(outputs, chunks, sources, sourceCount, factors + t * sourceCount, targets + t, 0, whole); \
    multiplyGroup(outputs, 1, sources, sourceCount, factors + t * sourceCount, targets + t, whole, length); \
    t += outputs;                                                                                       \
  } while (0)

TARGET static void multiplyColumns(const uint8_t *const *sources, size_t sourceCount, const Factor *factors,
                                   uint8_t *const *targets, size_t targetCount, size_t length) {
  for (size_t t = 0; t < targetCount;) {
    const size_t left = targetCount - t;
    if (left >= 8) GROUP(8, 2);
    else if (left >= 4) GROUP(4, 4);
    else if (left >= 2) GROUP(2, 4);
    else GROUP(1, 4);
  }
}

/*
 * Rows often lie a power of two apart, so that one column of them all falls into the same few sets of each cache and is
 * gone before it is read again: where it will be, it is copied to where rows lie side by side first, some columns at a time.
 */
TARGET int coderMultiply(const uint8_t *const *sources, size_t sourceCount, const Factor *factors,
                         uint8_t *const *targets, size_t targetCount, size_t length) {
  if (targetCount <= OUTPUTS) {
    multiplyColumns(sources, sourceCount, factors, targets, targetCount, length);
    return 1;
  }
  const size_t columns = sourceCount <= 32 ? 2048 : 65536 / sourceCount < 256 ? 256 : 65536 / sourceCount / 256 * 256;
  uint8_t *near = aligned_alloc(64, (sourceCount + targetCount) * (columns + 64));
  if (!near) return 0;
  const uint8_t *from[ROWS_MAX];
  uint8_t *to[ROWS_MAX];
  for (size_t s = 0; s < sourceCount; s++) from[s] = near + s * (columns + 64);
  for (size_t t = 0; t < targetCount; t++) to[t] = near + (sourceCount + t) * (columns + 64);
  for (size_t at = 0; at < length; at += columns) {
    const size_t span = length - at < columns ? length - at : columns;
    for (size_t s = 0; s < sourceCount; s++) memcpy((uint8_t *)from[s], sources[s] + at, span);
    multiplyColumns(from, sourceCount, factors, to, targetCount, span);
    for (size_t t = 0; t < targetCount; t++) memcpy(targets[t] + at, to[t], span);
  }
  free(near);
  return 1;
}

/* The 32 chains over a row: state = state * leap + group for each group of 512 bytes, the last first. */
TARGET static void runChains(const uint8_t *row, size_t length, const Factor factors[64], uint8_t state[512]) {
  uint8_t padded[512];
  __m512i sums[8];
  for (int c = 0; c < 8; c++) sums[c] = _mm512_setzero_si512();
  for (size_t at = (length + 511) / 512 * 512; at > 0;) {
    at -= 512;
    const uint8_t *group = row + at;
    if (length - at < 512) {
      memset(padded, 0, sizeof padded);
      memcpy(padded, group, length - at);
      group = padded;
    }
    __m512i next[8];
#pragma GCC unroll 8
    for (int to = 0; to < 8; to++) next[to] = _mm512_loadu_si512(group + 64 * to);
#pragma GCC unroll 8
    for (int from = 0; from < 8; from++) {
      const __m512i swapped = swapHalves(sums[from]);
#pragma GCC unroll 8
      for (int to = 0; to < 8; to++) {
        const Factor *factor = factors + 8 * to + from;
        next[to] = addProduct(next[to], sums[from], swapped, _mm512_loadu_si512(factor->same),
                              _mm512_loadu_si512(factor->other));
      }
    }
#pragma GCC unroll 8
    for (int c = 0; c < 8; c++) sums[c] = next[c];
  }
  for (int c = 0; c < 8; c++) _mm512_storeu_si512(state + 64 * c, sums[c]);
}

/* Sum of the chains times powers of the challenge, by Horner: multiplying is a sum of 32 table entries, one for a nibble. */
static void joinChains(const uint8_t state[512], const __m128i tables[32][16], uint8_t combination[16]) {
  union {
    __m128i vector;
    uint16_t symbols[8];
  } sum = {_mm_setzero_si128()};
  for (int e = 31; e >= 0; e--) {
    __m128i product = _mm_setzero_si128();
    for (int c = 0; c < 8; c++) {
      for (int nibble = 0; nibble < 4; nibble++) {
        product = _mm_xor_si128(product, tables[4 * c + nibble][sum.symbols[c] >> (4 * nibble) & 15]);
      }
    }
    sum.vector = product;
    for (int c = 0; c < 8; c++) sum.symbols[c] ^= state[64 * c + e] | state[64 * c + 32 + e] << 8;
  }
  memcpy(combination, sum.symbols, 16);
}

static inline uint16_t multiply(const Field *field, uint16_t a, uint16_t b) {
  if (a == 0 || b == 0) return 0;
  const uint32_t sum = (uint32_t)field->logarithms[a] + field->logarithms[b];
  return field->exponents[sum > 65535 ? sum - 65535 : sum];
}

/* element = element * x, modulo x^8 + x^3 + x + 0x10c */
static void timesX(const Field *field, uint16_t element[8]) {
  const uint16_t top = element[7];
  memmove(element + 1, element, 14);
  element[0] = multiply(field, 0x10c, top);
  element[1] ^= top;
  element[3] ^= top;
}

static void square(const Field *field, uint16_t element[8]) {
  uint16_t shifted[8], product[8] = {0};
  memcpy(shifted, element, 16);
  for (int i = 0; i < 8; i++) {
    for (int c = 0; c < 8; c++) product[c] ^= multiply(field, shifted[c], element[i]);
    timesX(field, shifted);
  }
  memcpy(element, product, 16);
}

/* At 8 * to + from: coordinate `to` of x^from times the element, times 1, 2, 4, ... 2^15. */
static void productsOf(const Field *field, const uint16_t element[8], uint16_t products[64][16]) {
  uint16_t shifted[8];
  memcpy(shifted, element, 16);
  for (int from = 0; from < 8; from++) {
    for (int to = 0; to < 8; to++)
      for (int bit = 0; bit < 16; bit++) products[8 * to + from][bit] = multiply(field, 1 << bit, shifted[to]);
    timesX(field, shifted);
  }
}

/* Table 4 c + n: the challenge times x^c times each value of nibble n. */
static void nibbleTables(const uint16_t products[64][16], __m128i tables[32][16]) {
  for (int from = 0; from < 8; from++) {
    for (int bit = 0; bit < 16; bit++) {
      uint16_t image[8];
      for (int to = 0; to < 8; to++) image[to] = products[8 * to + from][bit];
      __m128i *table = tables[4 * from + bit / 4];
      const int width = 1 << bit % 4;
      if (width == 1) table[0] = _mm_setzero_si128();
      for (int i = 0; i < width; i++) {
        table[width + i] = _mm_xor_si128(table[i], _mm_loadu_si128((const __m128i *)image));
      }
    }
  }
}

void coderCombine(const uint8_t *const *rows, const size_t *lengths, size_t count, const uint16_t challenge[8],
                  const Field *field, uint8_t *combinations) {
  Factor factors[64] __attribute__((aligned(64)));
  __m128i tables[32][16];
  uint16_t products[64][16], leap[8];
  uint8_t state[512];
  memcpy(leap, challenge, 16);
  for (int squarings = 0; squarings < 5; squarings++) square(field, leap);
  productsOf(field, leap, products);
  for (int i = 0; i < 64; i++) coderFactor(products[i], factors + i);
  productsOf(field, challenge, products);
  nibbleTables((const uint16_t(*)[16])products, tables);
  for (size_t i = 0; i < count; i++) {
    runChains(rows[i], lengths[i], factors, state);
    joinChains(state, (const __m128i(*)[16])tables, combinations + 16 * i);
  }
}
