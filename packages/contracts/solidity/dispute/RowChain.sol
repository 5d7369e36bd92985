// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Sha256Block} from "./Sha256Block.sol";

/// A row's bytes do not end where they are said to.
error RowLengthWrong();

/// Chain: SHA-256 of a row of an operator's output, 1,024 bytes at a time. A state is eight words, the first in the
/// highest bits; a working keeps them as eight words in this order. A contract of its own: judges that hold it too are
/// near the size that a contract may have. Spec: dispute.md 4.
contract RowChain {
    uint256 private constant CHUNK_BYTES = 1024;

    /// The state after what a row goes on with; before the first it is `Sha256Block.INITIAL`.
    /// @param data a whole chunk; or less, perhaps nothing: what the row has beyond whole chunks. Then padding and length
    /// are taken in as well, and the state is the row's digest
    /// @param rowBytes length of the whole row
    function next(bytes32 state, bytes calldata data, uint256 rowBytes) public pure returns (bytes32) {
        bool isEnd = data.length < CHUNK_BYTES;
        if (isEnd ? data.length != rowBytes % CHUNK_BYTES : data.length > CHUNK_BYTES) revert RowLengthWrong();
        if (rowBytes >= 1 << 61) revert RowLengthWrong();
        uint256 blocks = isEnd ? (data.length + 9 + 63) / 64 : CHUNK_BYTES / 64;
        uint256 from = copy(data, 64 * blocks);
        assembly ("memory-safe") {
            if isEnd {
                mstore8(add(from, data.length), 0x80)
                // the length in bits, in the last eight bytes
                let last := add(from, sub(shl(6, blocks), 32))
                mstore(last, or(mload(last), shl(3, rowBytes)))
            }
        }
        return Sha256Block.compress(state, from, blocks);
    }

    /// Copies bytes to fresh memory of `size` bytes, a multiple of 32, and zeros behind them.
    function copy(bytes calldata data, uint256 size) private pure returns (uint256 from) {
        // not said to be safe: the compiler would lay the words of all rounds into memory, in five times as much code
        assembly {
            from := mload(0x40)
            mstore(0x40, add(from, size))
            calldatacopy(from, calldatasize(), size)
            calldatacopy(from, data.offset, data.length)
        }
    }
}
