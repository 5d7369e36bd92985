/*
 * CRC-32 (IEEE 802.3, reflected) by carry-less multiplication: 64 bytes at a time are folded onto the next 64 (Gopal and
 * others, "Fast CRC Computation Using PCLMULQDQ", Intel 2009). Its last line is Barrett's reduction.
 */
#include "fromJavaScript.h"
#include <immintrin.h>

#define TARGET __attribute__((target("pclmul,sse4.1")))
#define INLINE TARGET static inline __attribute__((always_inline))

static int isThere(void) {
  static _Atomic int known = -1;
  if (known < 0) {
    __builtin_cpu_init();
    known = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
  }
  return known;
}

INLINE __m128i load(const uint8_t *at) { return _mm_loadu_si128((const __m128i *)at); }

/* x, moved as far as the factors say, plus `next` */
INLINE __m128i fold(__m128i x, __m128i factors, __m128i next) {
  const __m128i low = _mm_clmulepi64_si128(x, factors, 0x00), high = _mm_clmulepi64_si128(x, factors, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* `state` is the inverted checksum; `length` a multiple of 16, at least 64. */
TARGET static uint32_t foldAll(uint32_t state, const uint8_t *at, size_t length) {
  const __m128i by64 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4), by16 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
  const __m128i by4 = _mm_set_epi64x(0, 0x163cd6124), barrett = _mm_set_epi64x(0x1f7011641, 0x1db710641);
  const __m128i words = _mm_setr_epi32(-1, 0, -1, 0);
  __m128i x[4];
  for (int i = 0; i < 4; i++) x[i] = load(at + 16 * i);
  x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)state));
  for (at += 64, length -= 64; length >= 64; at += 64, length -= 64) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) x[i] = fold(x[i], by64, load(at + 16 * i));
  }
  __m128i sum = x[0];
  for (int i = 1; i < 4; i++) sum = fold(sum, by16, x[i]);
  for (; length >= 16; at += 16, length -= 16) sum = fold(sum, by16, load(at));
  /* 128 bits to 64, to 32 */
  sum = _mm_xor_si128(_mm_srli_si128(sum, 8), _mm_clmulepi64_si128(sum, by16, 0x10));
  sum = _mm_xor_si128(_mm_srli_si128(sum, 4), _mm_clmulepi64_si128(_mm_and_si128(sum, words), by4, 0x00));
  __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(sum, words), barrett, 0x10);
  quotient = _mm_clmulepi64_si128(_mm_and_si128(quotient, words), barrett, 0x00);
  return (uint32_t)_mm_extract_epi32(_mm_xor_si128(sum, quotient), 1);
}

static uint32_t byBits(uint32_t state, const uint8_t *at, size_t length) {
  for (; length > 0; at++, length--) {
    state ^= *at;
    for (int bit = 0; bit < 8; bit++) state = state >> 1 ^ (state & 1 ? 0xedb88320 : 0);
  }
  return state;
}

/* crc32(bytes: Uint8Array, crc: number): number */
static napi_value crc32Call(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2], result;
  Bytes bytes;
  uint32_t crc;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok || count != 2) return fail(env);
  if (!readBytes(env, arguments[0], &bytes) || !isThere()) return fail(env);
  if (napi_get_value_uint32(env, arguments[1], &crc) != napi_ok) return fail(env);
  const size_t folded = bytes.length >= 64 ? bytes.length / 16 * 16 : 0;
  uint32_t state = ~crc;
  if (folded > 0) state = foldAll(state, bytes.data, folded);
  napi_create_uint32(env, ~byBits(state, bytes.data + folded, bytes.length - folded), &result);
  return result;
}

/* hasCrc32(): boolean */
static napi_value hasCrc32Call(napi_env env, napi_callback_info info) {
  napi_value result;
  (void)info;
  napi_get_boolean(env, isThere(), &result);
  return result;
}

void offerCrc32(napi_env env, napi_value exports) {
  offer(env, exports, "crc32", crc32Call);
  offer(env, exports, "hasCrc32", hasCrc32Call);
}
