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

size_t tensorBlockBytes(int kind) {
  return kind == TENSOR_Q80 ? 288 : kind == TENSOR_Q40 ? 160 : kind == TENSOR_Q41 ? 192 : 0;
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

INLINE void addBytes(__m256i sums[GROUPS][ROWS], const uint8_t *w, size_t groupBytes, const uint8_t *q, size_t qStride, int groups, int rows) {
#pragma GCC unroll 2
  for (int pair = 0; pair < 16; pair++, w += 16, q += 4) {
    __m256i part[GROUPS];
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++)
      part[g] = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(w + (size_t)g * groupBytes)));
    addPair(sums, part, q, qStride, groups, rows);
  }
}

/* The value of a block: the exact sum with its scales, and with the minimum of the weights if they have one. */
INLINE __m256 blockValue(int kind, const uint8_t *w, __m256i sum, const float *scale, const float *total) {
  const __m256 d = _mm256_loadu_ps((const float *)w), s = _mm256_set1_ps(*scale);
  if (kind == TENSOR_Q40) sum = _mm256_sub_epi32(sum, _mm256_set1_epi32((int32_t)*total * 8));
  __m256 value = _mm256_mul_ps(d, _mm256_cvtepi32_ps(sum));
  if (kind == TENSOR_Q41) value = _mm256_add_ps(value, _mm256_mul_ps(_mm256_loadu_ps((const float *)w + 8), _mm256_set1_ps(*total)));
  return _mm256_mul_ps(s, value);
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
  const size_t header = kind == TENSOR_Q41 ? 64 : 32, qStride = blocks * 64;
  const uint8_t *q = (const uint8_t *)input->q + row * qStride + first * 64;
  const float *scales = input->scales + row * blocks, *totals = input->sums + row * blocks;
  w += first * blockBytes;
  for (size_t block = first; block < end; block++, w += blockBytes, q += 64) {
    __m256i sums[GROUPS][ROWS];
    if (isLast) fetchAhead(w, groupBytes, blockBytes, groups);
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++) {
#pragma GCC unroll 4
      for (int r = 0; r < rows; r++) sums[g][r] = _mm256_setzero_si256();
    }
    if (kind == TENSOR_Q80) addBytes(sums, w + header, groupBytes, q, qStride, groups, rows);
    else addNibbles(sums, w + header, groupBytes, q, qStride, groups, rows);
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++) {
#pragma GCC unroll 4
      for (int r = 0; r < rows; r++) {
        const size_t at = (size_t)r * blocks + block;
        runs[g][r] = _mm256_add_ps(runs[g][r], blockValue(kind, w + (size_t)g * groupBytes, sums[g][r], scales + at, totals + at));
      }
    }
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

TARGET static void multiplyQ80(const uint8_t *w, size_t groups, const TensorInput *input, uint8_t *out, size_t stride) {
  multiply(TENSOR_Q80, w, groups, input, out, stride);
}

TARGET static void multiplyQ40(const uint8_t *w, size_t groups, const TensorInput *input, uint8_t *out, size_t stride) {
  multiply(TENSOR_Q40, w, groups, input, out, stride);
}

TARGET static void multiplyQ41(const uint8_t *w, size_t groups, const TensorInput *input, uint8_t *out, size_t stride) {
  multiply(TENSOR_Q41, w, groups, input, out, stride);
}

void tensorMultiply(int kind, const uint8_t *weights, size_t groups, const TensorInput *input, uint8_t *out, size_t stride) {
  if (kind == TENSOR_Q80) multiplyQ80(weights, groups, input, out, stride);
  else if (kind == TENSOR_Q40) multiplyQ40(weights, groups, input, out, stride);
  else multiplyQ41(weights, groups, input, out, stride);
}
