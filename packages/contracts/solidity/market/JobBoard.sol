// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {Administered} from "../compute/Administered.sol";
import {PullPayments} from "../storage/PullPayments.sol";
import {Job, JobMode, JobOutcome, JobState, JobTerms} from "./JobTypes.sol";

/// Jobs with the money put down: taken, assigned or auctioned, delivered, acknowledged, paid. Every state has an end
/// after which anybody may close the job, so that no money stays locked; what is due waits to be fetched, so that no
/// receiver can hold a job up. Spec: spec/market.md 6.
contract JobBoard is Administered, PullPayments {
    using EnumerableSet for EnumerableSet.UintSet;

    event JobPosted(
        uint256 indexed jobId, address indexed poster, address indexed provider, uint8 kind, bytes32 specRoot
    );
    event JobAccepted(uint256 indexed jobId, address indexed provider, uint256 price, uint256 deliverUntil);
    event JobDelivered(uint256 indexed jobId, bytes32 resultRoot, bytes32 receiptHash, uint256 reviewUntil);
    event JobRejected(uint256 indexed jobId, bytes32 reasonHash, uint256 decideUntil);
    event JobClosed(uint256 indexed jobId, JobOutcome outcome, uint256 toProvider, uint256 toPoster);
    event ResolverUpdated(address indexed resolver);

    error InvalidTerms(string field);
    error EscrowMismatch(uint256 sent, uint256 required);
    error BondMismatch(uint256 sent, uint256 required);
    error WrongState(uint256 jobId, JobState state);
    error CallerNotPoster(address caller);
    error CallerNotProvider(address caller);
    error CallerNotResolver(address caller);
    error TooLate(uint256 until);
    error TooEarly(uint256 until);
    error EmptyResult();
    error AwardTooLarge(uint256 award, uint256 held);
    error LimitTooLarge(uint256 limit, uint256 max);

    uint8 public constant BATCH_INFERENCE = 1;
    uint8 public constant FINE_TUNING = 2;
    uint256 public constant PAGE_MAX = 100;
    uint256 public constant SECONDS_MAX = 90 days;
    uint256 public constant REVIEW_SECONDS_MIN = 60;
    uint256 private constant BPS = 10_000;

    /// How long the resolver has to decide about rejected work.
    uint256 public resolveSeconds;
    /// Decides about rejected work; zero while there is none.
    address public resolver;
    /// Jobs are numbered from 1.
    uint256 public jobCount;
    /// Prices and bonds of jobs that are not closed.
    uint256 public heldInAll;
    mapping(uint256 jobId => Job) private jobs;
    EnumerableSet.UintSet private openJobs;

    function initialize(address owner_, uint256 resolveSeconds_) external initializer {
        if (resolveSeconds_ == 0 || resolveSeconds_ > SECONDS_MAX) revert InvalidTerms("resolveSeconds");
        setOwner(owner_);
        resolveSeconds = resolveSeconds_;
    }

    function setResolver(address resolver_) external onlyOwner {
        resolver = resolver_;
        emit ResolverUpdated(resolver_);
    }

    /// Posts a job with all that it may cost. Terms never change.
    function postJob(JobTerms calldata terms) external payable returns (uint256 jobId) {
        checkTerms(terms);
        if (msg.value != terms.priceMax) revert EscrowMismatch(msg.value, terms.priceMax);
        jobId = ++jobCount;
        Job storage job = jobs[jobId];
        (job.poster, job.until) = (msg.sender, uint64(block.timestamp + terms.openSeconds));
        (job.mode, job.state, job.kind) = (terms.mode, JobState.Open, terms.kind);
        (job.provider, job.postedAt) = (terms.provider, uint64(block.timestamp));
        job.auctionSeconds = terms.auctionSeconds;
        (job.priceFloor, job.priceMax, job.bond) = (terms.priceFloor, terms.priceMax, terms.bond);
        (job.workSeconds, job.reviewSeconds) = (terms.workSeconds, terms.reviewSeconds);
        (job.disputedShareBps, job.specRoot) = (terms.disputedShareBps, terms.specRoot);
        openJobs.add(jobId);
        heldInAll += msg.value;
        emit JobPosted(jobId, msg.sender, terms.provider, terms.kind, terms.specRoot);
    }

    /// Takes an open job at its present price, against the bond. The poster gets back what the job will not cost.
    function acceptJob(uint256 jobId) external payable {
        Job storage job = inState(jobId, JobState.Open);
        if (block.timestamp > job.until) revert TooLate(job.until);
        if (job.mode == JobMode.Assign && msg.sender != job.provider) revert CallerNotProvider(msg.sender);
        if (msg.value != job.bond) revert BondMismatch(msg.value, job.bond);
        uint128 price = priceNow(job);
        (job.provider, job.price, job.state) = (msg.sender, price, JobState.Taken);
        job.until = uint64(block.timestamp + job.workSeconds);
        openJobs.remove(jobId);
        uint256 spare = job.priceMax - price;
        heldInAll = heldInAll + msg.value - spare;
        owe(job.poster, spare);
        emit JobAccepted(jobId, msg.sender, price, job.until);
    }

    /// Says where the result is. The poster's time to look at it begins.
    function deliverJob(uint256 jobId, bytes32 resultRoot, bytes32 receiptHash) external {
        Job storage job = inState(jobId, JobState.Taken);
        if (msg.sender != job.provider) revert CallerNotProvider(msg.sender);
        if (block.timestamp > job.until) revert TooLate(job.until);
        if (resultRoot == 0) revert EmptyResult();
        (job.resultRoot, job.receiptHash, job.state) = (resultRoot, receiptHash, JobState.Delivered);
        job.until = uint64(block.timestamp + job.reviewSeconds);
        emit JobDelivered(jobId, resultRoot, receiptHash, job.until);
    }

    /// The poster has the result: the provider is paid. Also ends a rejection that the poster takes back.
    function acknowledgeJob(uint256 jobId) external {
        Job storage job = jobs[jobId];
        bool isWaiting = job.state == JobState.Delivered || job.state == JobState.Rejected;
        if (!isWaiting) revert WrongState(jobId, job.state);
        if (msg.sender != job.poster) revert CallerNotPoster(msg.sender);
        close(jobId, JobOutcome.Acknowledged, uint256(job.price) + job.bond);
    }

    /// The poster does not accept the result; the resolver decides, or the share agreed in the terms does.
    function rejectJob(uint256 jobId, bytes32 reasonHash) external {
        Job storage job = inState(jobId, JobState.Delivered);
        if (msg.sender != job.poster) revert CallerNotPoster(msg.sender);
        if (block.timestamp > job.until) revert TooLate(job.until);
        job.state = JobState.Rejected;
        job.until = uint64(block.timestamp + resolveSeconds);
        emit JobRejected(jobId, reasonHash, job.until);
    }

    /// The resolver gives the provider its part of price and bond, the poster the rest.
    function resolveJob(uint256 jobId, uint256 toProvider) external {
        Job storage job = inState(jobId, JobState.Rejected);
        if (msg.sender != resolver) revert CallerNotResolver(msg.sender);
        if (block.timestamp > job.until) revert TooLate(job.until);
        close(jobId, JobOutcome.Resolved, toProvider);
    }

    /// The poster wants an open job no more.
    function cancelJob(uint256 jobId) external {
        Job storage job = inState(jobId, JobState.Open);
        if (msg.sender != job.poster) revert CallerNotPoster(msg.sender);
        close(jobId, JobOutcome.Cancelled, 0);
    }

    /// The named provider does not want the job.
    function declineJob(uint256 jobId) external {
        Job storage job = inState(jobId, JobState.Open);
        if (job.mode != JobMode.Assign || msg.sender != job.provider) revert CallerNotProvider(msg.sender);
        close(jobId, JobOutcome.Declined, 0);
    }

    /// The provider gives the job up before its time is over, and keeps half its bond for saying so.
    function abandonJob(uint256 jobId) external {
        Job storage job = inState(jobId, JobState.Taken);
        if (msg.sender != job.provider) revert CallerNotProvider(msg.sender);
        if (block.timestamp > job.until) revert TooLate(job.until);
        close(jobId, JobOutcome.Abandoned, job.bond / 2);
    }

    /// Anybody closes a job whose state has ended: not taken, it goes back to the poster; not delivered, the bond goes
    /// with it; not answered, the provider is paid; not decided, the share of the terms holds.
    function closeOverdue(uint256 jobId) external {
        Job storage job = jobs[jobId];
        JobState state = job.state;
        if (state == JobState.None || state == JobState.Closed) revert WrongState(jobId, state);
        if (block.timestamp <= job.until) revert TooEarly(job.until);
        if (state == JobState.Open) close(jobId, JobOutcome.Expired, 0);
        else if (state == JobState.Taken) close(jobId, JobOutcome.TimedOut, 0);
        else if (state == JobState.Delivered) close(jobId, JobOutcome.Unanswered, uint256(job.price) + job.bond);
        else close(jobId, JobOutcome.Undecided, uint256(job.price) * job.disputedShareBps / BPS + job.bond);
    }

    function getJob(uint256 jobId) external view returns (Job memory job) {
        job = jobs[jobId];
        if (job.state == JobState.None) revert WrongState(jobId, JobState.None);
    }

    /// Jobs that wait for a provider; an id may be overdue.
    function getOpenJobs(uint256 offset, uint256 limit)
        external
        view
        returns (uint256[] memory jobIds, Job[] memory page, uint256 total)
    {
        if (limit > PAGE_MAX) revert LimitTooLarge(limit, PAGE_MAX);
        total = openJobs.length();
        if (offset > total) offset = total;
        jobIds = openJobs.values(offset, offset + limit);
        page = new Job[](jobIds.length);
        for (uint256 i = 0; i < jobIds.length; i++) page[i] = jobs[jobIds[i]];
    }

    /// What accepting the open job now would pay.
    function priceOf(uint256 jobId) external view returns (uint256) {
        return priceNow(inState(jobId, JobState.Open));
    }

    /// In an auction the price rises evenly from floor to maximum and stays there.
    function priceNow(Job storage job) private view returns (uint128) {
        uint256 elapsed = block.timestamp - job.postedAt;
        if (elapsed >= job.auctionSeconds) return job.priceMax;
        return uint128(job.priceFloor + (uint256(job.priceMax) - job.priceFloor) * elapsed / job.auctionSeconds);
    }

    function close(uint256 jobId, JobOutcome outcome, uint256 toProvider) private {
        Job storage job = jobs[jobId];
        bool isOpen = job.state == JobState.Open;
        uint256 held = isOpen ? job.priceMax : uint256(job.price) + job.bond;
        if (toProvider > held) revert AwardTooLarge(toProvider, held);
        if (isOpen) openJobs.remove(jobId);
        (job.state, job.outcome) = (JobState.Closed, outcome);
        heldInAll -= held;
        owe(job.provider, toProvider);
        owe(job.poster, held - toProvider);
        emit JobClosed(jobId, outcome, toProvider, held - toProvider);
    }

    function inState(uint256 jobId, JobState state) private view returns (Job storage job) {
        job = jobs[jobId];
        if (job.state != state) revert WrongState(jobId, job.state);
    }

    function checkTerms(JobTerms calldata terms) private pure {
        if (terms.kind != BATCH_INFERENCE && terms.kind != FINE_TUNING) revert InvalidTerms("kind");
        if ((terms.mode == JobMode.Assign) != (terms.provider != address(0))) revert InvalidTerms("provider");
        if (terms.specRoot == 0) revert InvalidTerms("specRoot");
        if (terms.priceMax == 0 || terms.priceFloor > terms.priceMax) revert InvalidTerms("price");
        if (terms.openSeconds == 0 || terms.openSeconds > SECONDS_MAX) revert InvalidTerms("openSeconds");
        if (terms.workSeconds == 0 || terms.workSeconds > SECONDS_MAX) revert InvalidTerms("workSeconds");
        if (terms.reviewSeconds < REVIEW_SECONDS_MIN || terms.reviewSeconds > SECONDS_MAX) {
            revert InvalidTerms("reviewSeconds");
        }
        if (terms.disputedShareBps > BPS) revert InvalidTerms("disputedShareBps");
        bool isAuction = terms.mode == JobMode.Auction;
        bool rises = terms.auctionSeconds > 0 && terms.auctionSeconds <= terms.openSeconds;
        if (isAuction ? !rises : terms.auctionSeconds != 0) revert InvalidTerms("auctionSeconds");
        if (!isAuction && terms.priceFloor != terms.priceMax) revert InvalidTerms("priceFloor");
    }
}
