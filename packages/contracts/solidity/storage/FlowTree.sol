// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The flow's Merkle tree over 256-byte sectors, kept as one completed subtree per level. Spec: storage.md 2.4.
/// Leaf 0 is the reserved zero hash; every gap is filled with zero sectors, as is the rest up to the next power of two.
library FlowTree {
    /// keccak256 of 256 zero bytes: the hash of a zero sector.
    bytes32 internal constant ZERO_SECTOR = 0xd397b3b043d87fcd6fad1291ff0bfd16401c274896d8c63a923727f077b8e0b5;

    struct Tree {
        /// Sectors so far, the reserved one included.
        uint256 length;
        /// Root of the completed perfect subtree of 2^level sectors, meaningful where that bit of `length` is set.
        mapping(uint256 level => bytes32) completed;
    }

    function initialize(Tree storage tree) internal {
        tree.length = 1;
    }

    /// Appends a perfect subtree of 2^level sectors; `tree.length` must be a multiple of its size.
    function append(Tree storage tree, bytes32 node, uint256 level) internal {
        uint256 length = tree.length;
        uint256 at = level;
        while ((length >> at) & 1 == 1) {
            node = hash(tree.completed[at], node);
            at++;
        }
        tree.completed[at] = node;
        tree.length = length + (1 << level);
    }

    /// Fills up with zero sectors until `length` equals `target`: at most two subtrees per level.
    function padTo(Tree storage tree, uint256 target) internal {
        bytes32 zero = ZERO_SECTOR;
        uint256 level = 0;
        while (tree.length + (1 << level) <= target) {
            if ((tree.length >> level) & 1 == 1) append(tree, zero, level);
            zero = hash(zero, zero);
            level++;
        }
        while (tree.length < target) {
            uint256 rest = target - tree.length;
            while ((1 << level) > rest) level--;
            append(tree, zeroAt(level), level);
        }
    }

    /// Root of the smallest perfect tree that holds all sectors, zero sectors behind the last one.
    function root(Tree storage tree) internal view returns (bytes32 node) {
        uint256 length = tree.length;
        uint256 height = heightOf(length);
        if (length == 1 << height) return tree.completed[height];
        bytes32 zero = ZERO_SECTOR;
        bool open = false;
        for (uint256 level = 0; level < height; level++) {
            if ((length >> level) & 1 == 1) {
                node = hash(tree.completed[level], open ? node : zero);
                open = true;
            } else if (open) {
                node = hash(node, zero);
            }
            zero = hash(zero, zero);
        }
    }

    /// Levels above the leaves of the smallest perfect tree over `length` sectors.
    function heightOf(uint256 length) internal pure returns (uint256 height) {
        while ((1 << height) < length) height++;
    }

    function zeroAt(uint256 level) internal pure returns (bytes32 zero) {
        zero = ZERO_SECTOR;
        for (uint256 i = 0; i < level; i++) zero = hash(zero, zero);
    }

    function hash(bytes32 left, bytes32 right) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            result := keccak256(0x00, 0x40)
        }
    }
}
