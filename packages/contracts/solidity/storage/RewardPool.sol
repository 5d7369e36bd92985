// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {PullPayments} from "./PullPayments.sol";
import {RewardStream} from "./RewardStream.sol";
import {IReward} from "./StorageFees.sol";

/// Keeps storage fees by pricing chunk and releases each evenly once its chunk is full; every accepted answer in a chunk
/// is paid half of what is claimable there. A fill costs the same gas however many chunks it spans. Spec: mining.md 7.
contract RewardPool is IReward, Ownable, PullPayments {
    using RewardStream for RewardStream.Stream;

    event RewardFilled(uint256 indexed firstChunk, uint256 endChunk, uint256 amount);
    event DistributeReward(
        uint256 indexed pricingIndex, address indexed beneficiary, bytes32 indexed minerId, uint256 amount
    );
    event Migrated(address indexed next, uint256 amount);
    error CallerNotMarket(address caller);
    error CallerNotMine(address caller);
    error MarketAlreadySet(address market);
    error MineAlreadySet(address mine);
    error FeeRateTooHigh(uint256 bps);
    error MigrationFailed();
    error PoolMigrated();

    /// Chunks that one fill covers whole: they share a stream, each with what is due to one chunk.
    struct Run {
        uint128 first;
        uint128 end;
    }

    struct Claim {
        /// Wei of the chunk's stream that earlier answers have moved to `claimable`.
        uint128 moved;
        uint128 claimable;
    }

    uint256 private constant BPS = 10_000;
    uint256 private constant EXPIRY_STEPS_MAX = 256;

    /// Sectors per pricing chunk: 2^25 (8 GiB) upstream, a deployment parameter here.
    uint256 public immutable chunkSectors;
    uint256 public immutable releaseSeconds;
    address public market;
    address public mine;
    address public treasury;
    /// After a migration nothing is taken or earned here any more; what was earned before stays to be fetched.
    bool public isMigrated;
    /// Share of each fee that goes to the treasury, in 1/10,000.
    uint256 public serviceFeeRateBps;
    /// Paid on top for each accepted answer in a chunk that is still paid for, as long as donations last.
    uint256 public baseReward;
    /// One slot, because every fill writes it: donations left, end of what has been filled in sectors, and a chunk before
    /// which all are expired.
    uint128 public totalBaseReward;
    uint64 public filledSectors;
    uint64 private firstUnexpired;
    Run[] private runs;
    mapping(uint256 run => RewardStream.Stream) private runStreams;
    mapping(uint256 chunk => RewardStream.Stream) private sharedStreams;
    mapping(uint256 chunk => Claim) private claims;

    constructor(address owner, uint256 chunkSectors_, uint256 releaseSeconds_) Ownable(owner) {
        chunkSectors = chunkSectors_;
        releaseSeconds = releaseSeconds_;
        treasury = owner;
    }

    /// Binds the market, once.
    function setMarket(address market_) external onlyOwner {
        if (market != address(0)) revert MarketAlreadySet(market);
        market = market_;
    }

    /// Binds the mine, once.
    function setMine(address mine_) external onlyOwner {
        if (mine != address(0)) revert MineAlreadySet(mine);
        mine = mine_;
    }

    function setBaseReward(uint256 amount) external onlyOwner {
        baseReward = amount;
    }

    function setServiceFeeRate(uint256 bps) external onlyOwner {
        if (bps > BPS) revert FeeRateTooHigh(bps);
        serviceFeeRateBps = bps;
    }

    function setTreasury(address treasury_) external onlyOwner {
        treasury = treasury_;
    }

    /// Adds to what base rewards are paid from.
    function donate() external payable {
        if (isMigrated) revert PoolMigrated();
        totalBaseReward += uint128(msg.value);
    }

    /// Spreads the value over the chunks that the sectors lie in, in proportion. Sectors before `filledSectors` are being
    /// renewed. What rounding leaves, and a renewal whose chunks this pool never saw, counts as donated.
    function fillReward(uint256 beforeLength, uint256 rewardSectors) external payable {
        if (msg.sender != market) revert CallerNotMarket(msg.sender);
        if (isMigrated) revert PoolMigrated();
        if (rewardSectors == 0) {
            totalBaseReward += uint128(msg.value);
            return;
        }
        uint256 fee = (msg.value * serviceFeeRateBps) / BPS;
        owe(treasury, fee);
        uint256 end = beforeLength + rewardSectors;
        bool isFresh = beforeLength >= filledSectors;
        uint256 rest = spread(beforeLength, end, msg.value - fee, isFresh);
        uint256 unexpired = unexpiredFrom(firstUnexpired, 2);
        totalBaseReward += uint128(rest);
        if (isFresh) filledSectors = uint64(end);
        firstUnexpired = uint64(unexpired);
    }

    /// Pays for an accepted answer: half of what is claimable in its chunk, and the base reward.
    function claimMineReward(uint256 pricingIndex, address payable beneficiary, bytes32 minerId) external {
        if (msg.sender != mine) revert CallerNotMine(msg.sender);
        if (isMigrated) return;
        RewardStream.Stream storage stream = streamOf(pricingIndex);
        Claim memory claim = claims[pricingIndex];
        uint256 released = stream.releasedBy(block.timestamp);
        claim.claimable += uint128(released - claim.moved);
        claim.moved = uint128(released);
        uint256 amount = claim.claimable / 2;
        claim.claimable -= uint128(amount);
        claims[pricingIndex] = claim;
        if (stream.end > block.timestamp) {
            uint256 base = baseReward < totalBaseReward ? baseReward : totalBaseReward;
            totalBaseReward -= uint128(base);
            amount += base;
        }
        if (amount == 0) return;
        owe(beneficiary, amount);
        emit DistributeReward(pricingIndex, beneficiary, minerId, amount);
    }

    /// State of a chunk. `startTime` is 0 until the chunk is full.
    function rewards(uint256 pricingIndex)
        external
        view
        returns (
            uint128 lockedReward,
            uint128 claimableReward,
            uint128 distributedReward,
            uint40 startTime,
            uint40 lastUpdate
        )
    {
        RewardStream.Stream storage stream = streamOf(pricingIndex);
        Claim memory claim = claims[pricingIndex];
        lockedReward = uint128(stream.released) + stream.locked - claim.moved;
        claimableReward = claim.claimable;
        distributedReward = claim.moved - claim.claimable;
        (startTime, lastUpdate) = (stream.since == 0 ? 0 : stream.end - uint40(releaseSeconds), stream.since);
    }

    /// When (Unix seconds) a chunk's fees are all released; 0 while it is not full.
    function rewardDeadline(uint256 pricingIndex) external view returns (uint256) {
        return streamOf(pricingIndex).end;
    }

    /// The first chunk that is still paid for, and now. It may name an earlier one, never a later one.
    function firstRewardableChunk() external view returns (uint64, uint64) {
        return (uint64(unexpiredFrom(firstUnexpired, EXPIRY_STEPS_MAX)), uint64(block.timestamp));
    }

    /// Hands all fees that nobody has earned yet to the pool that succeeds this one.
    function migrate(address payable next) external onlyOwner {
        uint256 amount = address(this).balance - owedInAll;
        totalBaseReward = 0;
        isMigrated = true;
        (bool ok,) = next.call{value: amount}("");
        if (!ok) revert MigrationFailed();
        emit Migrated(next, amount);
    }

    /// Gives each chunk in [start, end) its part, and returns the rest.
    function spread(uint256 start, uint256 end, uint256 amount, bool isFresh) private returns (uint256 rest) {
        uint256 firstWhole = (start + chunkSectors - 1) / chunkSectors;
        uint256 endWhole = end / chunkSectors;
        rest = amount;
        uint256 headEnd = firstWhole * chunkSectors < end ? firstWhole * chunkSectors : end;
        if (start < headEnd) {
            rest -= fillShared(start / chunkSectors, (amount * (headEnd - start)) / (end - start), isFresh, headEnd);
        }
        if (firstWhole < endWhole) rest -= fillRun(firstWhole, endWhole, (amount * chunkSectors) / (end - start), isFresh);
        if (endWhole >= firstWhole && endWhole * chunkSectors < end) {
            rest -= fillShared(endWhole, (amount * (end - endWhole * chunkSectors)) / (end - start), isFresh, end);
        }
    }

    function fillShared(uint256 chunk, uint256 amount, bool isFresh, uint256 end) private returns (uint256) {
        RewardStream.Stream storage stream = sharedStreams[chunk];
        stream.add(amount, releaseSeconds);
        if (isFresh && end == (chunk + 1) * chunkSectors) stream.start(releaseSeconds);
        emit RewardFilled(chunk, chunk + 1, amount);
        return amount;
    }

    function fillRun(uint256 first, uint256 end, uint256 perChunk, bool isFresh) private returns (uint256) {
        uint256 index = isFresh ? runs.length : runOf(first);
        if (isFresh) {
            runs.push(Run(uint128(first), uint128(end)));
        } else if (index == runs.length || runs[index].first != first || runs[index].end != end) {
            return 0;
        }
        runStreams[index].add(perChunk, releaseSeconds);
        runStreams[index].start(releaseSeconds);
        emit RewardFilled(first, end, perChunk * (end - first));
        return perChunk * (end - first);
    }

    function streamOf(uint256 chunk) private view returns (RewardStream.Stream storage) {
        uint256 index = runOf(chunk);
        return index == runs.length ? sharedStreams[chunk] : runStreams[index];
    }

    /// Index of the run that holds a chunk, else the number of runs.
    function runOf(uint256 chunk) private view returns (uint256) {
        uint256 low = 0;
        uint256 high = runs.length;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (runs[middle].end <= chunk) low = middle + 1;
            else high = middle;
        }
        return low < runs.length && runs[low].first <= chunk ? low : runs.length;
    }

    function unexpiredFrom(uint256 chunk, uint256 steps) private view returns (uint256) {
        for (uint256 i = 0; i < steps; i++) {
            uint256 index = runOf(chunk);
            bool isRun = index < runs.length;
            uint256 end = isRun ? runStreams[index].end : sharedStreams[chunk].end;
            if (end == 0 || end > block.timestamp) return chunk;
            chunk = isRun ? runs[index].end : chunk + 1;
        }
        return chunk;
    }
}
