// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The hashes beside the way are too few or too many, or the tree has no such leaf.
error PathWrong();

/// Trees of RFC 6962 with SHA-256, in which a node that is alone rises. Spec: dispute.md 2.2, tensor.md 8.2.
library HashPath {
    function hashLeaf(bytes memory data) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0), data));
    }

    function hashPair(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(uint8(1)), left, right));
    }

    /// Root that leaf `i` of `leaves` leads to.
    /// @param path the hashes beside its way, from below; none where a node rises alone
    function rootFrom(bytes32 hash, uint256 i, uint256 leaves, bytes32[] calldata path)
        internal
        pure
        returns (bytes32)
    {
        if (i >= leaves) revert PathWrong();
        uint256 used = 0;
        for (; leaves > 1; (leaves, i) = ((leaves + 1) / 2, i / 2)) {
            if (i ^ 1 >= leaves) continue;
            if (used == path.length) revert PathWrong();
            bytes32 beside = path[used++];
            (bytes32 left, bytes32 right) = i & 1 == 1 ? (beside, hash) : (hash, beside);
            hash = hashPair(left, right);
        }
        if (used != path.length) revert PathWrong();
        return hash;
    }
}
