// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControlEnumerable} from "@openzeppelin/contracts/access/extensions/AccessControlEnumerable.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {FlowTree} from "./FlowTree.sol";
import {IMarket} from "./StorageFees.sol";
import {MineContexts} from "./MineContexts.sol";
import {Submission, SubmissionData, SubmissionRules} from "./Submission.sol";

/// The log of all stored files: takes both generations of `submit`, charges the market's fee, keeps the flow tree.
/// Spec: storage.md 2. Differences from upstream: an overpayment goes back to the payer, nobody can spend another's
/// surplus, and a root that its submitter has paid and that has not expired is entered again at its old place for free.
contract Flow is MineContexts, AccessControlEnumerable, Pausable, ReentrancyGuardTransient {
    using FlowTree for FlowTree.Tree;
    using SubmissionRules for SubmissionData;

    event Submit(
        address indexed sender,
        bytes32 indexed identity,
        uint256 submissionIndex,
        uint256 startPos,
        uint256 length,
        SubmissionData submission
    );
    event Renewed(address indexed submitter, bytes32 indexed identity, uint256 paidUntil);

    error NotEnoughFee(uint256 price, uint256 sectors, uint256 paid);
    error RefundFailed(address payer, uint256 amount);
    error NeverPaid(address submitter, bytes32 identity);
    error LifetimesOutOfRange(uint256 lifetimes);

    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");
    uint256 private constant SEGMENT_SECTORS = 1024;
    uint256 private constant LIFETIMES_MAX = 100;

    struct Payment {
        uint128 startPos;
        /// Unix seconds.
        uint128 paidUntil;
    }

    IMarket private immutable marketContract;
    FlowTree.Tree private flowTree;
    uint256 public submissionIndex;
    mapping(uint256 txSeq => bytes32) private rootByTxSeq;
    mapping(bytes32 content => Payment) private payments;
    mapping(uint256 txSeq => bytes32 content) private contentByTxSeq;

    constructor(address admin, IMarket market_, uint256 blocksPerEpoch_, uint256 deployDelay_, uint256 epochsPerCallMax_)
        MineContexts(blocksPerEpoch_, deployDelay_, epochsPerCallMax_)
    {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(PAUSER_ROLE, admin);
        marketContract = market_;
        flowTree.initialize();
    }

    function submit(Submission calldata submission)
        external
        payable
        whenNotPaused
        nonReentrant
        returns (uint256 index, bytes32 digest, uint256 startIndex, uint256 length)
    {
        uint256 rest;
        (index, digest, startIndex, length, rest) = enter(submission.data, submission.submitter, msg.value);
        refund(rest);
    }

    /// The older generation: the sender is the submitter.
    function submit(SubmissionData calldata data)
        external
        payable
        whenNotPaused
        nonReentrant
        returns (uint256 index, bytes32 digest, uint256 startIndex, uint256 length)
    {
        uint256 rest;
        (index, digest, startIndex, length, rest) = enter(data, msg.sender, msg.value);
        refund(rest);
    }

    function batchSubmit(Submission[] calldata submissions)
        external
        payable
        whenNotPaused
        nonReentrant
        returns (
            uint256[] memory indexes,
            bytes32[] memory digests,
            uint256[] memory startIndexes,
            uint256[] memory lengths
        )
    {
        (indexes, digests, startIndexes, lengths) = room(submissions.length);
        uint256 rest = msg.value;
        for (uint256 i = 0; i < submissions.length; i++) {
            (indexes[i], digests[i], startIndexes[i], lengths[i], rest) =
                enter(submissions[i].data, submissions[i].submitter, rest);
        }
        refund(rest);
    }

    /// The older generation: the sender is the submitter.
    function batchSubmit(SubmissionData[] calldata datas)
        external
        payable
        whenNotPaused
        nonReentrant
        returns (
            uint256[] memory indexes,
            bytes32[] memory digests,
            uint256[] memory startIndexes,
            uint256[] memory lengths
        )
    {
        (indexes, digests, startIndexes, lengths) = room(datas.length);
        uint256 rest = msg.value;
        for (uint256 i = 0; i < datas.length; i++) {
            (indexes[i], digests[i], startIndexes[i], lengths[i], rest) = enter(datas[i], msg.sender, rest);
        }
        refund(rest);
    }

    /// Pays one more lifetime for a root that `submission.submitter` once paid; anybody may.
    function renew(Submission calldata submission) external payable whenNotPaused nonReentrant {
        extend(submission, 1);
    }

    /// Pays several more lifetimes at once.
    function renewFor(Submission calldata submission, uint256 lifetimes) external payable whenNotPaused nonReentrant {
        if (lifetimes == 0 || lifetimes > LIFETIMES_MAX) revert LifetimesOutOfRange(lifetimes);
        extend(submission, lifetimes);
    }

    /// Until when (Unix seconds) the submission's submitter has paid for its root; 0 if never.
    function paidUntilByTxSeq(uint256 txSeq) external view returns (uint256) {
        return payments[contentByTxSeq[txSeq]].paidUntil;
    }

    /// Until when (Unix seconds) `submitter` has paid for this root; 0 if never.
    function paidUntil(address submitter, SubmissionData calldata data) external view returns (uint256) {
        return payments[contentKey(submitter, data)].paidUntil;
    }

    /// What submitting would cost `submitter` now, in wei: 0 for a root that is paid.
    function quote(address submitter, SubmissionData calldata data) external view returns (uint256) {
        if (payments[contentKey(submitter, data)].paidUntil > block.timestamp) return 0;
        return data.sectors() * marketContract.pricePerSector();
    }

    function market() external view returns (address) {
        return address(marketContract);
    }

    function numSubmissions() external view returns (uint256) {
        return submissionIndex;
    }

    /// Sectors so far, and the levels of the tree that holds them.
    function tree() external view returns (uint256 currentLength, uint256 unstagedHeight) {
        return (flowTree.length, FlowTree.heightOf(flowTree.length));
    }

    function computeFlowRoot() public view returns (bytes32) {
        return flowTree.root();
    }

    /// Flow root right after submission `txSeq`; zero if there is none.
    function getFlowRootByTxSeq(uint256 txSeq) external view returns (bytes32) {
        return rootByTxSeq[txSeq];
    }

    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    function unpause() external onlyRole(PAUSER_ROLE) {
        _unpause();
    }

    function enter(SubmissionData calldata data, address submitter, uint256 paid)
        private
        returns (uint256 index, bytes32 digest, uint256 startPos, uint256 length, uint256 rest)
    {
        require(submitter != address(0) && data.isValid(), "Invalid submission");
        makeContext();
        length = data.sectors();
        digest = data.identity();
        index = submissionIndex++;
        bytes32 content = contentKey(submitter, data);
        contentByTxSeq[index] = content;
        Payment storage payment = payments[content];
        if (payment.paidUntil > block.timestamp) {
            startPos = payment.startPos;
            rest = paid;
        } else {
            uint256 previousLength = flowTree.length;
            startPos = insert(data, length);
            rest = charge(length, 1, previousLength, flowTree.length - previousLength - length, paid);
            uint256 lifetime = marketContract.lifetimeSeconds();
            if (lifetime > 0) (payment.startPos, payment.paidUntil) = (uint128(startPos), uint128(block.timestamp + lifetime));
        }
        rootByTxSeq[index] = flowTree.root();
        emit Submit(submitter, digest, index, startPos, length, data);
    }

    /// Places the nodes at the next aligned positions; a file that would straddle a segment border starts at one.
    function insert(SubmissionData calldata data, uint256 length) private returns (uint256 startPos) {
        startPos = alignUp(flowTree.length, 1 << data.nodes[0].height);
        bool straddles = startPos / SEGMENT_SECTORS != (startPos + length - 1) / SEGMENT_SECTORS;
        if (startPos % SEGMENT_SECTORS != 0 && straddles) {
            startPos = alignUp(alignUp(flowTree.length, SEGMENT_SECTORS), 1 << data.nodes[0].height);
        }
        flowTree.padTo(startPos);
        for (uint256 i = 0; i < data.nodes.length; i++) flowTree.append(data.nodes[i].root, data.nodes[i].height);
    }

    function extend(Submission calldata submission, uint256 lifetimes) private {
        SubmissionData calldata data = submission.data;
        Payment storage payment = payments[contentKey(submission.submitter, data)];
        if (payment.paidUntil == 0) revert NeverPaid(submission.submitter, data.identity());
        uint256 rest = charge(data.sectors(), lifetimes, payment.startPos, 0, msg.value);
        uint256 from = payment.paidUntil > block.timestamp ? payment.paidUntil : block.timestamp;
        payment.paidUntil = uint128(from + lifetimes * marketContract.lifetimeSeconds());
        emit Renewed(submission.submitter, data.identity(), payment.paidUntil);
        refund(rest);
    }

    function charge(uint256 sectors, uint256 lifetimes, uint256 previousLength, uint256 padding, uint256 paid)
        private
        returns (uint256)
    {
        uint256 price = marketContract.pricePerSector() * lifetimes;
        uint256 fee = sectors * price;
        if (paid < fee) revert NotEnoughFee(price, sectors, paid);
        marketContract.chargeFee{value: fee}(previousLength, sectors, padding);
        return paid - fee;
    }

    function refund(uint256 amount) private {
        if (amount == 0) return;
        (bool ok,) = msg.sender.call{value: amount}("");
        if (!ok) revert RefundFailed(msg.sender, amount);
    }

    function contentKey(address submitter, SubmissionData calldata data) private pure returns (bytes32) {
        return keccak256(abi.encode(submitter, data.nodes));
    }

    function alignUp(uint256 value, uint256 unit) private pure returns (uint256) {
        return ((value + unit - 1) / unit) * unit;
    }

    function room(uint256 count)
        private
        pure
        returns (uint256[] memory, bytes32[] memory, uint256[] memory, uint256[] memory)
    {
        return (new uint256[](count), new bytes32[](count), new uint256[](count), new uint256[](count));
    }

    function flowState() internal view override returns (bytes32, uint256, uint256) {
        return (flowTree.root(), flowTree.length, submissionIndex);
    }
}
