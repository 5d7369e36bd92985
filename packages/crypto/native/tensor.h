/* Kernels of the tensor engine with vectors of 256 bits; the bits are those of `packages/tensor/assembly`. See spec/tensor.md 3.4, 8.1. */
#include <stddef.h>
#include <stdint.h>

/* Whether this processor has AVX2; if not, tensorMultiply must not be called. */
int tensorIsThere(void);
/* Whether it has the SHA instructions; if not, tensorDigestRows must not be called. */
int tensorHasSha(void);

/* Kinds of packed matrices, as packages/tensor/assembly/engine/layout.ts numbers and describes them. */
enum { TENSOR_Q80 = 1, TENSOR_Q40 = 2, TENSOR_Q41 = 3, TENSOR_Q51 = 4, TENSOR_Q6K = 5, TENSOR_Q2K = 6 };

/* Bytes of a block of 32 columns of eight packed rows; 0 for a kind that there is not. */
size_t tensorBlockBytes(int kind);

/* Rows of activations, quantised: per row `blocks` blocks of 32 integers in shuffled order, scales and sums of the integers. */
typedef struct {
  const int16_t *q;
  const float *scales, *sums;
  size_t blocks, rows;
} TensorInput;

/* out[row][8 * group + lane]: packed weights of `groups` groups times each row; `stride` bytes lie between rows of `out`. */
void tensorMultiply(int kind, const uint8_t *weights, size_t groups, const TensorInput *input, uint8_t *out, size_t stride);

typedef struct {
  const uint8_t *from;
  size_t length;
  uint8_t *target;
} TensorMessage;

/* The most that are worth sorting at once. */
enum { TENSOR_MESSAGES = 64 };

/* SHA-256 of each of `count` messages, at most TENSOR_MESSAGES, whose order it changes. */
void tensorDigestMessages(TensorMessage *list, size_t count);

/* SHA-256 of each of `rows` messages of one length, `stride` and `targetStride` bytes apart. */
void tensorDigestRows(const uint8_t *from, size_t stride, size_t length, uint8_t *target, size_t targetStride, size_t rows);

/* Rows of f32, `stride` bytes apart. */
typedef struct {
  const uint8_t *at;
  size_t stride, rows;
} FloatRows;

/* Whether this processor has vectors of 512 bits; what follows also does with AVX2. */
int tensorHasWide(void);

/* out[row][8 * group + lane]: packed f32 weights of `groups` groups times each row of x; as gemmRows of kind 0. x has a multiple of four rows. */
void tensorFloatRows(const uint8_t *weights, size_t groups, size_t columns, const FloatRows *x, uint8_t *out, size_t outStride);

/* out[row][column], `count` columns from `first`: each row of y times packed f32 weights of `rows` rows (a multiple of eight); as gemmColumns of kind 0. */
void tensorFloatColumns(const uint8_t *weights, size_t rows, size_t columns, size_t first, size_t count, const FloatRows *y, uint8_t *out);

/* out[row][column] += fold of left[t][row] * right[t][column] over all t, `rows` a multiple of four; as gradientOuter. */
void tensorFloatOuter(const FloatRows *left, const FloatRows *right, uint8_t *out, size_t outStride, size_t rows, size_t columns);

/* Whether this processor can hash sixteen rows side by side. */
int tensorHasWideSha(void);

/* SHA-256 of sixteen messages, as tensorDigestRows. */
void tensorDigestSixteen(const uint8_t *from, size_t stride, size_t length, uint8_t *target, size_t targetStride);
