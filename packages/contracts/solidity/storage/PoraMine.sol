// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BlockDigests, EMPTY_DIGEST} from "./BlockDigests.sol";
import {EpochRange, MineContext} from "./MineContexts.sol";
import {MineDifficulty} from "./MineDifficulty.sol";
import {MinerRegistry} from "./MinerRegistry.sol";
import {LOAD_SECTORS, MineParams, PoraAnswer, RecallRange, SEAL_SECTORS} from "./PoraAnswer.sol";
import {PoraPuzzle} from "./PoraPuzzle.sol";

interface IMinedFlow {
    function makeContextWithResult() external returns (MineContext memory);
    function getEpochRange(bytes32 digest) external view returns (EpochRange memory);
}

interface IMineReward {
    function claimMineReward(uint256 pricingIndex, address payable beneficiary, bytes32 minerId) external;
}

/// Pays for proofs of random access: whoever keeps sealed data finds answers, and every answer is checked here in full.
/// Spec: mining.md 4, 5.
contract PoraMine is MinerRegistry, MineDifficulty {
    event NewSubmission(
        uint256 indexed epoch, bytes32 indexed minerId, uint256 epochIndex, uint256 recallPosition
    );

    struct WorkerContext {
        MineContext context;
        /// 0: nothing to mine now.
        uint256 poraTarget;
        bytes32 subtaskDigest;
        uint64 maxShards;
    }

    /// Bits of `settings`, for chains of tests.
    uint256 private constant NO_SEAL = 1;
    uint256 private constant NO_DATA_PROOF = 2;
    uint256 private constant FIXED_DIFFICULTY = 4;
    /// A recall range starts at a multiple of 8 GiB and spans 8 TiB for each shard.
    uint256 private constant START_ALIGNMENT = 1 << 25;
    uint256 private constant MINING_LENGTH_MAX = 1 << 35;
    /// Who `eth_call` says is asking for work: no transaction comes from it.
    address private constant WORKER = address(0x0A);

    address public immutable flow;
    address public immutable reward;
    uint256 public immutable settings;
    /// Sectors per pricing chunk of the reward contract.
    uint256 public immutable pricingSectors;
    mapping(bytes32 answerDigest => bool) private accepted;

    constructor(
        address admin,
        address flow_,
        address reward_,
        uint256 pricingSectors_,
        uint256 settings_,
        MineParams memory params
    ) MineDifficulty(admin, params) {
        flow = flow_;
        reward = reward_;
        pricingSectors = pricingSectors_;
        settings = settings_;
    }

    /// Takes an answer and credits its reward to the beneficiary of its miner id, whoever sends it.
    function submit(PoraAnswer calldata answer) external {
        address beneficiary = beneficiaries[answer.minerId];
        require(beneficiary != address(0), "MinerId does not registered");
        MineContext memory context = IMinedFlow(flow).makeContextWithResult();
        rollEpoch(context.epoch, settings & FIXED_DIFFICULTY != 0);
        (bool isOpen, bytes32 subtaskDigest) = subtask(context, answer.minerId);
        require(isOpen, "Not in the subtask's window");
        require(currentSubmissions < 2 * targetSubmissions, "Epoch has enough submissions");
        checkAnswer(answer, context);
        checkData(answer, context.flowRoot);
        uint256 quality = PoraPuzzle.quality(answer, subtaskDigest);
        require(quality <= scaledTarget(context.flowLength, answer.range.shardMask), "Do not reach target quality");
        bytes32 digest =
            keccak256(abi.encode(answer.contextDigest, answer.minerId, answer.nonce, answer.recallPosition, answer.range));
        require(!accepted[digest], "Answer has been submitted");
        accepted[digest] = true;
        emit NewSubmission(context.epoch, answer.minerId, currentSubmissions++, answer.recallPosition);
        IMineReward(reward).claimMineReward(
            answer.recallPosition / pricingSectors, payable(beneficiary), answer.minerId
        );
    }

    /// What `minerId` is to work on now; by `eth_call` from 0x…0A, so that it says what a transaction would find.
    function computeWorkerContext(bytes32 minerId) external returns (WorkerContext memory work) {
        require(msg.sender == WORKER, "Only for eth_call from 0x0A");
        require(beneficiaries[minerId] != address(0), "MinerId does not registered");
        work.context = IMinedFlow(flow).makeContextWithResult();
        work.maxShards = maxShards;
        rollEpoch(work.context.epoch, settings & FIXED_DIFFICULTY != 0);
        if (work.context.digest == EMPTY_DIGEST || currentSubmissions >= 2 * targetSubmissions) return work;
        bool isOpen;
        (isOpen, work.subtaskDigest) = subtask(work.context, minerId);
        if (isOpen) work.poraTarget = poraTarget;
    }

    function canSubmit() external returns (bool) {
        MineContext memory context = IMinedFlow(flow).makeContextWithResult();
        return context.epoch > lastMinedEpoch || currentSubmissions < 2 * targetSubmissions;
    }

    /// Quality of an answer for a subtask; reverts where its nonce does not recall that seal.
    function pora(PoraAnswer calldata answer, bytes32 subtaskDigest) external view returns (bytes32) {
        return bytes32(PoraPuzzle.quality(answer, subtaskDigest));
    }

    function unseal(PoraAnswer calldata answer) external pure returns (bytes32[128] memory) {
        return PoraPuzzle.unseal(answer);
    }

    /// Everything about an answer but its data and quality, as `submit` checks it.
    function basicCheck(PoraAnswer calldata answer, MineContext calldata context) external view {
        checkAnswer(answer, context);
    }

    /// Largest quality that an answer of this many shards may have.
    function scaledTarget(uint256 flowLength, uint64 shardMask) public view returns (uint256) {
        uint256 own = min(flowLength / shardsOf(shardMask), MINING_LENGTH_MAX);
        uint256 scaleX64 = (min(flowLength, MINING_LENGTH_MAX) << 64) / own;
        return (poraTarget / scaleX64) << 64;
    }

    /// Whether the window of this miner's subtask is open, and what the subtask is called.
    function subtask(MineContext memory context, bytes32 minerId) private view returns (bool, bytes32) {
        uint256 index = uint256(keccak256(abi.encode(context.digest, minerId))) % nSubtasks;
        uint256 start = context.mineStart + index * subtaskInterval;
        if (block.number <= start || block.number > start + targetMineBlocks) return (false, 0);
        return (true, keccak256(abi.encode(context.digest, BlockDigests.digestAt(start))));
    }

    function checkAnswer(PoraAnswer calldata answer, MineContext memory context) private view {
        require(context.digest == answer.contextDigest, "Inconsistent mining digest");
        require(context.digest != EMPTY_DIGEST, "Empty digest can not mine");
        RecallRange calldata range = answer.range;
        uint256 minable = (context.flowLength / LOAD_SECTORS) * LOAD_SECTORS;
        uint64 shards = shardsOf(range.shardMask);
        require(shards <= maxShards, "Too many shards");
        require(range.shardId & range.shardMask == 0, "Masked bits should be zero");
        require(range.startPosition % START_ALIGNMENT == 0, "Start position is not aligned");
        require(range.mineLength <= minable && range.startPosition <= minable - range.mineLength, "Mining range overflow");
        uint256 most = MINING_LENGTH_MAX * shards;
        require(range.mineLength <= most, "Mining range too long");
        require(range.mineLength > 0 && range.mineLength >= min(minable, most), "Mining range too short");
        EpochRange memory epochRange = IMinedFlow(flow).getEpochRange(answer.sealedContextDigest);
        uint256 sealEnd = answer.recallPosition + SEAL_SECTORS;
        require(epochRange.start < sealEnd && epochRange.end >= sealEnd, "Invalid sealed context digest");
    }

    function checkData(PoraAnswer calldata answer, bytes32 flowRoot) private view {
        if (settings & NO_DATA_PROOF != 0) return;
        require(PoraPuzzle.flowRoot(answer, settings & NO_SEAL == 0) == flowRoot, "Inconsistent merkle root");
    }

    /// 2 to the number of zero bits; a mask is ones above zeros.
    function shardsOf(uint64 shardMask) private pure returns (uint64 shards) {
        require(shardMask != 0, "Shard mask is none");
        shards = ~shardMask + 1;
        require(shards & (shards - 1) == 0, "Shard mask is none");
    }
}
