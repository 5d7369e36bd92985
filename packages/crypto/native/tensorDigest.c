/* SHA-256 of many messages: sixteen rows of one length at a time where the processor can, others two at a time, whatever their lengths. */
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

/* One of two messages that go through the SHA instructions side by side: its whole blocks, then `edges`, its rest and its length. */
typedef struct {
  const TensorMessage *message;
  size_t offset, blocks;
  int ending;
  ShaState state;
  uint8_t edges[128];
} Lane;

typedef struct {
  TensorMessage *next, *end;
} Queue;

static const uint8_t *laneAt(const Lane *lane) { return (lane->ending ? lane->edges : lane->message->from) + lane->offset; }

static void endMessage(Lane *lane) {
  const size_t length = lane->message->length, rest = length % 64;
  const uint64_t bits = __builtin_bswap64(8 * (uint64_t)length);
  lane->ending = 1, lane->offset = 0, lane->blocks = rest + 9 <= 64 ? 1 : 2;
  memset(lane->edges, 0, sizeof lane->edges);
  memcpy(lane->edges, lane->message->from + (length - rest), rest);
  lane->edges[rest] = 0x80;
  memcpy(lane->edges + 64 * lane->blocks - 8, &bits, 8);
}

/* Finishes what has no blocks left and finds the next that has. 0: there is none. */
SHA_TARGET static int advance(Lane *lane, Queue *queue) {
  while (lane->blocks == 0) {
    if (lane->message && !lane->ending) {
      endMessage(lane);
      continue;
    }
    if (lane->message) shaStore(lane->state, lane->message->target);
    if (queue->next == queue->end) return 0;
    lane->message = queue->next++;
    lane->ending = 0, lane->offset = 0, lane->blocks = lane->message->length / 64;
    lane->state = shaStart();
  }
  return 1;
}

/* Longest first, so that both lanes end at nearly the same time. */
static void sortMessages(TensorMessage *list, size_t count) {
  for (size_t i = 1; i < count; i++) {
    const TensorMessage one = list[i];
    size_t to = i;
    for (; to > 0 && list[to - 1].length < one.length; to--) list[to] = list[to - 1];
    list[to] = one;
  }
}

SHA_TARGET void tensorDigestMessages(TensorMessage *list, size_t count) {
  Queue queue = {list, list + count};
  Lane lanes[2] = {{0}, {0}};
  int both = 1;
  sortMessages(list, count);
  for (;;) {
    const int first = advance(&lanes[0], &queue), second = both && advance(&lanes[1], &queue);
    if (!first && !second) return;
    if (!first) lanes[0] = lanes[1];
    both = first && second;
    /* What is left alone goes through both lanes. */
    const Lane *other = &lanes[both];
    const size_t blocks = lanes[0].blocks < other->blocks ? lanes[0].blocks : other->blocks;
    ShaState states[2] = {lanes[0].state, other->state};
    shaCompressPair(states, laneAt(&lanes[0]), laneAt(other), blocks);
    for (int i = 0; i <= both; i++) {
      lanes[i].state = states[i];
      lanes[i].offset += 64 * blocks;
      lanes[i].blocks -= blocks;
    }
  }
}

void tensorDigestRows(const uint8_t *from, size_t stride, size_t length, uint8_t *target, size_t targetStride, size_t rows) {
  TensorMessage list[TENSOR_MESSAGES];
  size_t row = 0, count = 0;
  if (tensorHasWideSha())
    for (; row + 16 <= rows; row += 16) tensorDigestSixteen(from + row * stride, stride, length, target + row * targetStride, targetStride);
  for (; row < rows; row++) {
    list[count++] = (TensorMessage){from + row * stride, length, target + row * targetStride};
    if (count < TENSOR_MESSAGES && row + 1 < rows) continue;
    tensorDigestMessages(list, count);
    count = 0;
  }
}
