// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Keeps bytes as the code of a contract that nobody can call: 200 gas a byte to write, and read whole at once.
library CodeStore {
    error TooLarge(uint256 length);

    uint256 private constant BYTES_MAX = 24_575;

    /// @param data at most 24,575 bytes
    function write(bytes memory data) internal returns (address place) {
        uint256 length = data.length + 1;
        if (data.length > BYTES_MAX) revert TooLarge(data.length);
        // returns what follows its ten bytes; the code begins with STOP
        bytes memory creation = abi.encodePacked(hex"61", uint16(length), hex"80600a3d393df300", data);
        assembly ("memory-safe") {
            place := create(0, add(creation, 32), mload(creation))
            if iszero(place) { revert(0, 0) }
        }
    }

    function read(address place) internal view returns (bytes memory data) {
        assembly ("memory-safe") {
            let length := sub(extcodesize(place), 1)
            data := mload(0x40)
            mstore(data, length)
            extcodecopy(place, add(data, 32), 1, length)
            mstore(0x40, and(add(add(data, 63), length), not(31)))
        }
    }
}
