// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {AuditCases, IJudgedStake} from "./AuditCases.sol";
import {AuditRules, IServices} from "./AuditTargets.sol";
import {Secp256k1Vrf, VrfProof} from "./Secp256k1Vrf.sol";

/// What the rounds ask of the licences.
interface ILicences {
    function licencesOf(address operator) external view returns (uint256);
    function share(address operator) external payable;
}

/// Rounds in which auditors, drawn by their own keys and a block's hash, look at targets; they commit to what they found,
/// then reveal it, and are paid where they agree. Spec: spec/alignment.md
contract AuditRounds is AuditCases {
    event AuditorJoined(address indexed auditor, uint256 keyX, uint256 keyY, uint256 bond);
    event AuditorResigned(address indexed auditor, uint256 bond);
    event Enrolled(uint256 indexed round, address indexed auditor, uint256 licences);
    event RoundBegun(uint256 indexed round, uint256 seedBlock);
    event SeedDrawn(uint256 indexed round, bytes32 seed);
    event Committed(uint256 indexed round, address indexed auditor, bytes32 commitment);
    event Revealed(uint256 indexed round, address indexed auditor, bytes32 beta, bytes findings, bytes32 evidence);
    event Settled(
        uint256 indexed round, uint256 indexed index, bytes32 indexed id, uint8 kind, uint8 outcome, bool isPlanted
    );
    event Paid(uint256 indexed round, address indexed auditor, uint256 indexed index, uint256 amount);
    event BondTaken(uint256 indexed round, address indexed auditor, uint256 amount, bool isMissing);
    event PlanterSet(address indexed planter);
    event PlantCommitted(bytes32 indexed commitment, uint256 fromRound);
    event PlantOpened(uint256 indexed round, uint256 indexed index, bytes32 indexed id, bytes drift);

    error CallerNotPlanter(address caller);
    error Enlisted(address auditor);
    error NotEnlisted(address auditor);
    error NoLicence(address auditor);
    error TooManyAuditors();
    error WrongTime(uint256 round);
    error NotSeeded(uint256 round);
    error WrongState(uint256 round, address auditor);
    error NotCommitted(bytes32 commitment);
    error WrongFindings(uint256 index);
    error SettledAlready(uint256 round, uint256 index);
    error NotPlanted(bytes32 commitment);
    error StillBound(uint256 round);

    uint8 public constant CLEAN = 1;
    uint8 public constant FAULTY = 2;
    uint8 public constant UNREACHABLE = 3;
    /// The auditor did not come to it: counts for nothing, and earns nothing.
    uint8 public constant SKIPPED = 4;
    uint256 public constant AUDITORS_MAX = 64;

    struct Auditor {
        uint256 keyX;
        uint256 keyY;
        uint128 bond;
        uint64 lastRound;
    }

    struct Round {
        uint64 seedBlock;
        uint32 licences;
        bytes32 seed;
        /// A block's hash from before the reveals of the round before began.
        bytes32 early;
        /// What those reveals showed, one number an auditor; no order of them gives another.
        uint256 mix;
    }

    enum ReportState {
        none,
        enrolled,
        committed,
        revealed,
        missed
    }

    struct Report {
        bytes32 commitment;
        uint32 licences;
        ReportState state;
    }

    struct Tally {
        bool isSettled;
        bool isPlanted;
        uint8 outcome;
    }

    ILicences public licences;
    address public planter;
    mapping(address auditor => Auditor) public auditors;
    mapping(uint256 round => Round) public roundOf;
    mapping(uint256 round => address[]) private enrolledFor;
    mapping(uint256 round => mapping(address auditor => Report)) public reports;
    mapping(uint256 round => mapping(uint256 index => Tally)) public tallies;
    /// An auditor in the low 160 bits, its finding above them.
    mapping(uint256 round => mapping(uint256 index => uint256[])) private findingsOf;
    /// First round for which a committed plant counts.
    mapping(bytes32 commitment => uint256) public plants;

    function initialize(address owner_, IServices services_, IJudgedStake stake_, AuditRules calldata rules)
        external
        initializer
    {
        bool isSound = rules.workSeconds > 0 && rules.workSeconds < rules.roundSeconds && rules.quorum > 0
            && rules.openSeconds < rules.roundSeconds * (SETTLED_AFTER_ROUNDS - 1) && rules.slashPercent <= 100
            && rules.auditorsPerTarget >= rules.quorum && rules.missWei <= rules.bondWei;
        if (!isSound) revert InvalidParameter();
        setOwner(owner_);
        (services, stake, rules_, beganAt) = (services_, stake_, rules, block.timestamp);
    }

    function setLicences(ILicences licences_) external onlyOwner {
        licences = licences_;
    }

    function setPlanter(address planter_) external onlyOwner {
        planter = planter_;
        emit PlanterSet(planter_);
    }

    /// Puts up a bond and names the key by which the auditor is drawn; later, adds to the bond.
    function join(uint256 keyX, uint256 keyY) external payable {
        if (!Secp256k1Vrf.isOnCurve(keyX, keyY)) revert Secp256k1Vrf.NotOnCurve();
        Auditor storage auditor = auditors[msg.sender];
        bool isNew = auditor.keyX == 0;
        if (!isNew && (auditor.keyX != keyX || auditor.keyY != keyY)) revert Enlisted(msg.sender);
        if (isNew) (auditor.keyX, auditor.keyY) = (keyX, keyY);
        auditor.bond += uint128(msg.value);
        held += msg.value;
        if (auditor.bond < rules_.bondWei) revert BondTooSmall(auditor.bond, rules_.bondWei);
        emit AuditorJoined(msg.sender, keyX, keyY, auditor.bond);
    }

    /// Gives the bond back, as a credit, when no round of the auditor can take from it any more.
    function resign() external {
        Auditor memory auditor = auditors[msg.sender];
        if (auditor.keyX == 0) revert NotEnlisted(msg.sender);
        if (auditor.lastRound != 0 && currentRound() <= auditor.lastRound + SETTLED_AFTER_ROUNDS) {
            revert StillBound(auditor.lastRound);
        }
        delete auditors[msg.sender];
        held -= auditor.bond;
        credits[msg.sender] += auditor.bond;
        emit AuditorResigned(msg.sender, auditor.bond);
    }

    /// For `nextRound`, before anything of its seed is known, with as many licences as the caller has now. Who enrols owes
    /// a report.
    function enrol() external {
        uint256 round = nextRound();
        Auditor storage auditor = auditors[msg.sender];
        if (auditor.keyX == 0) revert NotEnlisted(msg.sender);
        if (auditor.bond < rules_.bondWei) revert BondTooSmall(auditor.bond, rules_.bondWei);
        if (auditor.lastRound >= round) revert WrongState(round, msg.sender);
        uint32 count = uint32(licences.licencesOf(msg.sender));
        if (count == 0) revert NoLicence(msg.sender);
        if (enrolledFor[round].length == AUDITORS_MAX) revert TooManyAuditors();
        enrolledFor[round].push(msg.sender);
        auditor.lastRound = uint64(round);
        roundOf[round].licences += count;
        reports[round][msg.sender] = Report(0, count, ReportState.enrolled);
        emit Enrolled(round, msg.sender, count);
    }

    /// Draws the seed: from what was revealed in the round before and a block's hash from before those reveals. Where nothing
    /// was revealed it first names the block whose hash will do, then, in a later block, takes it. Anybody may; nothing is
    /// left to choose for who does.
    function beginRound() external {
        uint256 number = currentRound();
        Round storage round = roundOf[number];
        if (round.seed != 0) return;
        bool isNamed = round.seedBlock != 0 && round.seedBlock < block.number;
        bytes32 hash = round.mix != 0 ? round.early : isNamed ? blockhash(round.seedBlock) : bytes32(0);
        if (hash != 0) {
            round.seed = keccak256(abi.encode(address(this), block.chainid, number, hash, round.mix));
            emit SeedDrawn(number, round.seed);
        } else if (round.seedBlock == 0 || round.seedBlock + 256 < block.number) {
            round.seedBlock = uint64(block.number);
            emit RoundBegun(number, block.number);
        }
    }

    /// `commitment`: hash of auditor, round, findings, evidence and salt.
    function commit(bytes32 commitment) external {
        uint256 round = currentRound();
        if (block.timestamp >= startOf(round) + rules_.workSeconds) revert WrongTime(round);
        Report storage report = reports[round][msg.sender];
        if (report.state != ReportState.enrolled || commitment == 0) revert WrongState(round, msg.sender);
        (report.commitment, report.state) = (commitment, ReportState.committed);
        Round storage next = roundOf[round + 1];
        if (next.early == 0) next.early = blockhash(block.number - 1);
        emit Committed(round, msg.sender, commitment);
    }

    /// Shows what was committed to, and that the caller was drawn for exactly these targets: one byte a target of the
    /// list, 0 for those that it was not drawn for.
    function reveal(VrfProof calldata proof, bytes calldata findings, bytes32 evidence, bytes32 salt) external {
        uint256 round = currentRound();
        if (block.timestamp < startOf(round) + rules_.workSeconds) revert WrongTime(round);
        Report storage report = reports[round][msg.sender];
        if (report.state != ReportState.committed) revert WrongState(round, msg.sender);
        bytes32 commitment = keccak256(abi.encode(msg.sender, round, findings, evidence, salt));
        if (commitment != report.commitment) revert NotCommitted(commitment);
        bytes32 seed = roundOf[round].seed;
        if (seed == 0) revert NotSeeded(round);
        Auditor storage auditor = auditors[msg.sender];
        bytes32 beta = Secp256k1Vrf.verify(auditor.keyX, auditor.keyY, seed, proof);
        report.state = ReportState.revealed;
        roundOf[round + 1].mix ^= uint256(keccak256(abi.encode(msg.sender, beta)));
        note(round, beta, report.licences, findings);
        emit Revealed(round, msg.sender, beta, findings, evidence);
    }

    /// Weighs what was found about one target, pays who agreed, and opens or decides a case. Anybody may.
    function settle(uint256 round, uint256 index) external nonReentrant {
        uint256 ended = startOf(round + 1);
        if (block.timestamp < ended + rules_.openSeconds || currentRound() > round + SETTLED_AFTER_ROUNDS) {
            revert WrongTime(round);
        }
        Tally storage tally = tallies[round][index];
        if (tally.isSettled) revert SettledAlready(round, index);
        if (index >= targets_.length || !isAudited(index, round)) revert NotListed(index);
        tally.isSettled = true;
        uint8 outcome = tally.isPlanted ? FAULTY : agreed(round, index);
        tally.outcome = outcome;
        if (outcome != 0) pay(round, index, outcome, tally.isPlanted);
        emit Settled(round, index, targets_[index].id, targets_[index].kind, outcome, tally.isPlanted);
        // what only its planter says is no quorum
        pursue(index, round, agreed(round, index) == FAULTY);
    }

    /// Takes from the bond of an auditor whose report was not revealed. Anybody may.
    function takeMissing(uint256 round, address auditor) external {
        if (block.timestamp < startOf(round + 1) || currentRound() > round + SETTLED_AFTER_ROUNDS) {
            revert WrongTime(round);
        }
        // without a seed nobody could know what to look at
        if (roundOf[round].seed == 0) revert NotSeeded(round);
        Report storage report = reports[round][auditor];
        if (report.state != ReportState.enrolled && report.state != ReportState.committed) {
            revert WrongState(round, auditor);
        }
        report.state = ReportState.missed;
        takeBond(round, auditor, true);
    }

    /// Binds the planter to a target that it plants from the next round on, without saying which.
    function commitPlant(bytes32 commitment) external {
        if (msg.sender != planter) revert CallerNotPlanter(msg.sender);
        if (plants[commitment] != 0) revert NotPlanted(commitment);
        plants[commitment] = currentRound() + 1;
        emit PlantCommitted(commitment, currentRound() + 1);
    }

    /// Between the end of a round and its settlement: the target was planted. A provider itself has signed that; the key of
    /// a storage node signs nothing that a contract reads, so it counts where the planter was bound before it was listed.
    function openPlant(uint256 round, uint256 index, bytes calldata drift, bytes32 salt, bytes calldata confession)
        external
    {
        uint256 ended = startOf(round + 1);
        if (block.timestamp < ended || block.timestamp >= ended + rules_.openSeconds) revert WrongTime(round);
        if (index >= targets_.length || !isAudited(index, round)) revert NotListed(index);
        Target storage target = targets_[index];
        bytes32 commitment = plantCommitment(target.id, drift, salt);
        uint256 fromRound = plants[commitment];
        bool isVouched = target.kind == INFERENCE
            ? confesses(address(uint160(uint256(target.id))), commitment, confession)
            : target.kind == STORAGE && msg.sender == planter && fromRound <= target.fromRound;
        if (fromRound == 0 || fromRound > round || !isVouched) revert NotPlanted(commitment);
        tallies[round][index].isPlanted = true;
        emit PlantOpened(round, index, target.id, drift);
    }

    /// `id`: of a provider its address in a word.
    function plantCommitment(bytes32 id, bytes calldata drift, bytes32 salt) public pure returns (bytes32) {
        return keccak256(abi.encode(id, drift, salt));
    }

    function confesses(address provider, bytes32 commitment, bytes calldata confession) private view returns (bool) {
        bytes32 signed =
            MessageHashUtils.toEthSignedMessageHash(keccak256(abi.encode(address(this), block.chainid, commitment)));
        (address recovered,,) = ECDSA.tryRecoverCalldata(signed, confession);
        return recovered == provider;
    }

    function enrolledAt(uint256 round) external view returns (address[] memory) {
        return enrolledFor[round];
    }

    function findingsAt(uint256 round, uint256 index) external view returns (uint256[] memory) {
        return findingsOf[round][index];
    }

    /// Whether the key's number for this round draws a target: with `auditorsPerTarget` of all licences on average.
    function isDrawn(bytes32 beta, uint256 count, uint256 round, uint256 index) public view returns (bool) {
        if (index >= targets_.length || !isAudited(index, round)) return false;
        Target storage target = targets_[index];
        if (target.juryRound == round) return true;
        uint256 ticket = uint64(uint256(keccak256(abi.encode(beta, target.kind, target.id))));
        return ticket * roundOf[round].licences < (rules_.auditorsPerTarget * count) << 64;
    }

    function note(uint256 round, bytes32 beta, uint256 count, bytes calldata findings) private {
        uint256 length = targets_.length;
        if (findings.length > length) revert WrongFindings(length);
        for (uint256 index = 0; index < length; index++) {
            uint8 finding = index < findings.length ? uint8(findings[index]) : 0;
            bool isOwed = isDrawn(beta, count, round, index);
            if (finding > SKIPPED || (finding != 0) != isOwed) revert WrongFindings(index);
            if (isOwed && finding != SKIPPED) {
                findingsOf[round][index].push((uint256(finding) << 160) | uint160(msg.sender));
            }
        }
    }

    /// The finding of a quorum and of more than two thirds, or 0.
    function agreed(uint256 round, uint256 index) private view returns (uint8 outcome) {
        uint256[] storage found = findingsOf[round][index];
        uint256[4] memory counts;
        for (uint256 i = 0; i < found.length; i++) counts[found[i] >> 160]++;
        for (uint8 kind = CLEAN; kind <= UNREACHABLE; kind++) {
            if (counts[kind] >= rules_.quorum && counts[kind] * 3 > found.length * 2) outcome = kind;
        }
    }

    /// As far as the pool reaches.
    function pay(uint256 round, uint256 index, uint8 outcome, bool isPlanted) private {
        uint256[] storage found = findingsOf[round][index];
        for (uint256 i = 0; i < found.length; i++) {
            address auditor = address(uint160(found[i]));
            if (found[i] >> 160 == outcome) {
                uint256 amount = rules_.findingWei < pool ? rules_.findingWei : pool;
                pool -= amount;
                licences.share{value: amount}(auditor);
                emit Paid(round, auditor, index, amount);
            } else if (isPlanted) {
                takeBond(round, auditor, false);
            }
        }
    }

    function takeBond(uint256 round, address account, bool isMissing) private {
        Auditor storage auditor = auditors[account];
        uint128 amount = rules_.missWei < auditor.bond ? rules_.missWei : auditor.bond;
        auditor.bond -= amount;
        held -= amount;
        pool += amount;
        emit BondTaken(round, account, amount, isMissing);
    }
}
