// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Sha256Block} from "./Sha256Block.sol";

/// A row's bytes do not end where they are said to.
error RowLengthWrong();

/// Chain: SHA-256 of a row of an operator's output, 1,024 bytes at a time. A state is eight words, the first in the
/// highest bits; a working keeps them as eight words in this order. Spec: dispute.md 4.
library RowChain {
    uint256 private constant CHUNK_BYTES = 1024;

    /// State after one more whole chunk; before the first it is `Sha256Block.INITIAL`.
    function afterChunk(bytes32 state, bytes calldata chunk) internal pure returns (bytes32) {
        if (chunk.length != CHUNK_BYTES) revert RowLengthWrong();
        uint256 from = copy(chunk, CHUNK_BYTES);
        return Sha256Block.compress(state, from, CHUNK_BYTES / 64);
    }

    /// The row's digest: the rest of the row, padding and length are taken in.
    /// @param rest less than a chunk, perhaps nothing
    /// @param rowBytes length of the whole row; `rest` is what it has beyond whole chunks
    function afterRow(bytes32 state, bytes calldata rest, uint256 rowBytes) internal pure returns (bytes32) {
        if (rest.length != rowBytes % CHUNK_BYTES || rowBytes >= 1 << 61) revert RowLengthWrong();
        uint256 blocks = (rest.length + 9 + 63) / 64;
        uint256 from = copy(rest, 64 * blocks);
        assembly ("memory-safe") {
            mstore8(add(from, rest.length), 0x80)
            // the length in bits, in the last eight bytes
            let last := add(from, sub(shl(6, blocks), 32))
            mstore(last, or(mload(last), shl(3, rowBytes)))
        }
        return Sha256Block.compress(state, from, blocks);
    }

    /// Copies bytes to fresh memory of `size` bytes, a multiple of 32, and zeros behind them.
    function copy(bytes calldata data, uint256 size) private pure returns (uint256 from) {
        assembly ("memory-safe") {
            from := mload(0x40)
            mstore(0x40, add(from, size))
            calldatacopy(from, calldatasize(), size)
            calldatacopy(from, data.offset, data.length)
        }
    }
}
