// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// ECDSA on P-256 through the precompile of EIP-7951, and SHA-256 of a piece of memory.
library P256 {
    address private constant PRECOMPILE = address(0x100);

    /// False for a wrong signature, for numbers out of range, for a point off the curve, and on a chain without the precompile.
    function verify(bytes32 hash, uint256 r, uint256 s, uint256 x, uint256 y) internal view returns (bool isRight) {
        address precompile = PRECOMPILE;
        assembly ("memory-safe") {
            let frame := mload(0x40)
            mstore(frame, hash)
            mstore(add(frame, 32), r)
            mstore(add(frame, 64), s)
            mstore(add(frame, 96), x)
            mstore(add(frame, 128), y)
            mstore(0, 0)
            let ok := staticcall(gas(), precompile, frame, 160, 0, 32)
            isRight := and(and(ok, eq(returndatasize(), 32)), eq(mload(0), 1))
        }
    }

    /// SHA-256 of `data[from:to]`, which is inside.
    function sha256Of(bytes memory data, uint256 from, uint256 to) internal view returns (bytes32 hash) {
        assembly ("memory-safe") {
            if iszero(staticcall(gas(), 2, add(add(data, 32), from), sub(to, from), 0, 32)) { revert(0, 0) }
            hash := mload(0)
        }
    }
}
