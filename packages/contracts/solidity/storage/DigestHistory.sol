// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The last `capacity` flow roots, in a ring that only its creator writes. Spec: storage.md 2.6.
contract DigestHistory {
    error DigestNotAvailable(uint256 index);
    error CallerNotWriter(address caller);

    address public immutable writer;
    uint256 public immutable capacity;
    uint256 public nextIndex;
    mapping(uint256 slot => bytes32) private digests;

    constructor(uint256 capacity_) {
        writer = msg.sender;
        capacity = capacity_;
    }

    function insert(bytes32 digest) external returns (uint256 index) {
        if (msg.sender != writer) revert CallerNotWriter(msg.sender);
        index = nextIndex;
        digests[index % capacity] = digest;
        nextIndex = index + 1;
    }

    function available(uint256 index) public view returns (bool) {
        return index < nextIndex && index + capacity >= nextIndex;
    }

    function at(uint256 index) external view returns (bytes32) {
        if (!available(index)) revert DigestNotAvailable(index);
        return digests[index % capacity];
    }
}
