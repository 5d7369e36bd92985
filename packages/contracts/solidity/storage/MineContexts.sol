// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BlockDigests, EMPTY_DIGEST} from "./BlockDigests.sol";
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

    uint256 internal constant ROOT_HISTORY_CAPACITY = 1000;

    uint256 public immutable firstBlock;
    uint256 public immutable blocksPerEpoch;
    uint256 public immutable deployDelay;
    /// A flow that lay idle for longer skips the epochs before: they hold no data of their own. Bounds every call.
    uint256 public immutable epochsPerCallMax;
    DigestHistory public immutable rootHistory;

    uint256 public epoch;
    uint128 public epochStartPosition;
    MineContext private context;
    mapping(bytes32 digest => EpochRange) private epochRanges;
    EpochRangeWithContextDigest[] private epochRangeHistory;

    constructor(uint256 blocksPerEpoch_, uint256 deployDelay_, uint256 epochsPerCallMax_) {
        firstBlock = block.number + deployDelay_;
        blocksPerEpoch = blocksPerEpoch_;
        deployDelay = deployDelay_;
        epochsPerCallMax = epochsPerCallMax_;
        rootHistory = new DigestHistory(ROOT_HISTORY_CAPACITY);
        context = MineContext(0, block.number + deployDelay_, bytes32(0), 1, EMPTY_DIGEST, EMPTY_DIGEST);
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
        if (ended <= epochsPerCallMax) return;
        epoch += ended - epochsPerCallMax - 1;
        start = nextEpochStart();
        (bytes32 root, uint256 length, uint256 submissions) = flowState();
        enterEpoch(start, root, length, submissions, EMPTY_DIGEST, EMPTY_DIGEST);
    }

    function closeEpoch() private returns (bool) {
        uint256 start = nextEpochStart();
        if (start >= block.number) return false;
        (bytes32 root, uint256 length, uint256 submissions) = flowState();
        bytes32 blockDigest = BlockDigests.digestAt(start);
        bytes32 digest = EMPTY_DIGEST;
        if (blockDigest != EMPTY_DIGEST) {
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
}
