// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Administered} from "../compute/Administered.sol";
import {Service} from "../compute/InferenceServices.sol";

/// Where providers of inference are registered.
interface IServices {
    function serviceExists(address provider) external view returns (bool);
    function getService(address provider) external view returns (Service memory);
}

/// What a round lasts, asks and pays. Spec: spec/alignment.md 9.
struct AuditRules {
    uint64 roundSeconds;
    /// First part of a round, for audits and their commitments; the rest is for revealing them.
    uint64 workSeconds;
    /// After a round, for planted targets to be opened.
    uint64 openSeconds;
    /// How long the accused may ask for a jury.
    uint64 contestSeconds;
    /// Auditors of one target on average.
    uint16 auditorsPerTarget;
    /// Findings of one kind without which nothing follows.
    uint16 quorum;
    /// Share of a provider's slashable stake that a verdict costs.
    uint16 slashPercent;
    /// Rounds without another case against the same target.
    uint16 restRounds;
    uint128 bondWei;
    /// Taken from a bond for a report that was not revealed, or denied by an opened plant.
    uint128 missWei;
    /// For a finding that agrees.
    uint128 findingWei;
}

/// Who is audited, and which round it is. Spec: spec/alignment.md 4.
abstract contract AuditTargets is Administered {
    event TargetListed(uint256 indexed index, uint8 indexed kind, bytes32 indexed id, uint256 fromRound);
    event TargetDelisted(uint256 indexed index, uint8 indexed kind, bytes32 indexed id, uint256 untilRound);

    error ListedAlready(bytes32 id);
    error NotListed(uint256 index);
    error StillServing(address provider);
    error NoSuchService(bytes32 id);
    error TooManyTargets();
    error InvalidParameter();

    /// Providers of inference, by address; anybody lists them.
    uint8 public constant INFERENCE = 1;
    /// Storage nodes, by the id they sign placements with; the owner lists them. They have no stake here.
    uint8 public constant STORAGE = 2;
    /// The hardware that a provider of inference says it has (`Tee…`), by the provider's address; anybody lists them.
    uint8 public constant ATTESTATION = 3;
    /// Nodes of the chain, by keccak-256 of their URL; the owner lists them.
    uint8 public constant CHAIN = 4;
    uint256 public constant TARGETS_MAX = 64;

    struct Target {
        bytes32 id;
        uint8 kind;
        uint64 fromRound;
        /// First round in which it is audited no more; 0: none yet.
        uint64 untilRound;
        /// Round in which everybody audits it, because it contests a case.
        uint64 juryRound;
        /// First round in which another case may be made.
        uint64 restUntil;
    }

    IServices public services;
    AuditRules internal rules_;
    /// Unix seconds at which round 0 began.
    uint256 public beganAt;
    Target[] internal targets_;
    /// Place in the list plus one.
    mapping(uint8 kind => mapping(bytes32 id => uint256)) internal placeOf;

    function rules() external view returns (AuditRules memory) {
        return rules_;
    }

    function targets() external view returns (Target[] memory) {
        return targets_;
    }

    function currentRound() public view returns (uint256) {
        return (block.timestamp - beganAt) / rules_.roundSeconds;
    }

    function startOf(uint256 round) public view returns (uint256) {
        return beganAt + round * rules_.roundSeconds;
    }

    /// The next round for which nothing is known yet of what its seed is made of: auditors may enrol for it, targets enter.
    function nextRound() public view returns (uint256) {
        uint256 round = currentRound();
        return block.timestamp < startOf(round) + rules_.workSeconds ? round + 1 : round + 2;
    }

    /// Audited from `nextRound` on. Places of targets that have gone are given again.
    function list(uint8 kind, bytes32 id) external returns (uint256 index) {
        if (isProvider(kind)) {
            address provider = address(uint160(uint256(id)));
            bool isThere = uint256(id) >> 160 == 0 && services.serviceExists(provider);
            if (!isThere || (kind == ATTESTATION && !claimsHardware(provider))) revert NoSuchService(id);
        } else {
            if (kind != STORAGE && kind != CHAIN) revert InvalidParameter();
            require(msg.sender == owner, "Ownable: caller is not the owner");
        }
        uint256 place = placeOf[kind][id];
        if (place != 0 && !isFree(place - 1)) revert ListedAlready(id);
        index = place != 0 ? place - 1 : freePlace();
        uint64 fromRound = uint64(nextRound());
        if (index == targets_.length) targets_.push();
        else delete placeOf[targets_[index].kind][targets_[index].id];
        targets_[index] = Target(id, kind, fromRound, 0, 0, 0);
        placeOf[kind][id] = index + 1;
        emit TargetListed(index, kind, id, fromRound);
    }

    /// Takes a provider that serves no more (or claims no hardware any more), or a node, off the list after the next round.
    function delist(uint256 index) external {
        if (index >= targets_.length || targets_[index].untilRound != 0) revert NotListed(index);
        Target storage target = targets_[index];
        if (isProvider(target.kind)) {
            address provider = address(uint160(uint256(target.id)));
            bool isThere = services.serviceExists(provider) && (target.kind == INFERENCE || claimsHardware(provider));
            if (isThere) revert StillServing(provider);
        } else {
            require(msg.sender == owner, "Ownable: caller is not the owner");
        }
        target.untilRound = uint64(currentRound() + 2);
        emit TargetDelisted(index, target.kind, target.id, target.untilRound);
    }

    function isAudited(uint256 index, uint256 round) public view returns (bool) {
        Target storage target = targets_[index];
        return round >= target.fromRound && (target.untilRound == 0 || round < target.untilRound);
    }

    function isProvider(uint8 kind) private pure returns (bool) {
        return kind == INFERENCE || kind == ATTESTATION;
    }

    /// Its entry says `TeeML`, `TeeTLS` or another word that begins so.
    function claimsHardware(address provider) private view returns (bool) {
        return bytes3(bytes(services.getService(provider).verifiability)) == "Tee";
    }

    function freePlace() private view returns (uint256 index) {
        while (index < targets_.length && !isFree(index)) index++;
        if (index == TARGETS_MAX) revert TooManyTargets();
    }

    /// When all that was found about its last holder can be settled no more.
    function isFree(uint256 index) private view returns (bool) {
        uint256 until = targets_[index].untilRound;
        return until != 0 && until + SETTLED_AFTER_ROUNDS <= currentRound();
    }

    /// Settling, and taking bonds, ends so many rounds after a round.
    uint256 internal constant SETTLED_AFTER_ROUNDS = 8;
}
