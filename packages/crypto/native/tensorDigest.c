/* SHA-256 of rows of one length: sixteen at a time where there are as many and the processor can, else two. */
#include "shaPair.h"
#include "tensor.h"
#include <cpuid.h>

/* Asked once: in a virtual machine the instruction that tells takes microseconds. */
int tensorHasSha(void) {
  static _Atomic int known = -1;
  if (known < 0) {
    unsigned a, b = 0, c, d;
    __builtin_cpu_init();
    known = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29)) && __builtin_cpu_supports("sse4.1");
  }
  return known;
}

SHA_TARGET static void digestPair(const uint8_t *a, const uint8_t *b, size_t length, uint8_t *hashA, uint8_t *hashB) {
  ShaState states[2] = {shaStart(), shaStart()};
  uint8_t edges[2][128];
  const uint64_t bits = __builtin_bswap64(8 * (uint64_t)length);
  const size_t done = length / 64 * 64, rest = length - done, blocks = rest + 9 <= 64 ? 1 : 2;
  shaCompressPair(states, a, b, length / 64);
  memset(edges, 0, sizeof edges);
  for (int lane = 0; lane < 2; lane++) {
    memcpy(edges[lane], (lane ? b : a) + done, rest);
    edges[lane][rest] = 0x80;
    memcpy(edges[lane] + 64 * blocks - 8, &bits, 8);
  }
  shaCompressPair(states, edges[0], edges[1], blocks);
  shaStore(states[0], hashA);
  shaStore(states[1], hashB);
}

void tensorDigestRows(const uint8_t *from, size_t stride, size_t length, uint8_t *target, size_t targetStride, size_t rows) {
  uint8_t unused[32];
  size_t row = 0;
  if (tensorHasWideSha())
    for (; row + 16 <= rows; row += 16) tensorDigestSixteen(from + row * stride, stride, length, target + row * targetStride, targetStride);
  for (; row < rows; row += 2) {
    const uint8_t *a = from + row * stride;
    const int paired = row + 1 < rows;
    digestPair(a, paired ? a + stride : a, length, target + row * targetStride, paired ? target + (row + 1) * targetStride : unused);
  }
}
