/* Products of rows with fixed factors of GF(2^16), and two SHA-256 at once; see coder.c. */
#include <stddef.h>
#include <stdint.h>

/* Whether this processor has AVX-512 with GFNI, and SHA; if not, nothing else may be called. */
int coderIsThere(void);

/* A factor as the coder uses it: for a chunk of 32 low and 32 high bytes, the bit matrices onto the same and the other half. */
typedef struct {
  uint64_t same[8], other[8];
} Factor;

/* From the factor's products with 1, 2, 4, ... 2^15. */
void coderFactor(const uint16_t products[16], Factor *factor);
#define ROWS_MAX 512
/* targets[t] = sum of factors[t * sourceCount + s] times sources[s]; `length` is a multiple of 64. 0 when memory is short. */
int coderMultiply(const uint8_t *const *sources, size_t sourceCount, const Factor *factors, uint8_t *const *targets,
                  size_t targetCount, size_t length);
/* Tables of GF(2^16), 65,536 entries each: the logarithm of 0 is 65,535, and exponents[65535] = exponents[0]. */
typedef struct {
  const uint16_t *exponents, *logarithms;
} Field;
/* 16 bytes for each row: the sum of its 128-bit elements times powers of the challenge, 8 symbols, summed in 32 chains. */
void coderCombine(const uint8_t *const *rows, const size_t *lengths, size_t count, const uint16_t challenge[8],
                  const Field *field, uint8_t *combinations);
/* SHA-256 of a zero byte and the row, for two rows of one length. */
void coderLeafPair(const uint8_t *a, const uint8_t *b, size_t length, uint8_t hashes[64]);
