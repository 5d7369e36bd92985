/*
 * Products of f32 matrices in training: forward, transposed, and the gradient of a matrix. A lane is an output and takes its products one after
 * another, so the bits are those of packages/tensor/assembly/train/gemm.ts: runs of 256, each operation rounded alone. Nothing may be fused: the
 * build says -ffp-contract=off, since AVX-512 brings fused multiply-adds along.
 */
#include "tensor.h"
#include <string.h>

#define RUN 256
/* Outputs side by side in a panel, and most rows of a tile. */
#define LANES 32
#define ROWS 12

typedef float Wide __attribute__((vector_size(64), aligned(4), may_alias));
typedef float Half __attribute__((vector_size(32), aligned(4), may_alias));
typedef float Panel[RUN][LANES] __attribute__((aligned(64)));

int tensorHasWide(void) {
  static _Atomic int known = -1;
  if (known < 0) {
    __builtin_cpu_init();
    known = __builtin_cpu_supports("avx512f") != 0;
  }
  return known;
}

/* One factor of a tile's products: `rowStride` bytes between its rows, `stepStride` between the terms of a sum. */
typedef struct {
  const uint8_t *at;
  size_t rowStride, stepStride;
} Factor;

/*
 * sums[row][lane] = the run of products of `steps` terms, for `ROWS_` rows and the lanes that `COUNT` vectors hold. Sums and panel stay in registers,
 * as all bounds are constants where this is called.
 */
#define DEFINE_TILE(NAME, TARGET_, VECTOR, COUNT, ROWS_)                                                            \
  __attribute__((target(TARGET_))) static void NAME(const float *panel, Factor x, size_t steps, float (*sums)[LANES]) { \
    VECTOR s[ROWS_][COUNT];                                                                                         \
    _Pragma("GCC unroll 12") for (int r = 0; r < ROWS_; r++)                                                        \
      _Pragma("GCC unroll 2") for (int v = 0; v < COUNT; v++) s[r][v] = (VECTOR){0};                                \
    for (size_t k = 0; k < steps; k++, panel += LANES, x.at += x.stepStride) {                                      \
      VECTOR w[COUNT];                                                                                              \
      _Pragma("GCC unroll 2") for (int v = 0; v < COUNT; v++) w[v] = ((const VECTOR *)panel)[v];                    \
      _Pragma("GCC unroll 12") for (int r = 0; r < ROWS_; r++) {                                                    \
        const float value = *(const float *)(x.at + (size_t)r * x.rowStride);                                       \
        _Pragma("GCC unroll 2") for (int v = 0; v < COUNT; v++) s[r][v] += w[v] * value;                            \
      }                                                                                                             \
    }                                                                                                               \
    _Pragma("GCC unroll 12") for (int r = 0; r < ROWS_; r++)                                                        \
      _Pragma("GCC unroll 2") for (int v = 0; v < COUNT; v++) ((VECTOR *)sums[r])[v] = s[r][v];                     \
  }

DEFINE_TILE(wide12, "avx512f", Wide, 2, 12)
DEFINE_TILE(wide4, "avx512f", Wide, 2, 4)
DEFINE_TILE(half4, "avx2", Half, 2, 4)

/* The sums of `rows` rows, 12 or 4. */
static void tile(int wide, const Panel panel, Factor x, size_t steps, int rows, float (*sums)[LANES]) {
  if (wide && rows == ROWS) return wide12(panel[0], x, steps, sums);
  if (wide) return wide4(panel[0], x, steps, sums);
  for (int row = 0; row < rows; row += 4) {
    Factor part = {x.at + (size_t)row * x.rowStride, x.rowStride, x.stepStride};
    half4(panel[0], part, steps, sums + row);
    half4(panel[0] + LANES / 2, part, steps, (float (*)[LANES])(sums[row] + LANES / 2));
  }
}

/* Rows of the next tile: twelve where there are as many, else four. */
static int rowsAt(size_t row, size_t rows) { return row + ROWS <= rows ? ROWS : 4; }

/* to = sums, or to + sums. */
static void store(float *to, const float *sums, size_t lanes, int fresh) {
  if (fresh) memcpy(to, sums, lanes * 4);
  else
    for (size_t lane = 0; lane < lanes; lane++) to[lane] = to[lane] + sums[lane];
}

/* All positions of one panel's run. */
static void multiplyPanel(int wide, const Panel panel, const FloatRows *x, size_t start, size_t length, uint8_t *out, size_t outStride, size_t lanes, int fresh) {
  float sums[ROWS][LANES] __attribute__((aligned(64)));
  for (size_t row = 0; row < x->rows;) {
    const int rows = rowsAt(row, x->rows);
    tile(wide, panel, (Factor){x->at + row * x->stride + start * 4, x->stride, 4}, length, rows, sums);
    for (int r = 0; r < rows; r++) store((float *)(out + (row + (size_t)r) * outStride), sums[r], lanes, fresh);
    row += (size_t)rows;
  }
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

void tensorFloatRows(const uint8_t *w, size_t groups, size_t columns, const FloatRows *x, uint8_t *out, size_t outStride) {
  const int wide = tensorHasWide();
  const float *weights = (const float *)w;
  for (size_t group = 0; group < groups; group += LANES / 8) {
    const size_t some = least(LANES / 8, groups - group);
    for (size_t start = 0; start < columns; start += RUN) {
      const size_t length = least(RUN, columns - start);
      Panel panel;
      if (some < LANES / 8) memset(panel, 0, sizeof panel);
      for (size_t g = 0; g < some; g++) {
        const float *from = weights + (group + g) * columns * 8 + start * 8;
        for (size_t k = 0; k < length; k++) memcpy(&panel[k][g * 8], from + k * 8, 32);
      }
      multiplyPanel(wide, (const float (*)[LANES])panel, x, start, length, out + group * 32, outStride, some * 8, start == 0);
    }
  }
}

void tensorFloatColumns(const uint8_t *w, size_t rows, size_t columns, size_t first, size_t count, const FloatRows *y, uint8_t *out) {
  const int wide = tensorHasWide();
  const float *weights = (const float *)w;
  for (size_t column = first; column < first + count; column += LANES) {
    const size_t lanes = least(LANES, first + count - column);
    for (size_t start = 0; start < rows; start += RUN) {
      const size_t length = least(RUN, rows - start);
      Panel panel;
      if (lanes < LANES) memset(panel, 0, sizeof panel);
      for (size_t row = 0; row < length; row += 8) {
        const float *from = weights + (start + row) * columns + column * 8;
        for (size_t lane = 0; lane < lanes; lane++)
          for (size_t r = 0; r < 8; r++) panel[row + r][lane] = from[lane * 8 + r];
      }
      multiplyPanel(wide, (const float (*)[LANES])panel, y, start, length, out + column * 4, columns * 4, lanes, start == 0);
    }
  }
}

void tensorFloatOuter(const FloatRows *left, const FloatRows *right, uint8_t *out, size_t outStride, size_t rows, size_t columns) {
  const int wide = tensorHasWide();
  float totals[ROWS][LANES] __attribute__((aligned(64))), sums[ROWS][LANES] __attribute__((aligned(64)));
  for (size_t column = 0; column < columns; column += LANES) {
    const size_t lanes = least(LANES, columns - column);
    /* Most rows of tokens are one run, whose panel then serves all rows of the matrix. */
    Panel panel;
    for (size_t row = 0; row < rows;) {
      const int some = rowsAt(row, rows);
      for (size_t start = 0; start < left->rows; start += RUN) {
        const size_t length = least(RUN, left->rows - start);
        if (row == 0 || left->rows > RUN) {
          memset(panel, 0, sizeof panel);
          for (size_t t = 0; t < length; t++) memcpy(panel[t], right->at + (start + t) * right->stride + column * 4, lanes * 4);
        }
        Factor x = {left->at + start * left->stride + row * 4, 4, left->stride};
        tile(wide, (const float (*)[LANES])panel, x, length, some, start == 0 ? totals : sums);
        for (int r = 0; start > 0 && r < some; r++) store(totals[r], sums[r], LANES, 0);
      }
      for (int r = 0; r < some; r++) store((float *)(out + (row + (size_t)r) * outStride) + column, totals[r], lanes, 0);
      row += (size_t)some;
    }
  }
}
