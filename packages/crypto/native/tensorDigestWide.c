/* SHA-256 of sixteen rows at a time: a lane of a 512-bit vector is a row. Faster than the SHA instructions where there are as many rows. */
#include "tensor.h"
#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("avx512f,avx512bw")))
#define INLINE TARGET static inline __attribute__((always_inline))
#define LANES 16

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

int tensorHasWideSha(void) {
  static _Atomic int known = -1;
  if (known < 0) {
    __builtin_cpu_init();
    known = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
  }
  return known;
}

#define XOR3(a, b, c) _mm512_ternarylogic_epi32(a, b, c, 0x96)
#define ADD(a, b) _mm512_add_epi32(a, b)
#define ROTATE(x, n) _mm512_ror_epi32(x, n)

/* Sixteen rows' next 64 bytes as sixteen vectors of one word of each row. */
INLINE void loadWords(const uint8_t *from, size_t stride, __m512i w[16]) {
  const __m512i turn = _mm512_broadcast_i32x4(_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
  __m512i a[16], b[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) a[i] = _mm512_shuffle_epi8(_mm512_loadu_si512(from + (size_t)i * stride), turn);
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
  }
  /* a[4g + k]: in each quarter q, word 4q + k of rows 4g to 4g + 3. */
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
    a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
    a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
    a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
  }
#pragma GCC unroll 4
  for (int k = 0; k < 4; k++) {
    const __m512i low = _mm512_shuffle_i32x4(a[k], a[4 + k], 0x88), high = _mm512_shuffle_i32x4(a[k], a[4 + k], 0xdd);
    const __m512i low2 = _mm512_shuffle_i32x4(a[8 + k], a[12 + k], 0x88), high2 = _mm512_shuffle_i32x4(a[8 + k], a[12 + k], 0xdd);
    w[k] = _mm512_shuffle_i32x4(low, low2, 0x88);
    w[8 + k] = _mm512_shuffle_i32x4(low, low2, 0xdd);
    w[4 + k] = _mm512_shuffle_i32x4(high, high2, 0x88);
    w[12 + k] = _mm512_shuffle_i32x4(high, high2, 0xdd);
  }
}

TARGET static void compress(__m512i state[8], const uint8_t *from, size_t stride, size_t blocks) {
  for (; blocks > 0; blocks--, from += 64) {
    __m512i w[16], s[8];
    loadWords(from, stride, w);
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) s[i] = state[i];
#pragma GCC unroll 4
    for (int start = 0; start < 64; start += 16) {
#pragma GCC unroll 16
      for (int i = 0; i < 16; i++) {
        if (start > 0) {
          const __m512i early = w[(i + 1) & 15], late = w[(i + 14) & 15];
          const __m512i first = XOR3(ROTATE(early, 7), ROTATE(early, 18), _mm512_srli_epi32(early, 3));
          const __m512i second = XOR3(ROTATE(late, 17), ROTATE(late, 19), _mm512_srli_epi32(late, 10));
          w[i] = ADD(ADD(w[i], first), ADD(w[(i + 9) & 15], second));
        }
        /* a is s[-i mod 8], so that nothing is moved from round to round. */
        const __m512i a = s[(64 - i) & 7], b = s[(65 - i) & 7], c = s[(66 - i) & 7], e = s[(68 - i) & 7];
        const __m512i f = s[(69 - i) & 7], g = s[(70 - i) & 7], h = s[(71 - i) & 7];
        const __m512i choice = _mm512_ternarylogic_epi32(e, f, g, 0xca), majority = _mm512_ternarylogic_epi32(a, b, c, 0xe8);
        const __m512i word = ADD(w[i], _mm512_set1_epi32((int32_t)constants[start + i]));
        const __m512i t1 = ADD(ADD(h, word), ADD(choice, XOR3(ROTATE(e, 6), ROTATE(e, 11), ROTATE(e, 25))));
        const __m512i t2 = ADD(majority, XOR3(ROTATE(a, 2), ROTATE(a, 13), ROTATE(a, 22)));
        s[(67 - i) & 7] = ADD(s[(67 - i) & 7], t1);
        s[(71 - i) & 7] = ADD(t1, t2);
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) state[i] = ADD(state[i], s[i]);
  }
}

TARGET void tensorDigestSixteen(const uint8_t *from, size_t stride, size_t length, uint8_t *target, size_t targetStride) {
  __m512i state[8];
  uint8_t edges[LANES][128];
  uint32_t words[8][LANES];
  const uint64_t bits = __builtin_bswap64(8 * (uint64_t)length);
  const size_t done = length / 64 * 64, rest = length - done, blocks = rest + 9 <= 64 ? 1 : 2;
  for (int i = 0; i < 8; i++) state[i] = _mm512_set1_epi32((int32_t)initial[i]);
  compress(state, from, stride, length / 64);
  memset(edges, 0, sizeof edges);
  for (size_t lane = 0; lane < LANES; lane++) {
    memcpy(edges[lane], from + lane * stride + done, rest);
    edges[lane][rest] = 0x80;
    memcpy(edges[lane] + 64 * blocks - 8, &bits, 8);
  }
  compress(state, edges[0], sizeof edges[0], blocks);
  for (int i = 0; i < 8; i++) _mm512_storeu_si512(words[i], state[i]);
  for (size_t lane = 0; lane < LANES; lane++)
    for (int i = 0; i < 8; i++) {
      const uint32_t word = __builtin_bswap32(words[i][lane]);
      memcpy(target + lane * targetStride + 4 * i, &word, 4);
    }
}
