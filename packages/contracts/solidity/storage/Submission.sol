// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What a client submits to the flow, and which submissions are valid. Spec: storage.md 2.1, 2.2.

struct SubmissionNode {
    bytes32 root;
    /// The node covers 2^height sectors.
    uint256 height;
}

struct SubmissionData {
    /// Real size of the file in bytes.
    uint256 length;
    bytes tags;
    SubmissionNode[] nodes;
}

struct Submission {
    SubmissionData data;
    address submitter;
}

library SubmissionRules {
    uint256 internal constant SECTOR_BYTES = 256;
    uint256 internal constant HEIGHT_LIMIT = 64;
    uint256 internal constant HEIGHT_SPREAD_LIMIT = 4;

    /// Padded size in sectors.
    function sectors(SubmissionData calldata data) internal pure returns (uint256 count) {
        for (uint256 i = 0; i < data.nodes.length; i++) count += 1 << data.nodes[i].height;
    }

    /// Whether heights fall strictly within the allowed spread and the byte length fits the padded size.
    function isValid(SubmissionData calldata data) internal pure returns (bool) {
        uint256 nodeCount = data.nodes.length;
        if (nodeCount == 0 || nodeCount > HEIGHT_SPREAD_LIMIT) return false;
        uint256 top = data.nodes[0].height;
        if (top >= HEIGHT_LIMIT) return false;
        for (uint256 i = 1; i < nodeCount; i++) {
            if (data.nodes[i].height >= data.nodes[i - 1].height) return false;
        }
        if (top - data.nodes[nodeCount - 1].height >= HEIGHT_SPREAD_LIMIT) return false;
        uint256 capacity = sectors(data);
        if (data.length > capacity * SECTOR_BYTES) return false;
        return data.length > smallest(capacity, nodeCount, top) * SECTOR_BYTES;
    }

    /// Sectors that a file must exceed to need exactly this padded size.
    function smallest(uint256 capacity, uint256 nodeCount, uint256 top) private pure returns (uint256) {
        if (capacity < 16) return capacity - 1;
        if (nodeCount == 1) return capacity - capacity / 16;
        return capacity - (1 << (top - 3));
    }

    /// The event's `identity`: keccak256 of all node roots in a row.
    function identity(SubmissionData calldata data) internal pure returns (bytes32) {
        bytes32[] memory roots = new bytes32[](data.nodes.length);
        for (uint256 i = 0; i < roots.length; i++) roots[i] = data.nodes[i].root;
        return keccak256(abi.encodePacked(roots));
    }
}
