// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Philox4x32-10, the counter-based random generator of Salmon et al. (2011), as the sampler draws from it. Spec: tensor.md 7.
library Philox {
    uint256 private constant MULTIPLIER_0 = 0xd2511f53;
    uint256 private constant MULTIPLIER_1 = 0xcd9e8d57;
    uint256 private constant WEYL_0 = 0x9e3779b9;
    uint256 private constant WEYL_1 = 0xbb67ae85;

    /// The first two words for draw `index` of a run.
    /// @param seed eight words, each little-endian
    function draw(bytes32 seed, uint256 index) internal pure returns (uint256 first, uint256 second) {
        uint256 c2 = seedWord(seed, 3) ^ seedWord(seed, 6);
        uint256 c3 = seedWord(seed, 4) ^ seedWord(seed, 7);
        uint256 c1 = seedWord(seed, 2) ^ seedWord(seed, 5);
        return rounds(uint32(index), c1, c2, c3, seedWord(seed, 0), seedWord(seed, 1));
    }

    /// Words are below 2^32.
    function rounds(uint256 c0, uint256 c1, uint256 c2, uint256 c3, uint256 k0, uint256 k1)
        internal
        pure
        returns (uint256, uint256)
    {
        unchecked {
            for (uint256 i = 0; i < 10; i++) {
                (uint256 a, uint256 b) = (MULTIPLIER_0 * c0, MULTIPLIER_1 * c2);
                (c0, c1, c2, c3) = (b >> 32 ^ c1 ^ k0, uint32(b), a >> 32 ^ c3 ^ k1, uint32(a));
                (k0, k1) = (uint32(k0 + WEYL_0), uint32(k1 + WEYL_1));
            }
            return (c0, c1);
        }
    }

    function seedWord(bytes32 seed, uint256 i) private pure returns (uint256 x) {
        x = uint32(uint256(seed) >> (224 - 32 * i));
        x = (x & 0xff) << 24 | (x & 0xff00) << 8 | (x >> 8) & 0xff00 | x >> 24;
    }
}
