/*
 * Packed quantised matrices times rows of activations. A lane is an output row: the sum of a block's 32 products is an exact
 * integer, and the f32 operations on it are those of the WebAssembly kernels in their order, each rounded alone (no fused
 * multiply-add: AVX2 is asked for without FMA). Weights are widened in registers and used for up to four rows of activations at once.
 */
#include "tensor.h"
#include <immintrin.h>

#define TARGET __attribute__((target("avx2")))
#define INLINE TARGET static inline __attribute__((always_inline))

/* Blocks whose values are summed before the sums are. */
#define RUN 256
/* Most groups and rows of a tile. */
#define GROUPS 4
#define ROWS 4

int tensorIsThere(void) {
  static _Atomic int known = -1;
  if (known < 0) {
    __builtin_cpu_init();
    known = __builtin_cpu_supports("avx2") != 0;
  }
  return known;
}

#define ALWAYS static inline __attribute__((always_inline))

ALWAYS int inNibbles(int kind) { return kind == TENSOR_Q40 || kind == TENSOR_Q41 || kind == TENSOR_Q2K; }

/* Whether columns 0-15 and 16-31 of a block have scales of their own. */
ALWAYS int inHalves(int kind) { return kind == TENSOR_Q6K || kind == TENSOR_Q2K; }

/* Floats of a block's scales and minima. */
ALWAYS size_t headFloats(int kind) { return kind == TENSOR_Q2K ? 32 : kind <= TENSOR_Q40 ? 8 : 16; }

/* Where a block's minima begin, in floats; 0 for a kind without. */
ALWAYS size_t minimaAt(int kind) { return kind == TENSOR_Q2K ? 16 : kind == TENSOR_Q41 || kind == TENSOR_Q51 ? 8 : 0; }

size_t tensorBlockBytes(int kind) {
  if (kind < TENSOR_Q80 || kind > TENSOR_Q2K) return 0;
  return headFloats(kind) * 4 + (inNibbles(kind) ? 128 : 256);
}

/* Adds to each sum the products of one pair of columns: weights of eight rows as pairs of i16, two integers of an activation. */
INLINE void addPair(__m256i sums[GROUPS][ROWS], const __m256i weights[GROUPS], const uint8_t *q, size_t qStride, int groups, int rows) {
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) {
    int32_t both;
    __builtin_memcpy(&both, q + (size_t)r * qStride, 4);
    const __m256i x = _mm256_set1_epi32(both);
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++) {
      sums[g][r] = _mm256_add_epi32(sums[g][r], _mm256_madd_epi16(weights[g], x));
      /* Else the compiler adds in another order, for which there are not enough registers. */
      __asm__("" : "+x"(sums[g][r]));
    }
  }
}

INLINE void addNibbles(__m256i sums[GROUPS][ROWS], const uint8_t *w, size_t groupBytes, const uint8_t *q, size_t qStride, int groups, int rows) {
  const __m256i mask = _mm256_set1_epi16(15);
#pragma GCC unroll 1
  for (int word = 0; word < 4; word++, w += 32, q += 8) {
    __m256i v[GROUPS], part[GROUPS];
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++) v[g] = _mm256_loadu_si256((const __m256i *)(w + (size_t)g * groupBytes));
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++) part[g] = _mm256_and_si256(v[g], mask);
    addPair(sums, part, q, qStride, groups, rows);
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++) part[g] = _mm256_and_si256(_mm256_srli_epi16(v[g], 8), mask);
    addPair(sums, part, q + 4, qStride, groups, rows);
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++) part[g] = _mm256_and_si256(_mm256_srli_epi16(v[g], 4), mask);
    addPair(sums, part, q + 32, qStride, groups, rows);
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++) part[g] = _mm256_srli_epi16(v[g], 12);
    addPair(sums, part, q + 36, qStride, groups, rows);
  }
}

/* Half a block of nibbles: the low ones (`half` 0) or the high ones. */
INLINE void addHalfNibbles(__m256i sums[GROUPS][ROWS], const uint8_t *w, int half, size_t groupBytes, const uint8_t *q, size_t qStride, int groups, int rows) {
  const __m256i mask = _mm256_set1_epi16(15);
  const __m128i shift = _mm_cvtsi32_si128(half * 4);
#pragma GCC unroll 1
  for (int word = 0; word < 4; word++, w += 32, q += 8) {
    __m256i v[GROUPS], part[GROUPS];
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++) v[g] = _mm256_srl_epi16(_mm256_loadu_si256((const __m256i *)(w + (size_t)g * groupBytes)), shift);
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++) part[g] = _mm256_and_si256(v[g], mask);
    addPair(sums, part, q, qStride, groups, rows);
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++) part[g] = _mm256_and_si256(_mm256_srli_epi16(v[g], 8), mask);
    addPair(sums, part, q + 4, qStride, groups, rows);
  }
}

INLINE void addBytes(__m256i sums[GROUPS][ROWS], const uint8_t *w, int pairs, size_t groupBytes, const uint8_t *q, size_t qStride, int groups, int rows) {
#pragma GCC unroll 2
  for (int pair = 0; pair < pairs; pair++, w += 16, q += 4) {
    __m256i part[GROUPS];
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++)
      part[g] = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(w + (size_t)g * groupBytes)));
    addPair(sums, part, q, qStride, groups, rows);
  }
}

/* The exact sum of a block, or of half of it, with its scales, and with the minimum of the weights if they have one. */
INLINE __m256 scaledSum(int kind, const float *head, __m256i sum, float total) {
  const size_t minima = minimaAt(kind);
  if (kind == TENSOR_Q40) sum = _mm256_sub_epi32(sum, _mm256_set1_epi32((int32_t)total * 8));
  const __m256 value = _mm256_mul_ps(_mm256_loadu_ps(head), _mm256_cvtepi32_ps(sum));
  return minima == 0 ? value : _mm256_add_ps(value, _mm256_mul_ps(_mm256_loadu_ps(head + minima), _mm256_set1_ps(total)));
}

/* Sum of 16 of an activation's integers. */
INLINE float sumOfHalf(const uint8_t *q) {
  const __m256i pairs = _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)q), _mm256_set1_epi16(1));
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
  return (float)_mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1)));
}

INLINE void clearSums(__m256i sums[GROUPS][ROWS], int groups, int rows) {
#pragma GCC unroll 4
  for (int g = 0; g < groups; g++) {
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) sums[g][r] = _mm256_setzero_si256();
  }
}

/* Adds a block's values, of a kind with one scale, to `runs`. `q`, `scales`, `totals`: of the block and the first of the rows. */
INLINE void addWhole(int kind, const uint8_t *w, size_t groupBytes, const uint8_t *q, size_t blocks, const float *scales, const float *totals, __m256 runs[GROUPS][ROWS], int groups, int rows) {
  __m256i sums[GROUPS][ROWS];
  clearSums(sums, groups, rows);
  const uint8_t *integers = w + headFloats(kind) * 4;
  if (inNibbles(kind)) addNibbles(sums, integers, groupBytes, q, blocks * 64, groups, rows);
  else addBytes(sums, integers, 16, groupBytes, q, blocks * 64, groups, rows);
#pragma GCC unroll 4
  for (int g = 0; g < groups; g++) {
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
      const size_t at = (size_t)r * blocks;
      const __m256 value = scaledSum(kind, (const float *)(w + (size_t)g * groupBytes), sums[g][r], totals[at]);
      runs[g][r] = _mm256_add_ps(runs[g][r], _mm256_mul_ps(_mm256_set1_ps(scales[at]), value));
    }
  }
}

/* As addWhole, of a kind whose halves have scales of their own. */
INLINE void addHalves(int kind, const uint8_t *w, size_t groupBytes, const uint8_t *q, size_t blocks, const float *scales, __m256 runs[GROUPS][ROWS], int groups, int rows) {
  __m256 values[GROUPS][ROWS];
#pragma GCC unroll 2
  for (int half = 0; half < 2; half++, q += 32) {
    __m256i sums[GROUPS][ROWS];
    clearSums(sums, groups, rows);
    const uint8_t *integers = w + headFloats(kind) * 4;
    if (inNibbles(kind)) addHalfNibbles(sums, integers, half, groupBytes, q, blocks * 64, groups, rows);
    else addBytes(sums, integers + half * 128, 8, groupBytes, q, blocks * 64, groups, rows);
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
      const float total = minimaAt(kind) ? sumOfHalf(q + (size_t)r * blocks * 64) : 0;
#pragma GCC unroll 4
      for (int g = 0; g < groups; g++) {
        const __m256 value = scaledSum(kind, (const float *)(w + (size_t)g * groupBytes) + half * 8, sums[g][r], total);
        values[g][r] = half ? _mm256_add_ps(values[g][r], value) : value;
      }
    }
  }
#pragma GCC unroll 4
  for (int g = 0; g < groups; g++) {
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
      runs[g][r] = _mm256_add_ps(runs[g][r], _mm256_mul_ps(_mm256_set1_ps(scales[(size_t)r * blocks]), values[g][r]));
  }
}

/* Fetches a block of each of the groups that come `groups` groups later: their weights come from memory, once. */
INLINE void fetchAhead(const uint8_t *w, size_t groupBytes, size_t blockBytes, int groups) {
#pragma GCC unroll 4
  for (int g = 0; g < groups; g++)
    for (size_t line = 0; line < blockBytes; line += 64)
      _mm_prefetch((const char *)(w + (size_t)(groups + g) * groupBytes + line), _MM_HINT_T0);
}

/* Adds the values of the blocks from `first` to `end` to `runs`. `isLast`: no other rows want these groups. */
INLINE void sumBlocks(int isLast, int kind, const uint8_t *w, const TensorInput *input, size_t row, __m256 runs[GROUPS][ROWS], size_t first, size_t end, int groups, int rows) {
  const size_t blocks = input->blocks, blockBytes = tensorBlockBytes(kind), groupBytes = blocks * blockBytes;
  const uint8_t *q = (const uint8_t *)input->q + (row * blocks + first) * 64;
  const float *scales = input->scales + row * blocks, *totals = input->sums + row * blocks;
  w += first * blockBytes;
  for (size_t block = first; block < end; block++, w += blockBytes, q += 64) {
    if (isLast) fetchAhead(w, groupBytes, blockBytes, groups);
    if (inHalves(kind)) addHalves(kind, w, groupBytes, q, blocks, scales + block, runs, groups, rows);
    else addWhole(kind, w, groupBytes, q, blocks, scales + block, totals + block, runs, groups, rows);
  }
}

/* `groups` groups times `rows` rows; both are constants where this is called, so that sums and weights stay in registers. */
INLINE void tile(int kind, const uint8_t *w, const TensorInput *input, size_t row, uint8_t *out, size_t stride, int groups, int rows) {
  for (size_t first = 0; first < input->blocks; first += RUN) {
    const size_t end = first + RUN < input->blocks ? first + RUN : input->blocks;
    __m256 runs[GROUPS][ROWS];
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++) {
#pragma GCC unroll 4
      for (int r = 0; r < rows; r++) runs[g][r] = _mm256_setzero_ps();
    }
    sumBlocks(row + (size_t)rows == input->rows, kind, w, input, row, runs, first, end, groups, rows);
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++) {
#pragma GCC unroll 4
      for (int r = 0; r < rows; r++) {
        float *to = (float *)(out + (row + (size_t)r) * stride + (size_t)g * 32);
        _mm256_storeu_ps(to, first == 0 ? runs[g][r] : _mm256_add_ps(_mm256_loadu_ps(to), runs[g][r]));
      }
    }
  }
}

/* All rows of the input times `groups` groups. */
INLINE void strip(int kind, const uint8_t *w, const TensorInput *input, uint8_t *out, size_t stride, int groups) {
  size_t row = 0;
  for (; row + 4 <= input->rows; row += 4) tile(kind, w, input, row, out, stride, groups, 4);
  for (; row + 2 <= input->rows; row += 2) tile(kind, w, input, row, out, stride, groups, 2);
  if (row < input->rows) tile(kind, w, input, row, out, stride, groups, 1);
}

INLINE void multiply(int kind, const uint8_t *w, size_t groups, const TensorInput *input, uint8_t *out, size_t stride) {
  const size_t groupBytes = input->blocks * tensorBlockBytes(kind);
  size_t group = 0;
  if (input->rows == 1)
    for (; group + 4 <= groups; group += 4) tile(kind, w + group * groupBytes, input, 0, out + group * 32, stride, 4, 1);
  for (; group + 2 <= groups; group += 2) strip(kind, w + group * groupBytes, input, out + group * 32, stride, 2);
  if (group < groups) strip(kind, w + group * groupBytes, input, out + group * 32, stride, 1);
}

#define MULTIPLY(kind) \
  TARGET static void multiply_##kind(const uint8_t *w, size_t groups, const TensorInput *input, uint8_t *out, size_t stride) { \
    multiply(kind, w, groups, input, out, stride); \
  }
MULTIPLY(TENSOR_Q80)
MULTIPLY(TENSOR_Q40)
MULTIPLY(TENSOR_Q41)
MULTIPLY(TENSOR_Q51)
MULTIPLY(TENSOR_Q6K)
MULTIPLY(TENSOR_Q2K)

void tensorMultiply(int kind, const uint8_t *weights, size_t groups, const TensorInput *input, uint8_t *out, size_t stride) {
  switch (kind) {
    case TENSOR_Q80: multiply_TENSOR_Q80(weights, groups, input, out, stride); break;
    case TENSOR_Q40: multiply_TENSOR_Q40(weights, groups, input, out, stride); break;
    case TENSOR_Q41: multiply_TENSOR_Q41(weights, groups, input, out, stride); break;
    case TENSOR_Q51: multiply_TENSOR_Q51(weights, groups, input, out, stride); break;
    case TENSOR_Q6K: multiply_TENSOR_Q6K(weights, groups, input, out, stride); break;
    default: multiply_TENSOR_Q2K(weights, groups, input, out, stride);
  }
}
