/*
 * Keccak-256 on WIDE independent messages at once, word x + 5y of all states in one vector. Included once for each
 * instruction set, which defines: WIDE, VEC, NAME(x), TARGET, LOAD, STORE, BROADCAST, XOR, XOR3, ROTATE, CHI (a ^ (~b & c)),
 * NAME(transpose) of WIDE x WIDE words, and NAME(gather): words `word`..`word + WIDE - 1` of WIDE messages as WIDE vectors.
 */
TARGET static void NAME(permute)(VEC a[25]) {
  VEC a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3], a4 = a[4], a5 = a[5], a6 = a[6], a7 = a[7], a8 = a[8], a9 = a[9],
      a10 = a[10], a11 = a[11], a12 = a[12], a13 = a[13], a14 = a[14], a15 = a[15], a16 = a[16], a17 = a[17],
      a18 = a[18], a19 = a[19], a20 = a[20], a21 = a[21], a22 = a[22], a23 = a[23], a24 = a[24];
  for (int round = 0; round < 24; round++) {
    const VEC c0 = XOR3(XOR3(a0, a5, a10), a15, a20);
    const VEC c1 = XOR3(XOR3(a1, a6, a11), a16, a21);
    const VEC c2 = XOR3(XOR3(a2, a7, a12), a17, a22);
    const VEC c3 = XOR3(XOR3(a3, a8, a13), a18, a23);
    const VEC c4 = XOR3(XOR3(a4, a9, a14), a19, a24);
    const VEC r0 = ROTATE(c0, 1), r1 = ROTATE(c1, 1), r2 = ROTATE(c2, 1), r3 = ROTATE(c3, 1), r4 = ROTATE(c4, 1);
    const VEC b0 = XOR3(a0, c4, r1);
    const VEC b10 = ROTATE(XOR3(a1, c0, r2), 1), b20 = ROTATE(XOR3(a2, c1, r3), 62);
    const VEC b5 = ROTATE(XOR3(a3, c2, r4), 28), b15 = ROTATE(XOR3(a4, c3, r0), 27);
    const VEC b16 = ROTATE(XOR3(a5, c4, r1), 36), b1 = ROTATE(XOR3(a6, c0, r2), 44);
    const VEC b11 = ROTATE(XOR3(a7, c1, r3), 6), b21 = ROTATE(XOR3(a8, c2, r4), 55);
    const VEC b6 = ROTATE(XOR3(a9, c3, r0), 20), b7 = ROTATE(XOR3(a10, c4, r1), 3);
    const VEC b17 = ROTATE(XOR3(a11, c0, r2), 10), b2 = ROTATE(XOR3(a12, c1, r3), 43);
    const VEC b12 = ROTATE(XOR3(a13, c2, r4), 25), b22 = ROTATE(XOR3(a14, c3, r0), 39);
    const VEC b23 = ROTATE(XOR3(a15, c4, r1), 41), b8 = ROTATE(XOR3(a16, c0, r2), 45);
    const VEC b18 = ROTATE(XOR3(a17, c1, r3), 15), b3 = ROTATE(XOR3(a18, c2, r4), 21);
    const VEC b13 = ROTATE(XOR3(a19, c3, r0), 8), b14 = ROTATE(XOR3(a20, c4, r1), 18);
    const VEC b24 = ROTATE(XOR3(a21, c0, r2), 2), b9 = ROTATE(XOR3(a22, c1, r3), 61);
    const VEC b19 = ROTATE(XOR3(a23, c2, r4), 56), b4 = ROTATE(XOR3(a24, c3, r0), 14);
    a0 = XOR(CHI(b0, b1, b2), BROADCAST(roundConstants[round]));
    a1 = CHI(b1, b2, b3), a2 = CHI(b2, b3, b4), a3 = CHI(b3, b4, b0), a4 = CHI(b4, b0, b1);
    a5 = CHI(b5, b6, b7), a6 = CHI(b6, b7, b8), a7 = CHI(b7, b8, b9), a8 = CHI(b8, b9, b5), a9 = CHI(b9, b5, b6);
    a10 = CHI(b10, b11, b12), a11 = CHI(b11, b12, b13), a12 = CHI(b12, b13, b14), a13 = CHI(b13, b14, b10);
    a14 = CHI(b14, b10, b11);
    a15 = CHI(b15, b16, b17), a16 = CHI(b16, b17, b18), a17 = CHI(b17, b18, b19), a18 = CHI(b18, b19, b15);
    a19 = CHI(b19, b15, b16);
    a20 = CHI(b20, b21, b22), a21 = CHI(b21, b22, b23), a22 = CHI(b22, b23, b24), a23 = CHI(b23, b24, b20);
    a24 = CHI(b24, b20, b21);
  }
  a[0] = a0, a[1] = a1, a[2] = a2, a[3] = a3, a[4] = a4, a[5] = a5, a[6] = a6, a[7] = a7, a[8] = a8, a[9] = a9;
  a[10] = a10, a[11] = a11, a[12] = a12, a[13] = a13, a[14] = a14, a[15] = a15, a[16] = a16, a[17] = a17, a[18] = a18;
  a[19] = a19, a[20] = a20, a[21] = a21, a[22] = a22, a[23] = a23, a[24] = a24;
}

/* WIDE sectors of 256 bytes, end to end, to WIDE hashes. Two blocks: words 0..16, words 17..31 and the padding. */
TARGET static void NAME(sectors)(const uint8_t *input, uint8_t *output) {
  VEC words[32], a[25];
  for (int word = 0; word < 32; word += WIDE) NAME(gather)(input, 256, word, words + word);
  for (int i = 0; i < 17; i++) a[i] = words[i];
  for (int i = 17; i < 25; i++) a[i] = BROADCAST(0);
  NAME(permute)(a);
  for (int i = 0; i < 15; i++) a[i] = XOR(a[i], words[17 + i]);
  a[15] = XOR(a[15], BROADCAST(1));
  a[16] = XOR(a[16], BROADCAST(0x8000000000000000));
  NAME(permute)(a);
  NAME(squeeze)(a, output);
}

/* WIDE pairs of hashes, end to end, to WIDE hashes; `output` may be `input`. */
TARGET static void NAME(pairs)(const uint8_t *input, uint8_t *output) {
  VEC a[25];
  for (int word = 0; word < 8; word += WIDE) NAME(gather)(input, 64, word, a + word);
  for (int i = 8; i < 25; i++) a[i] = BROADCAST(0);
  a[8] = BROADCAST(1);
  a[16] = BROADCAST(0x8000000000000000);
  NAME(permute)(a);
  NAME(squeeze)(a, output);
}

#include "poraWide.h"

#undef WIDE
#undef VEC
#undef NAME
#undef TARGET
#undef LOAD
#undef STORE
#undef BROADCAST
#undef XOR
#undef XOR3
#undef ROTATE
#undef CHI
