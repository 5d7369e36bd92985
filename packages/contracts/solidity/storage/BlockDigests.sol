// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// keccak256 of nothing: stands for a block hash that the chain no longer knows, and for an epoch that cannot be mined.
bytes32 constant EMPTY_DIGEST = 0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470;

/// Hashes of past blocks: 256 back by opcode, 8,191 back through EIP-2935. Spec: storage.md 4.
library BlockDigests {
    uint256 internal constant AGE_MAX = 8191;
    address internal constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    /// The hash of a past block, or EMPTY_DIGEST where the chain no longer knows it.
    function digestAt(uint256 number) internal view returns (bytes32) {
        if (number + AGE_MAX < block.number) return EMPTY_DIGEST;
        bytes32 digest = blockhash(number);
        if (digest != bytes32(0)) return digest;
        (bool ok, bytes memory answer) = HISTORY.staticcall(abi.encode(number));
        if (!ok || answer.length != 32 || bytes32(answer) == bytes32(0)) return EMPTY_DIGEST;
        return bytes32(answer);
    }
}
