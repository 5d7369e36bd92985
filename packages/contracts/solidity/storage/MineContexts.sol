// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DigestHistory} from "./DigestHistory.sol";

struct MineContext {
    uint256 epoch;
    uint256 mineStart;
    bytes32 flowRoot;
    uint256 flowLength;
    bytes32 blockDigest;
    bytes32 digest;
}

struct EpochRange {
    uint128 start;
    uint128 end;
}

struct EpochRangeWithContextDigest {
    uint128 start;
    uint128 end;
    bytes32 digest;
}

/// Closes epochs of `blocksPerEpoch` blocks and remembers which sectors each one sealed. Spec: storage.md 2.6.
abstract contract MineContexts {
    event NewEpoch(
        address indexed sender,
        uint256 indexed index,
        bytes32 startMerkleRoot,
        uint256 submissionIndex,
        uint256 flowLength,
        bytes32 context
    );

    /// keccak256 of nothing: the digest of an epoch that cannot be mined.
    bytes32 internal constant EMPTY = 0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470;
    /// EIP-2935 keeps this many block hashes.
    uint256 internal constant BLOCK_HASH_AGE_MAX = 8191;
    address internal constant BLOCK_HASH_HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;
    uint256 internal constant ROOT_HISTORY_CAPACITY = 1000;
    /// A flow that lay idle for longer skips the epochs before: they hold no data of their own. Bounds every call.
    uint256 internal constant EPOCHS_PER_CALL_MAX = 32;

    uint256 public immutable firstBlock;
    uint256 public immutable blocksPerEpoch;
    uint256 public immutable deployDelay;
    DigestHistory public immutable rootHistory;

    uint256 public epoch;
    uint128 public epochStartPosition;
    MineContext private context;
    mapping(bytes32 digest => EpochRange) private epochRanges;
    EpochRangeWithContextDigest[] private epochRangeHistory;

    constructor(uint256 blocksPerEpoch_, uint256 deployDelay_) {
        firstBlock = block.number + deployDelay_;
        blocksPerEpoch = blocksPerEpoch_;
        deployDelay = deployDelay_;
        rootHistory = new DigestHistory(ROOT_HISTORY_CAPACITY);
        context = MineContext(0, block.number + deployDelay_, bytes32(0), 1, EMPTY, EMPTY);
    }

    function flowState() internal view virtual returns (bytes32 root, uint256 length, uint256 submissions);

    modifier launched() {
        require(block.number >= firstBlock, "Contract has not launched.");
        _;
    }

    /// Closes all epochs that have ended.
    function makeContext() public launched {
        skipIdleEpochs();
        while (closeEpoch()) {}
    }

    /// Closes at most `times` epochs, none skipped.
    function makeContextFixedTimes(uint256 times) external launched {
        for (uint256 i = 0; i < times; i++) {
            if (!closeEpoch()) return;
        }
    }

    function makeContextWithResult() external returns (MineContext memory) {
        makeContext();
        return context;
    }

    function getContext() external view returns (MineContext memory) {
        return context;
    }

    function getEpochRange(bytes32 digest) external view returns (EpochRange memory) {
        return epochRanges[digest];
    }

    function getEpochRangeHistory(uint256 index) external view returns (EpochRangeWithContextDigest memory) {
        return epochRangeHistory[index];
    }

    /// The closed epoch whose range holds sector `position`.
    function queryContextAtPosition(uint128 position) external view returns (EpochRangeWithContextDigest memory) {
        require(position < epochStartPosition, "Queried position exceeds upper bound");
        uint256 low = 0;
        uint256 high = epochRangeHistory.length;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (epochRangeHistory[middle].end > position) high = middle;
            else low = middle + 1;
        }
        return epochRangeHistory[low];
    }

    function nextEpochStart() private view returns (uint256) {
        return firstBlock + (epoch + 1) * blocksPerEpoch;
    }

    function skipIdleEpochs() private {
        uint256 start = nextEpochStart();
        if (start >= block.number) return;
        uint256 ended = (block.number - start - 1) / blocksPerEpoch + 1;
        if (ended <= EPOCHS_PER_CALL_MAX) return;
        epoch += ended - EPOCHS_PER_CALL_MAX - 1;
        start = nextEpochStart();
        (bytes32 root, uint256 length, uint256 submissions) = flowState();
        enterEpoch(start, root, length, submissions, EMPTY, EMPTY);
    }

    function closeEpoch() private returns (bool) {
        uint256 start = nextEpochStart();
        if (start >= block.number) return false;
        (bytes32 root, uint256 length, uint256 submissions) = flowState();
        bytes32 blockDigest = blockDigestAt(start);
        bytes32 digest = EMPTY;
        if (blockDigest != EMPTY) {
            digest = keccak256(abi.encode(blockDigest, root, length));
            epochRanges[digest] = EpochRange(epochStartPosition, uint128(length));
            epochRangeHistory.push(EpochRangeWithContextDigest(epochStartPosition, uint128(length), digest));
            epochStartPosition = uint128(length);
        }
        enterEpoch(start, root, length, submissions, blockDigest, digest);
        return true;
    }

    function enterEpoch(
        uint256 start,
        bytes32 root,
        uint256 length,
        uint256 submissions,
        bytes32 blockDigest,
        bytes32 digest
    ) private {
        rootHistory.insert(root);
        epoch += 1;
        context = MineContext(epoch, start, root, length, blockDigest, digest);
        emit NewEpoch(msg.sender, epoch, root, submissions, length, digest);
    }

    /// The hash of a past block, or EMPTY where the chain no longer knows it.
    function blockDigestAt(uint256 number) private view returns (bytes32) {
        if (number + BLOCK_HASH_AGE_MAX < block.number) return EMPTY;
        bytes32 digest = blockhash(number);
        if (digest != bytes32(0)) return digest;
        (bool ok, bytes memory answer) = BLOCK_HASH_HISTORY.staticcall(abi.encode(number));
        if (!ok || answer.length != 32 || bytes32(answer) == bytes32(0)) return EMPTY;
        return bytes32(answer);
    }
}
