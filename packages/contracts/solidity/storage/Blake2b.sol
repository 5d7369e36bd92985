// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// BLAKE2b-512 without a key over whole blocks of 128 bytes, through the compression precompile of EIP-152.
library Blake2b {
    error CompressionFailed();

    /// The initial state for 64 bytes of output, in the precompile's byte order (RFC 7693, 2.5 and 2.6).
    bytes32 private constant STATE_HIGH = 0x48c9bdf267e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5;
    bytes32 private constant STATE_LOW = 0xd182e6ad7f520e511f6c3e2b8c68059b6bbd41fbabd9831f79217e1319cde05b;

    /// Hash of the `length` bytes of memory at `start`; `length` is a multiple of 128, above 0 and below 65,536.
    function hash(uint256 start, uint256 length) internal view returns (bytes32 high, bytes32 low) {
        bool ok = true;
        assembly ("memory-safe") {
            // 4 bytes rounds, 64 state, 128 block, 16 bytes hashed so far (little-endian), 1 last block or not
            let frame := mload(0x40)
            mstore(add(frame, 192), 0)
            mstore(frame, shl(224, 12))
            mstore(add(frame, 4), STATE_HIGH)
            mstore(add(frame, 36), STATE_LOW)
            mstore8(add(frame, 212), 0)
            for { let done := 0 } lt(done, length) {} {
                mcopy(add(frame, 68), add(start, done), 128)
                done := add(done, 128)
                mstore8(add(frame, 196), done)
                mstore8(add(frame, 197), shr(8, done))
                if eq(done, length) { mstore8(add(frame, 212), 1) }
                ok := and(ok, staticcall(gas(), 9, frame, 213, add(frame, 4), 64))
            }
            high := mload(add(frame, 4))
            low := mload(add(frame, 36))
        }
        if (!ok) revert CompressionFailed();
    }
}
