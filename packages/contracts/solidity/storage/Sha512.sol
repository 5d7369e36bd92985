// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// SHA-512 of FIPS 180-4, which the EVM has not.
library Sha512 {
    uint256 private constant LANE = 0xffffffffffffffff;
    uint256 private constant BLOCK_BYTES = 128;
    /// The first 64 bits behind the point of the cube roots of the first 80 primes.
    bytes private constant ROUNDS =
        hex"428a2f98d728ae227137449123ef65cdb5c0fbcfec4d3b2fe9b5dba58189dbbc3956c25bf348b53859f111f1b605d019"
        hex"923f82a4af194f9bab1c5ed5da6d8118d807aa98a303024212835b0145706fbe243185be4ee4b28c550c7dc3d5ffb4e2"
        hex"72be5d74f27b896f80deb1fe3b1696b19bdc06a725c71235c19bf174cf692694e49b69c19ef14ad2efbe4786384f25e3"
        hex"0fc19dc68b8cd5b5240ca1cc77ac9c652de92c6f592b02754a7484aa6ea6e4835cb0a9dcbd41fbd476f988da831153b5"
        hex"983e5152ee66dfaba831c66d2db43210b00327c898fb213fbf597fc7beef0ee4c6e00bf33da88fc2d5a79147930aa725"
        hex"06ca6351e003826f142929670a0e6e7027b70a8546d22ffc2e1b21385c26c9264d2c6dfc5ac42aed53380d139d95b3df"
        hex"650a73548baf63de766a0abb3c77b2a881c2c92e47edaee692722c851482353ba2bfe8a14cf10364a81a664bbc423001"
        hex"c24b8b70d0f89791c76c51a30654be30d192e819d6ef5218d69906245565a910f40e35855771202a106aa07032bbd1b8"
        hex"19a4c116b8d2d0c81e376c085141ab532748774cdf8eeb9934b0bcb5e19b48a8391c0cb3c5c95a634ed8aa4ae3418acb"
        hex"5b9cca4f7763e373682e6ff3d6b2b8a3748f82ee5defb2fc78a5636f43172f6084c87814a1f0ab728cc702081a6439ec"
        hex"90befffa23631e28a4506cebde82bde9bef9a3f7b2c67915c67178f2e372532bca273eceea26619cd186b8c721c0c207"
        hex"eada7dd6cde0eb1ef57d4f7fee6ed17806f067aa72176fba0a637dc5a2c898a6113f9804bef90dae1b710b35131c471b"
        hex"28db77f523047d8432caab7b40c724933c9ebe0a15c9bebc431d67c49c100d4c4cc5d4becb3e42b6597f299cfc657e2a"
        hex"5fcb6fab3ad6faec6c44198c4a475817";

    function hash(bytes memory data) internal pure returns (bytes32 high, bytes32 low) {
        unchecked {
            // a one, zeros, and the length in bits as 16 bytes
            uint256 zeros = (2 * BLOCK_BYTES - 1 - 16 - data.length % BLOCK_BYTES) % BLOCK_BYTES;
            bytes memory padded = abi.encodePacked(data, bytes1(0x80), new bytes(zeros), uint128(8 * data.length));
            uint256[8] memory state = [
                uint256(0x6a09e667f3bcc908),
                0xbb67ae8584caa73b,
                0x3c6ef372fe94f82b,
                0xa54ff53a5f1d36f1,
                0x510e527fade682d1,
                0x9b05688c2b3e6c1f,
                0x1f83d9abfb41bd6b,
                0x5be0cd19137e2179
            ];
            bytes memory rounds = ROUNDS;
            uint256[80] memory words;
            for (uint256 seen = 0; seen < padded.length; seen += BLOCK_BYTES) {
                schedule(padded, seen, words);
                compress(state, words, rounds);
            }
            high = bytes32(state[0] << 192 | state[1] << 128 | state[2] << 64 | state[3]);
            low = bytes32(state[4] << 192 | state[5] << 128 | state[6] << 64 | state[7]);
        }
    }

    /// A lane doubled, of which a shift to the right is a rotation, leaves its lower 64 bits right.
    function schedule(bytes memory padded, uint256 seen, uint256[80] memory words) private pure {
        assembly ("memory-safe") {
            let from := add(add(padded, 32), seen)
            for { let i := 0 } lt(i, 16) { i := add(i, 1) } {
                mstore(add(words, mul(32, i)), shr(192, mload(add(from, mul(8, i)))))
            }
            let end := add(words, mul(32, 80))
            for { let to := add(words, mul(32, 16)) } lt(to, end) { to := add(to, 32) } {
                let x := mload(sub(to, mul(32, 15)))
                let xx := or(x, shl(64, x))
                let sum := and(xor(xor(shr(1, xx), shr(8, xx)), shr(7, x)), LANE)
                x := mload(sub(to, mul(32, 2)))
                xx := or(x, shl(64, x))
                sum := add(sum, and(xor(xor(shr(19, xx), shr(61, xx)), shr(6, x)), LANE))
                sum := add(sum, add(mload(sub(to, mul(32, 7))), mload(sub(to, mul(32, 16)))))
                mstore(to, and(sum, LANE))
            }
        }
    }

    function compress(uint256[8] memory state, uint256[80] memory words, bytes memory rounds) private pure {
        assembly ("memory-safe") {
            let a := mload(state)
            let b := mload(add(state, 32))
            let c := mload(add(state, 64))
            let d := mload(add(state, 96))
            let e := mload(add(state, 128))
            let f := mload(add(state, 160))
            let g := mload(add(state, 192))
            let h := mload(add(state, 224))
            for { let i := 0 } lt(i, 80) { i := add(i, 1) } {
                let doubled := or(e, shl(64, e))
                let one := and(xor(xor(shr(14, doubled), shr(18, doubled)), shr(41, doubled)), LANE)
                one := add(add(one, h), xor(g, and(e, xor(f, g))))
                one := add(one, shr(192, mload(add(add(rounds, 32), mul(8, i)))))
                one := add(one, mload(add(words, mul(32, i))))
                doubled := or(a, shl(64, a))
                let two := and(xor(xor(shr(28, doubled), shr(34, doubled)), shr(39, doubled)), LANE)
                two := add(two, or(and(a, b), and(c, or(a, b))))
                h := g
                g := f
                f := e
                e := and(add(d, one), LANE)
                d := c
                c := b
                b := a
                a := and(add(one, two), LANE)
            }
            mstore(state, and(add(mload(state), a), LANE))
            mstore(add(state, 32), and(add(mload(add(state, 32)), b), LANE))
            mstore(add(state, 64), and(add(mload(add(state, 64)), c), LANE))
            mstore(add(state, 96), and(add(mload(add(state, 96)), d), LANE))
            mstore(add(state, 128), and(add(mload(add(state, 128)), e), LANE))
            mstore(add(state, 160), and(add(mload(add(state, 160)), f), LANE))
            mstore(add(state, 192), and(add(mload(add(state, 192)), g), LANE))
            mstore(add(state, 224), and(add(mload(add(state, 224)), h), LANE))
        }
    }
}
