// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControlEnumerable} from "@openzeppelin/contracts/access/extensions/AccessControlEnumerable.sol";
import {MineParams} from "./PoraAnswer.sol";

/// How good an answer must be, how many an epoch takes, and how both follow what miners did. Spec: mining.md 6.
abstract contract MineDifficulty is AccessControlEnumerable {
    event PoraTargetUpdated(uint256 indexed epoch, uint256 poraTarget);

    bytes32 public constant PARAMS_ADMIN_ROLE = keccak256("PARAMS_ADMIN_ROLE");
    /// Weight of the past in each adjustment: 19 of 20 parts at first.
    uint256 private constant ADJUST_RATIO = 20;

    uint256 public poraTarget;
    uint256 public minDifficulty;
    uint256 public difficultyAdjustRatio = ADJUST_RATIO;
    uint256 public currentSubmissions;
    uint256 public lastMinedEpoch;
    uint256 public targetMineBlocks;
    uint256 public targetSubmissions;
    uint256 public targetSubmissionsNextEpoch;
    uint256 public nSubtasks;
    uint256 public nSubtasksNextEpoch;
    uint256 public subtaskInterval;
    uint256 public subtaskIntervalNextEpoch;
    uint64 public maxShards;

    constructor(address admin, MineParams memory params) {
        require(params.difficulty > 0, "Difficulty cannot be zero");
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(PARAMS_ADMIN_ROLE, admin);
        poraTarget = type(uint256).max / params.difficulty;
        minDifficulty = 1;
        targetMineBlocks = params.targetMineBlocks;
        targetSubmissions = targetSubmissionsNextEpoch = params.targetSubmissions;
        nSubtasks = nSubtasksNextEpoch = params.nSubtasks;
        subtaskInterval = subtaskIntervalNextEpoch = params.subtaskInterval;
        maxShards = params.maxShards;
    }

    function setTargetMineBlocks(uint256 value) external onlyRole(PARAMS_ADMIN_ROLE) {
        targetMineBlocks = value;
    }

    /// From the next mined epoch on.
    function setTargetSubmissions(uint256 value) external onlyRole(PARAMS_ADMIN_ROLE) {
        targetSubmissionsNextEpoch = value;
    }

    /// From the next mined epoch on.
    function setNumSubtasks(uint256 value) external onlyRole(PARAMS_ADMIN_ROLE) {
        require(value > 0, "At least one subtask");
        nSubtasksNextEpoch = value;
    }

    /// From the next mined epoch on.
    function setSubtaskInterval(uint256 value) external onlyRole(PARAMS_ADMIN_ROLE) {
        subtaskIntervalNextEpoch = value;
    }

    function setMaxShards(uint64 value) external onlyRole(PARAMS_ADMIN_ROLE) {
        maxShards = value;
    }

    function setDifficultyAdjustRatio(uint256 value) external onlyRole(PARAMS_ADMIN_ROLE) {
        require(value > 0 && value < 65_536, "Adjust ratio out of range");
        difficultyAdjustRatio = value;
    }

    /// Also brings the present target down to the new least difficulty.
    function setMinDifficulty(uint256 value) external onlyRole(PARAMS_ADMIN_ROLE) {
        require(value > 0, "Difficulty cannot be zero");
        minDifficulty = value;
        poraTarget = min(poraTarget, type(uint256).max / value);
    }

    /// Opens an epoch that nobody has mined yet; epochs without an answer in between do not adjust one by one.
    function rollEpoch(uint256 epoch, bool isFixed) internal {
        if (epoch <= lastMinedEpoch) return;
        if (lastMinedEpoch > 0 && !isFixed) {
            poraTarget = adjusted();
            emit PoraTargetUpdated(epoch, poraTarget);
        }
        lastMinedEpoch = epoch;
        currentSubmissions = 0;
        targetSubmissions = targetSubmissionsNextEpoch;
        nSubtasks = nSubtasksNextEpoch;
        subtaskInterval = subtaskIntervalNextEpoch;
    }

    /// Moves one part in `difficultyAdjustRatio` towards the target that would have given the wanted number of answers,
    /// at most by a factor of two. 16 bits are dropped so that nothing overflows.
    function adjusted() private view returns (uint256) {
        uint256 old = poraTarget >> 16;
        uint256 most = type(uint256).max >> 16;
        uint256 expected = most;
        if (currentSubmissions > 0) {
            // the target has 240 bits, so wanted numbers of answers up to 2^16 cannot overflow
            expected = min(most, (old * min(targetSubmissions, 65_535)) / currentSubmissions);
        }
        uint256 ratio = difficultyAdjustRatio;
        uint256 next = (old * (ratio - 1) + expected) / ratio;
        if (next < old / 2) next = old / 2;
        if (next > old * 2) next = old * 2;
        return min(min(next, most) << 16, type(uint256).max / minDifficulty);
    }

    function min(uint256 a, uint256 b) internal pure returns (uint256) {
        return a < b ? a : b;
    }
}
