// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Credits} from "../compute/Credits.sol";
import {AuditTargets} from "./AuditTargets.sol";

/// The stake contract, of which the audits are a judge.
interface IJudgedStake {
    function slashableOf(address provider) external view returns (uint256);
    function slash(address provider, uint256 amount, bytes32 reason, address user, address reporter) external;
}

/// What follows from a quorum that found a provider at fault: a case, which it may contest before all auditors of another
/// round, and then a bounded share of its stake. Spec: spec/alignment.md 7.
abstract contract AuditCases is AuditTargets, Credits {
    event CaseOpened(bytes32 indexed caseId, address indexed provider, uint256 indexed round, uint256 readyAt);
    event CaseContested(bytes32 indexed caseId, address indexed provider, uint256 juryRound);
    event CaseDecided(bytes32 indexed caseId, address indexed provider, bool isUpheld);
    event VerdictCarriedOut(bytes32 indexed caseId, address indexed provider, uint256 amount);
    event PoolFunded(address indexed from, uint256 amount, uint256 pool);

    error CaseNotOpen(bytes32 caseId);
    error CaseNotReady(bytes32 caseId);
    error CallerNotAccused(address caller);
    error BondTooSmall(uint256 sent, uint256 needed);

    enum CaseState {
        none,
        open,
        contested,
        upheld,
        dismissed,
        carriedOut
    }

    struct Case {
        address provider;
        uint64 readyAt;
        CaseState state;
        uint64 juryRound;
        uint128 bond;
    }

    IJudgedStake public stake;
    mapping(bytes32 caseId => Case) public cases;
    /// The case that a target contests.
    mapping(uint256 index => bytes32 caseId) internal contestedBy;
    /// Wei that pay for findings.
    uint256 public pool;
    /// Wei of auditors and of contesting providers that the contract keeps.
    uint256 public held;

    function fund() external payable {
        pool += msg.value;
        emit PoolFunded(msg.sender, msg.value, pool);
    }

    /// The accused asks all auditors of the next round to look at what the case rests on: what it signed itself.
    function contest(bytes32 caseId) external payable {
        Case storage entry = cases[caseId];
        if (entry.state != CaseState.open || block.timestamp >= entry.readyAt) revert CaseNotOpen(caseId);
        if (msg.sender != entry.provider) revert CallerNotAccused(msg.sender);
        if (msg.value < rules_.bondWei || msg.value > type(uint128).max) {
            revert BondTooSmall(msg.value, rules_.bondWei);
        }
        uint256 place = placeOf[INFERENCE][bytes32(uint256(uint160(entry.provider)))];
        uint64 juryRound = uint64(nextRound());
        // who left the list has left the jury too
        if (place == 0 || !isAudited(place - 1, juryRound)) revert CaseNotOpen(caseId);
        (entry.state, entry.juryRound, entry.bond) = (CaseState.contested, juryRound, uint128(msg.value));
        targets_[place - 1].juryRound = juryRound;
        contestedBy[place - 1] = caseId;
        held += msg.value;
        emit CaseContested(caseId, entry.provider, juryRound);
    }

    /// Takes the share of the stake once the time to contest is over, or the jury agreed. Anybody may.
    function carryOut(bytes32 caseId) external nonReentrant {
        Case storage entry = cases[caseId];
        bool isReady = entry.state == CaseState.upheld
            || (entry.state == CaseState.open && block.timestamp >= entry.readyAt);
        if (!isReady) revert CaseNotReady(caseId);
        entry.state = CaseState.carriedOut;
        uint256 amount = (stake.slashableOf(entry.provider) * rules_.slashPercent) / 100;
        // nobody gains: what is taken is burned
        stake.slash(entry.provider, amount, caseId, address(0), address(0));
        emit VerdictCarriedOut(caseId, entry.provider, amount);
    }

    /// A jury that could not be brought together by the time its round can be settled no more has not agreed.
    function dismissOverdue(bytes32 caseId) external {
        Case storage entry = cases[caseId];
        bool isOverdue =
            entry.state == CaseState.contested && currentRound() > entry.juryRound + SETTLED_AFTER_ROUNDS;
        if (!isOverdue) revert CaseNotReady(caseId);
        decide(caseId, false);
    }

    /// After a target's findings of a round were weighed.
    function pursue(uint256 index, uint256 round, bool isFaulty) internal {
        Target storage target = targets_[index];
        bytes32 contested = contestedBy[index];
        if (cases[contested].state == CaseState.contested && cases[contested].juryRound == round) {
            decide(contested, isFaulty);
            return;
        }
        if (!isFaulty || target.kind != INFERENCE || round < target.restUntil || round == target.juryRound) return;
        bytes32 caseId = caseIdOf(round, target.id);
        target.restUntil = uint64(round + rules_.restRounds);
        uint64 readyAt = uint64(block.timestamp + rules_.contestSeconds);
        address provider = address(uint160(uint256(target.id)));
        cases[caseId] = Case(provider, readyAt, CaseState.open, 0, 0);
        emit CaseOpened(caseId, provider, round, readyAt);
    }

    function caseIdOf(uint256 round, bytes32 id) public pure returns (bytes32) {
        return keccak256(abi.encode(round, id));
    }

    /// The bond of who contested is lost with the case, and goes back without it.
    function decide(bytes32 caseId, bool isUpheld) private {
        Case storage entry = cases[caseId];
        if (entry.state != CaseState.contested) return;
        uint256 bond = entry.bond;
        (entry.state, entry.bond) = (isUpheld ? CaseState.upheld : CaseState.dismissed, 0);
        held -= bond;
        if (isUpheld) pool += bond;
        else credits[entry.provider] += bond;
        emit CaseDecided(caseId, entry.provider, isUpheld);
    }
}
