// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// SHA-256 from any state on: its compression function (FIPS 180-4, 6.2.2), block after block.
///
/// A state is eight words of 32 bits, word 0 in the highest: the state after the last block is the digest as it is.
/// Tables hold one word in every 16 bytes of memory: 32 bytes read at word i are words i and i + 1, 128 bits apart, and
/// the schedule works on both at once.
library Sha256Block {
    bytes32 internal constant INITIAL = 0x6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19;

    uint256 private constant WORD = 0xffffffff;
    uint256 private constant HIGH_WORD = 0x00ffffffff00000000000000000000000000000000;
    /// Two words.
    uint256 private constant PAIR = 0x00ffffffff000000000000000000000000ffffffff;
    /// Times a word: the word twice in a row, which shifted right is the word turned, with rubbish above bit 31.
    uint256 private constant TWICE = 0x100000001;
    uint256 private constant LOW_BITS = 0x7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff;

    /// Tables of 64 words, by their distance from the first, which is the message schedule.
    uint256 private constant CONSTANTS = 1024;
    /// Schedule plus constants. It is read from 16 bytes earlier on, so that a word comes in the low half.
    uint256 private constant SUMS = 2048;

    /// The state after `blocks` blocks of 64 bytes that lie in memory at `from`. Writes behind the free memory pointer.
    function compress(bytes32 state, uint256 from, uint256 blocks) internal pure returns (bytes32) {
        unchecked {
            uint256 schedule;
            assembly ("memory-safe") {
                schedule := mload(0x40)
            }
            spreadConstants(schedule + CONSTANTS);
            for (uint256 end = from + 64 * blocks; from < end; from += 64) {
                spreadBlock(schedule, from);
                extend(schedule);
                state = addWords(state, rounds(state, schedule + SUMS - 16));
            }
            return state;
        }
    }

    /// Sixty-four rounds, eight at a time, in which the words change their names instead of their places.
    function rounds(bytes32 state, uint256 p) private pure returns (bytes32 result) {
        assembly ("memory-safe") {
            let a := shr(224, state)
            let b := and(shr(192, state), WORD)
            let c := and(shr(160, state), WORD)
            let d := and(shr(128, state), WORD)
            let e := and(shr(96, state), WORD)
            let f := and(shr(64, state), WORD)
            let g := and(shr(32, state), WORD)
            let h := and(state, WORD)
            for { let end := add(p, 1024) } lt(p, end) { p := add(p, 128) } {
                let t := mul(e, TWICE)
                t := xor(xor(shr(6, t), shr(11, t)), shr(25, t))
                t := add(add(add(t, mload(p)), h), xor(g, and(e, xor(f, g))))
                d := and(add(d, t), WORD)
                h := mul(a, TWICE)
                h := add(xor(xor(shr(2, h), shr(13, h)), shr(22, h)), or(and(a, b), and(c, or(a, b))))
                h := and(add(h, t), WORD)

                t := mul(d, TWICE)
                t := xor(xor(shr(6, t), shr(11, t)), shr(25, t))
                t := add(add(add(t, mload(add(p, 16))), g), xor(f, and(d, xor(e, f))))
                c := and(add(c, t), WORD)
                g := mul(h, TWICE)
                g := add(xor(xor(shr(2, g), shr(13, g)), shr(22, g)), or(and(h, a), and(b, or(h, a))))
                g := and(add(g, t), WORD)

                t := mul(c, TWICE)
                t := xor(xor(shr(6, t), shr(11, t)), shr(25, t))
                t := add(add(add(t, mload(add(p, 32))), f), xor(e, and(c, xor(d, e))))
                b := and(add(b, t), WORD)
                f := mul(g, TWICE)
                f := add(xor(xor(shr(2, f), shr(13, f)), shr(22, f)), or(and(g, h), and(a, or(g, h))))
                f := and(add(f, t), WORD)

                t := mul(b, TWICE)
                t := xor(xor(shr(6, t), shr(11, t)), shr(25, t))
                t := add(add(add(t, mload(add(p, 48))), e), xor(d, and(b, xor(c, d))))
                a := and(add(a, t), WORD)
                e := mul(f, TWICE)
                e := add(xor(xor(shr(2, e), shr(13, e)), shr(22, e)), or(and(f, g), and(h, or(f, g))))
                e := and(add(e, t), WORD)

                t := mul(a, TWICE)
                t := xor(xor(shr(6, t), shr(11, t)), shr(25, t))
                t := add(add(add(t, mload(add(p, 64))), d), xor(c, and(a, xor(b, c))))
                h := and(add(h, t), WORD)
                d := mul(e, TWICE)
                d := add(xor(xor(shr(2, d), shr(13, d)), shr(22, d)), or(and(e, f), and(g, or(e, f))))
                d := and(add(d, t), WORD)

                t := mul(h, TWICE)
                t := xor(xor(shr(6, t), shr(11, t)), shr(25, t))
                t := add(add(add(t, mload(add(p, 80))), c), xor(b, and(h, xor(a, b))))
                g := and(add(g, t), WORD)
                c := mul(d, TWICE)
                c := add(xor(xor(shr(2, c), shr(13, c)), shr(22, c)), or(and(d, e), and(f, or(d, e))))
                c := and(add(c, t), WORD)

                t := mul(g, TWICE)
                t := xor(xor(shr(6, t), shr(11, t)), shr(25, t))
                t := add(add(add(t, mload(add(p, 96))), b), xor(a, and(g, xor(h, a))))
                f := and(add(f, t), WORD)
                b := mul(c, TWICE)
                b := add(xor(xor(shr(2, b), shr(13, b)), shr(22, b)), or(and(c, d), and(e, or(c, d))))
                b := and(add(b, t), WORD)

                t := mul(f, TWICE)
                t := xor(xor(shr(6, t), shr(11, t)), shr(25, t))
                t := add(add(add(t, mload(add(p, 112))), a), xor(h, and(f, xor(g, h))))
                e := and(add(e, t), WORD)
                a := mul(b, TWICE)
                a := add(xor(xor(shr(2, a), shr(13, a)), shr(22, a)), or(and(b, c), and(d, or(b, c))))
                a := and(add(a, t), WORD)
            }
            result := or(or(or(shl(224, a), shl(192, b)), or(shl(160, c), shl(128, d))), or(or(shl(96, e), shl(64, f)), or(shl(32, g), h)))
        }
    }

    /// Words 16 to 63 of the schedule, two at a time, and all sums.
    function extend(uint256 schedule) private pure {
        assembly ("memory-safe") {
            let p := schedule
            for { let end := add(schedule, 256) } lt(p, end) { p := add(p, 32) } {
                mstore(add(p, SUMS), add(mload(p), mload(add(p, CONSTANTS))))
            }
            for { let end := add(schedule, 1024) } lt(p, end) { p := add(p, 32) } {
                let x := mload(sub(p, 240))
                let twice := mul(x, TWICE)
                let sum := and(xor(xor(shr(7, twice), shr(18, twice)), shr(3, x)), PAIR)
                x := mload(sub(p, 32))
                twice := mul(x, TWICE)
                sum := add(sum, and(xor(xor(shr(17, twice), shr(19, twice)), shr(10, x)), PAIR))
                sum := and(add(sum, add(mload(sub(p, 256)), mload(sub(p, 112)))), PAIR)
                mstore(p, sum)
                mstore(add(p, SUMS), add(sum, mload(add(p, CONSTANTS))))
            }
        }
    }

    function spreadBlock(uint256 schedule, uint256 from) private pure {
        uint256 low;
        uint256 high;
        assembly ("memory-safe") {
            low := mload(from)
            high := mload(add(from, 32))
        }
        spread(schedule, low);
        spread(schedule + 128, high);
    }

    /// Writes eight words into a table.
    function spread(uint256 table, uint256 words) private pure {
        assembly ("memory-safe") {
            mstore(table, or(and(shr(96, words), HIGH_WORD), and(shr(192, words), WORD)))
            mstore(add(table, 32), or(and(shr(32, words), HIGH_WORD), and(shr(128, words), WORD)))
            mstore(add(table, 64), or(and(shl(32, words), HIGH_WORD), and(shr(64, words), WORD)))
            mstore(add(table, 96), or(and(shl(96, words), HIGH_WORD), and(words, WORD)))
        }
    }

    /// Eight sums of 32 bits, none of which carries into the next.
    function addWords(bytes32 left, bytes32 right) private pure returns (bytes32 sum) {
        assembly ("memory-safe") {
            sum := xor(add(and(left, LOW_BITS), and(right, LOW_BITS)), and(xor(left, right), not(LOW_BITS)))
        }
    }

    function spreadConstants(uint256 table) private pure {
        spread(table, 0x428a2f9871374491b5c0fbcfe9b5dba53956c25b59f111f1923f82a4ab1c5ed5);
        spread(table + 128, 0xd807aa9812835b01243185be550c7dc372be5d7480deb1fe9bdc06a7c19bf174);
        spread(table + 256, 0xe49b69c1efbe47860fc19dc6240ca1cc2de92c6f4a7484aa5cb0a9dc76f988da);
        spread(table + 384, 0x983e5152a831c66db00327c8bf597fc7c6e00bf3d5a7914706ca635114292967);
        spread(table + 512, 0x27b70a852e1b21384d2c6dfc53380d13650a7354766a0abb81c2c92e92722c85);
        spread(table + 640, 0xa2bfe8a1a81a664bc24b8b70c76c51a3d192e819d6990624f40e3585106aa070);
        spread(table + 768, 0x19a4c1161e376c082748774c34b0bcb5391c0cb34ed8aa4a5b9cca4f682e6ff3);
        spread(table + 896, 0x748f82ee78a5636f84c878148cc7020890befffaa4506cebbef9a3f7c67178f2);
    }
}
