/* The hashes of two leaves of a row tree, side by side. */
#include "coder.h"
#include "shaPair.h"

/* The first block is the zero byte and 63 of the row; the others are the row from byte 63 on. */
SHA_TARGET void coderLeafPair(const uint8_t *a, const uint8_t *b, size_t length, uint8_t hashes[64]) {
  ShaState states[2] = {shaStart(), shaStart()};
  uint8_t edges[2][128];
  const uint64_t bits = __builtin_bswap64(8 * ((uint64_t)length + 1));
  size_t done = 0;
  if (length >= 63) {
    memset(edges, 0, sizeof edges);
    memcpy(edges[0] + 1, a, 63);
    memcpy(edges[1] + 1, b, 63);
    shaCompressPair(states, edges[0], edges[1], 1);
    done = 63 + (length - 63) / 64 * 64;
    shaCompressPair(states, a + 63, b + 63, (length - 63) / 64);
  }
  /* What is left: at most 63 bytes, of them the zero byte if there was no first block. */
  const size_t lead = length >= 63 ? 0 : 1, rest = length - done;
  const size_t blocks = lead + rest + 9 <= 64 ? 1 : 2;
  memset(edges, 0, sizeof edges);
  for (int lane = 0; lane < 2; lane++) {
    memcpy(edges[lane] + lead, (lane ? b : a) + done, rest);
    edges[lane][lead + rest] = 0x80;
    memcpy(edges[lane] + 64 * blocks - 8, &bits, 8);
  }
  shaCompressPair(states, edges[0], edges[1], blocks);
  shaStore(states[0], hashes);
  shaStore(states[1], hashes + 32);
}
