// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// What a miner hands in, and what it is told to work on. Spec: mining.md 4, 5.

uint256 constant SEAL_SECTORS = 16;
uint256 constant SEAL_WORDS = 128;
uint256 constant LOAD_SECTORS = 1024;
uint256 constant LOAD_SEALS = 64;

/// The part of the flow that one nonce may recall from.
struct RecallRange {
    uint256 startPosition;
    uint256 mineLength;
    uint64 shardId;
    /// Zero bits select the shard: ~(numShards - 1).
    uint64 shardMask;
}

struct PoraAnswer {
    bytes32 contextDigest;
    bytes32 nonce;
    bytes32 minerId;
    RecallRange range;
    /// First sector of the seal.
    uint256 recallPosition;
    /// Index of the seal within its 1,024 sectors.
    uint256 sealOffset;
    /// Digest of the epoch under which the seal was made.
    bytes32 sealedContextDigest;
    bytes32[128] sealedData;
    /// Siblings of the 16 sectors up to the flow root, from below.
    bytes32[] merkleProof;
}

struct MineParams {
    uint256 difficulty;
    /// Length of a subtask's window in blocks.
    uint256 targetMineBlocks;
    /// Answers per epoch that the difficulty aims at; twice as many are taken.
    uint256 targetSubmissions;
    uint64 maxShards;
    /// Miners are spread over so many windows within an epoch.
    uint256 nSubtasks;
    /// Blocks between the starts of two windows.
    uint256 subtaskInterval;
}
