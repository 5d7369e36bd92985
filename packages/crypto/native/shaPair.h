/* SHA-256 compression with the SHA instructions, of two messages side by side: each waits for itself, so two take little more than one. */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SHA_TARGET __attribute__((target("sha,sse4.1,ssse3")))

static const uint32_t shaConstants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* The state as the instructions want it: words a b e f and c d g h, the first word in the highest place. */
typedef struct {
  __m128i abef, cdgh;
} ShaState;

/* Compresses `blocks` blocks of 64 bytes of each message. */
SHA_TARGET static void shaCompressPair(ShaState states[2], const uint8_t *a, const uint8_t *b, size_t blocks) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  ShaState s0 = states[0], s1 = states[1];
  for (; blocks > 0; blocks--, a += 64, b += 64) {
    const ShaState before0 = s0, before1 = s1;
    __m128i m0[4], m1[4];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
      const __m128i k = _mm_load_si128((const __m128i *)(shaConstants + 4 * i));
      if (i < 4) {
        m0[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(a + 16 * i)), swap);
        m1[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(b + 16 * i)), swap);
      } else {
        const int n = i & 3, n1 = (i + 1) & 3, n2 = (i + 2) & 3, n3 = (i + 3) & 3;
        m0[n] = _mm_sha256msg2_epu32(
            _mm_add_epi32(_mm_sha256msg1_epu32(m0[n], m0[n1]), _mm_alignr_epi8(m0[n3], m0[n2], 4)), m0[n3]);
        m1[n] = _mm_sha256msg2_epu32(
            _mm_add_epi32(_mm_sha256msg1_epu32(m1[n], m1[n1]), _mm_alignr_epi8(m1[n3], m1[n2], 4)), m1[n3]);
      }
      const __m128i w0 = _mm_add_epi32(m0[i & 3], k), w1 = _mm_add_epi32(m1[i & 3], k);
      s0.cdgh = _mm_sha256rnds2_epu32(s0.cdgh, s0.abef, w0);
      s1.cdgh = _mm_sha256rnds2_epu32(s1.cdgh, s1.abef, w1);
      s0.abef = _mm_sha256rnds2_epu32(s0.abef, s0.cdgh, _mm_shuffle_epi32(w0, 0x0e));
      s1.abef = _mm_sha256rnds2_epu32(s1.abef, s1.cdgh, _mm_shuffle_epi32(w1, 0x0e));
    }
    s0.abef = _mm_add_epi32(s0.abef, before0.abef), s0.cdgh = _mm_add_epi32(s0.cdgh, before0.cdgh);
    s1.abef = _mm_add_epi32(s1.abef, before1.abef), s1.cdgh = _mm_add_epi32(s1.cdgh, before1.cdgh);
  }
  states[0] = s0, states[1] = s1;
}

SHA_TARGET static void shaStore(ShaState state, uint8_t hash[32]) {
  const uint32_t abef[4] = {_mm_extract_epi32(state.abef, 3), _mm_extract_epi32(state.abef, 2),
                            _mm_extract_epi32(state.abef, 1), _mm_extract_epi32(state.abef, 0)};
  const uint32_t cdgh[4] = {_mm_extract_epi32(state.cdgh, 3), _mm_extract_epi32(state.cdgh, 2),
                            _mm_extract_epi32(state.cdgh, 1), _mm_extract_epi32(state.cdgh, 0)};
  const uint32_t words[8] = {abef[0], abef[1], cdgh[0], cdgh[1], abef[2], abef[3], cdgh[2], cdgh[3]};
  for (int i = 0; i < 8; i++) {
    const uint32_t word = __builtin_bswap32(words[i]);
    memcpy(hash + 4 * i, &word, 4);
  }
}

SHA_TARGET static inline ShaState shaStart(void) {
  const ShaState start = {_mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c),
                          _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19)};
  return start;
}
