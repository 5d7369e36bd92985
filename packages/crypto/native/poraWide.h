/*
 * The keccak chains of mining on WIDE messages at once; included by keccakWide.h, with its definitions. A seal is 128 words of
 * 32 bytes, each masked with the hash of the sealed word before it, the first with the hash of the seal's head.
 */

/* WIDE seals of 4,096 bytes, end to end, in place. Heads have 12 words, the padding's 1 behind them, zeros up to 128 bytes. */
TARGET static void NAME(seals)(const uint8_t *heads, uint8_t *data, int isUnsealing) {
  VEC a[25], words[WIDE];
  for (int word = 0; word < 16; word += WIDE) NAME(gather)(heads, 128, word, a + word);
  a[16] = BROADCAST(0x8000000000000000);
  for (int i = 17; i < 25; i++) a[i] = BROADCAST(0);
  for (int word = 0; word < 512; word += WIDE) {
    NAME(gather)(data, 4096, word, words);
    for (int part = 0; part < WIDE; part += 4) {
      VEC sealed[4];
      NAME(permute)(a);
      for (int i = 0; i < 4; i++) {
        const VEC masked = XOR(words[part + i], a[i]);
        sealed[i] = isUnsealing ? words[part + i] : masked;
        words[part + i] = masked;
      }
      for (int i = 0; i < 4; i++) a[i] = sealed[i];
      a[4] = BROADCAST(1);
      for (int i = 5; i < 25; i++) a[i] = BROADCAST(0);
      a[16] = BROADCAST(0x8000000000000000);
    }
    NAME(transpose)(words);
    for (int lane = 0; lane < WIDE; lane++) STORE(data + 4096 * lane + 8 * word, words[lane]);
  }
}

/* WIDE pads of 16 KiB, end to end, from WIDE seeds of 64 bytes; the hashes of their last cells. */
TARGET static void NAME(pads)(const uint8_t *seeds, uint8_t *pads, uint8_t *recalls) {
  VEC cell[8], a[25];
  for (int word = 0; word < 8; word += WIDE) NAME(gather)(seeds, 64, word, cell + word);
  for (int half = 0; half <= 512; half++) {
    for (int i = 0; i < 8; i++) a[i] = cell[i];
    a[8] = BROADCAST(1);
    for (int i = 9; i < 25; i++) a[i] = BROADCAST(0);
    a[16] = BROADCAST(0x8000000000000000);
    NAME(permute)(a);
    if (half == 512) break;
    for (int i = 0; i < 4; i++) cell[4 * (half & 1) + i] = a[i];
    if (half & 1) {
      VEC out[8];
      for (int word = 0; word < 8; word += WIDE) {
        for (int i = 0; i < WIDE; i++) out[i] = cell[word + i];
        NAME(transpose)(out);
        for (int lane = 0; lane < WIDE; lane++) STORE(pads + 16384 * lane + 32 * (half - 1) + 8 * word, out[lane]);
      }
    }
  }
  NAME(squeeze)(a, recalls);
}
