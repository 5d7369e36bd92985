// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Credits} from "../compute/Credits.sol";
import {FileSector} from "../dispute/FileSector.sol";
import {HashPath} from "../dispute/judge/HashPath.sol";
import {Ed25519} from "./Ed25519.sol";

/// What a storage node signed when it showed a fragment: which one, and its frame by size and root.
struct Shown {
    bytes32 root;
    uint64 sizeBytes;
    uint16 dataRows;
    uint16 row;
    uint64 stripe;
    /// The frame in pieces of 4,096 bytes, counted from its end, where its data stand: the first may be shorter.
    uint32 frameBytes;
    bytes32 frameRoot;
}

/// One sector of the segment, as the file has it and as the frame shows it.
struct OtherSector {
    /// Place in the segment.
    uint256 sector;
    bytes inFile;
    bytes32[] siblings;
    /// The piece of the frame that has it, and the hashes beside its way to the frame's root.
    bytes piece;
    bytes32[] path;
}

/// Stakes of storage nodes, each by the key that is its name, put up by whoever the node names. Whoever shows a fragment
/// that a node signed and that is not of the file costs it a share. Nobody owns this contract. Spec: spec/storage.md 15.
contract HolderStake is Credits {
    event OwnerNamed(bytes32 indexed nodeId, address indexed owner);
    event StakeAdded(bytes32 indexed nodeId, uint256 amount, uint256 staked);
    event UnstakeBegun(bytes32 indexed nodeId, uint256 amount, uint256 unstaking, uint256 readyAt);
    event UnstakeWithdrawn(bytes32 indexed nodeId, uint256 amount);
    event Slashed(
        bytes32 indexed nodeId,
        bytes32 indexed root,
        uint256 row,
        uint256 stripe,
        address reporter,
        uint256 toReporter,
        uint256 burned
    );

    error InvalidParameter();
    error NotSignedByNode(bytes32 nodeId);
    error NotOwner(address caller);
    error StillStaked(bytes32 nodeId);
    error StakeTooSmall(uint256 staked, uint256 asked);
    error StillUnstaking(uint256 readyAt);
    /// What a parity row must hold the file's root does not say.
    error NotOfData(uint256 row, uint256 dataRows);
    error NoSuchSector(uint256 sector);
    error FragmentIsRight();
    error FaultCounted(bytes32 faultId);
    error NothingStaked(bytes32 nodeId);

    uint256 private constant SECTOR_BYTES = 256;
    uint256 private constant SEGMENT_SECTORS = 1024;
    uint256 private constant PIECE_BYTES = 4096;
    /// Share of what is slashed that goes to who showed it, in percent; the rest is burned.
    uint256 public constant REPORTER_PERCENT = 10;

    struct Stake {
        address owner;
        /// Times that an owner was named.
        uint64 names;
        /// Unix seconds from which `unstaking` can be withdrawn, and is slashed no more.
        uint64 readyAt;
        uint128 staked;
        uint128 unstaking;
    }

    /// How long a stake that is taken back waits.
    uint256 public immutable unstakeSeconds;
    /// Share of the stake that one shown fragment costs, in percent.
    uint256 public immutable faultPercent;
    mapping(bytes32 nodeId => Stake) public stakes;
    mapping(bytes32 faultId => bool) public isCounted;

    constructor(uint256 unstakeSeconds_, uint256 faultPercent_) {
        if (faultPercent_ == 0 || faultPercent_ > 100) revert InvalidParameter();
        (unstakeSeconds, faultPercent) = (unstakeSeconds_, faultPercent_);
    }

    /// Makes the caller the owner of a node's stake, by the node's signature over `ownerMessage`, as long as nothing is staked.
    function nameOwner(bytes32 nodeId, bytes32 r, bytes32 s) external {
        Stake storage stake = stakes[nodeId];
        if (stake.staked + stake.unstaking > 0) revert StillStaked(nodeId);
        if (!Ed25519.verify(nodeId, ownerMessage(nodeId, msg.sender), r, s)) revert NotSignedByNode(nodeId);
        (stake.owner, stake.names) = (msg.sender, stake.names + 1);
        emit OwnerNamed(nodeId, msg.sender);
    }

    /// Each is good once.
    function ownerMessage(bytes32 nodeId, address owner) public view returns (bytes memory) {
        return abi.encodePacked(
            "weightless/holder-stake/1\n", uint64(block.chainid), address(this), nodeId, owner, stakes[nodeId].names
        );
    }

    function addStake(bytes32 nodeId) external payable {
        Stake storage stake = stakes[nodeId];
        if (stake.owner == address(0)) revert NotOwner(msg.sender);
        if (msg.value == 0 || msg.value > type(uint96).max) revert InvalidParameter();
        stake.staked += uint128(msg.value);
        emit StakeAdded(nodeId, msg.value, stake.staked);
    }

    /// The wait begins anew for what is waiting already.
    function unstake(bytes32 nodeId, uint256 amount) external {
        Stake storage stake = owned(nodeId);
        if (amount == 0 || amount > stake.staked) revert StakeTooSmall(stake.staked, amount);
        stake.staked -= uint128(amount);
        stake.unstaking += uint128(amount);
        stake.readyAt = uint64(block.timestamp + unstakeSeconds);
        emit UnstakeBegun(nodeId, amount, stake.unstaking, stake.readyAt);
    }

    function withdrawStake(bytes32 nodeId) external nonReentrant {
        Stake storage stake = owned(nodeId);
        uint256 amount = stake.unstaking;
        if (amount == 0) revert NothingToWithdraw();
        if (block.timestamp < stake.readyAt) revert StillUnstaking(stake.readyAt);
        stake.unstaking = 0;
        emit UnstakeWithdrawn(nodeId, amount);
        send(msg.sender, amount);
    }

    /// Shows a data fragment that a node signed, and one of its sectors as the file has it: they differ, or the frame is too
    /// short to hold the fragment.
    function reportFragment(
        bytes32 nodeId,
        Shown calldata shown,
        bytes32 r,
        bytes32 s,
        OtherSector calldata other
    ) external nonReentrant {
        if (!Ed25519.verify(nodeId, shownMessage(shown), r, s)) revert NotSignedByNode(nodeId);
        if (isOfFile(shown, other)) revert FragmentIsRight();
        take(nodeId, shown);
    }

    /// The frame's size and root are part of what is signed, so a place in it cannot be claimed otherwise.
    function shownMessage(Shown calldata shown) public view returns (bytes memory) {
        return abi.encodePacked(
            "weightless/fragment-shown/2\n",
            uint64(block.chainid),
            shown.root,
            shown.sizeBytes,
            shown.dataRows,
            shown.row,
            shown.stripe,
            shown.frameBytes,
            shown.frameRoot
        );
    }

    /// Wei of a node that can be slashed now.
    function slashableOf(bytes32 nodeId) public view returns (uint256) {
        return stakes[nodeId].staked + waitingOf(stakes[nodeId]);
    }

    function isOfFile(Shown calldata shown, OtherSector calldata other) private pure returns (bool) {
        if (shown.row >= shown.dataRows) revert NotOfData(shown.row, shown.dataRows);
        uint256 first = (uint256(shown.stripe) * shown.dataRows + shown.row) * SEGMENT_SECTORS;
        uint256 sectors = (shown.sizeBytes + SECTOR_BYTES - 1) / SECTOR_BYTES;
        if (other.sector >= SEGMENT_SECTORS || first + other.sector >= sectors) revert NoSuchSector(other.sector);
        uint256 held = sectors - first;
        if (held > SEGMENT_SECTORS) held = SEGMENT_SECTORS;
        uint256 from = (first + other.sector) * SECTOR_BYTES;
        uint256 count = shown.sizeBytes - from;
        if (count > SECTOR_BYTES) count = SECTOR_BYTES;
        FileSector.open(shown.root, shown.sizeBytes, from, count, other.inFile, other.siblings);
        return shown.frameBytes >= held * SECTOR_BYTES && isInFrame(shown, other, (held - 1 - other.sector) * SECTOR_BYTES);
    }

    /// @param behind bytes of the frame behind the sector
    function isInFrame(Shown calldata shown, OtherSector calldata other, uint256 behind) private pure returns (bool) {
        uint256 pieces = (shown.frameBytes + PIECE_BYTES - 1) / PIECE_BYTES;
        uint256 i = pieces - 1 - behind / PIECE_BYTES;
        bytes32 root = HashPath.rootFrom(HashPath.hashLeaf(other.piece), i, pieces, other.path);
        if (root != shown.frameRoot) revert NoSuchSector(other.sector);
        uint256 pieceBytes = i > 0 ? PIECE_BYTES : shown.frameBytes - (pieces - 1) * PIECE_BYTES;
        if (other.piece.length != pieceBytes) return false;
        uint256 end = pieceBytes - behind % PIECE_BYTES;
        return keccak256(other.piece[end - SECTOR_BYTES:end]) == keccak256(other.inFile);
    }

    /// What waits to be withdrawn goes first, since it leaves first. A fragment counts once, however often it is shown.
    function take(bytes32 nodeId, Shown calldata shown) private {
        bytes32 faultId = keccak256(abi.encode(nodeId, shown.root, shown.sizeBytes, shown.row, shown.stripe));
        if (isCounted[faultId]) revert FaultCounted(faultId);
        isCounted[faultId] = true;
        uint256 taken = slashableOf(nodeId) * faultPercent / 100;
        if (taken == 0) revert NothingStaked(nodeId);
        Stake storage stake = stakes[nodeId];
        uint256 waiting = waitingOf(stake);
        uint256 first = waiting < taken ? waiting : taken;
        stake.unstaking -= uint128(first);
        stake.staked -= uint128(taken - first);
        // its owner gains nothing by its fault
        uint256 toReporter = msg.sender == stake.owner ? 0 : taken * REPORTER_PERCENT / 100;
        credits[msg.sender] += toReporter;
        emit Slashed(nodeId, shown.root, shown.row, shown.stripe, msg.sender, toReporter, taken - toReporter);
        send(address(0), taken - toReporter);
    }

    function owned(bytes32 nodeId) private view returns (Stake storage stake) {
        stake = stakes[nodeId];
        if (stake.owner != msg.sender) revert NotOwner(msg.sender);
    }

    function waitingOf(Stake storage stake) private view returns (uint256) {
        return block.timestamp < stake.readyAt ? stake.unstaking : 0;
    }

    function send(address target, uint256 amount) private {
        if (amount == 0) return;
        (bool ok,) = target.call{value: amount}("");
        if (!ok) revert TransferFailed(target);
    }
}
