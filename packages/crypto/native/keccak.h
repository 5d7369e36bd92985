/* Bulk keccak-256; see keccak.c. */
#include <stddef.h>
#include <stdint.h>

/* Messages at once on this processor: 8, 4, or 0 when it has not even AVX2; then nothing else may be called. */
int keccakLanes(void);
/* Uses at most so many lanes from now on, 8 or 4: for tests and measurements. */
void keccakLimit(int lanes);
/* Hashes `pairs` times 64 bytes at `input` to 32 bytes each at `output`, which may be `input`. */
void keccakPairs(const uint8_t *input, size_t pairs, uint8_t *output);
/* Roots of the perfect trees, largest first, into which `sectors` (1..1024) sectors of 256 bytes split; zeros follow the input. */
void keccakTrees(const uint8_t *input, size_t inputBytes, size_t sectors, uint8_t *scratch, uint8_t *output);
/*
 * Seals (or unseals) `seals` times 4,096 bytes in place. `head` has 96 bytes: id, digest, first sector of the first seal; each
 * further seal lies 16 sectors on.
 */
void keccakSeals(const uint8_t *head, uint8_t *data, size_t seals, int isUnsealing);
/* Grows `count` pads of 16 KiB from seeds of 64 bytes; 32 bytes each, the hashes of the last cells, to `recalls`. */
void keccakPads(const uint8_t *seeds, size_t count, uint8_t *pads, uint8_t *recalls);
