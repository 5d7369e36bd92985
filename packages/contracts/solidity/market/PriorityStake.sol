// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Administered} from "../compute/Administered.sol";

/// Tokens that anybody locks to go first when providers are busy, and that weigh a provider's chance among equal offers.
/// Spec: spec/market.md 5.
contract PriorityStake is Administered {
    event StakeLocked(address indexed account, uint256 amount, uint256 staked);
    event UnlockRequested(address indexed account, uint256 unlocking, uint256 unlockAt);
    event UnlockCancelled(address indexed account, uint256 amount, uint256 staked);
    event StakeWithdrawn(address indexed account, uint256 amount);

    error NothingToLock();
    error StakeTooSmall(uint256 staked, uint256 asked);
    error NothingUnlocking();
    error StillUnlocking(uint256 unlockAt);
    error InvalidParameter();
    error TransferFailed(address account);

    struct Entry {
        uint128 staked;
        uint128 unlocking;
        /// Unix seconds from which `unlocking` can be withdrawn.
        uint64 unlockAt;
    }

    /// Tickets of one account at most: how far ahead a stake can get.
    uint256 public constant TICKETS_MAX = 64;

    /// How long an unlock waits.
    uint256 public unlockSeconds;
    /// Stake for each ticket beyond the first.
    uint256 public ticketWei;
    mapping(address account => Entry) public entries;

    function initialize(address owner_, uint256 unlockSeconds_, uint256 ticketWei_) external initializer {
        if (ticketWei_ == 0 || unlockSeconds_ == 0 || unlockSeconds_ > 365 days) revert InvalidParameter();
        setOwner(owner_);
        (unlockSeconds, ticketWei) = (unlockSeconds_, ticketWei_);
    }

    /// Adds what was sent to the caller's stake; it counts at once.
    function lock() external payable {
        if (msg.value == 0 || msg.value > type(uint128).max) revert NothingToLock();
        Entry storage entry = entries[msg.sender];
        entry.staked += uint128(msg.value);
        emit StakeLocked(msg.sender, msg.value, entry.staked);
    }

    /// Begins to unlock; the amount stops counting at once. The wait begins anew for all that is unlocking already.
    function requestUnlock(uint256 amount) external {
        Entry storage entry = entries[msg.sender];
        if (amount == 0 || amount > entry.staked) revert StakeTooSmall(entry.staked, amount);
        entry.staked -= uint128(amount);
        entry.unlocking += uint128(amount);
        entry.unlockAt = uint64(block.timestamp + unlockSeconds);
        emit UnlockRequested(msg.sender, entry.unlocking, entry.unlockAt);
    }

    /// Makes all that is unlocking a stake again.
    function cancelUnlock() external {
        Entry storage entry = entries[msg.sender];
        uint128 amount = entry.unlocking;
        if (amount == 0) revert NothingUnlocking();
        (entry.unlocking, entry.unlockAt) = (0, 0);
        entry.staked += amount;
        emit UnlockCancelled(msg.sender, amount, entry.staked);
    }

    function withdraw() external {
        Entry storage entry = entries[msg.sender];
        uint128 amount = entry.unlocking;
        if (amount == 0) revert NothingUnlocking();
        if (block.timestamp < entry.unlockAt) revert StillUnlocking(entry.unlockAt);
        (entry.unlocking, entry.unlockAt) = (0, 0);
        emit StakeWithdrawn(msg.sender, amount);
        (bool ok,) = msg.sender.call{value: amount}("");
        if (!ok) revert TransferFailed(msg.sender);
    }

    function stakeOf(address account) external view returns (uint256) {
        return entries[account].staked;
    }

    /// One ticket for everybody, one more for each `ticketWei` of stake, at most TICKETS_MAX.
    function ticketsOf(address account) external view returns (uint256) {
        uint256 tickets = 1 + entries[account].staked / ticketWei;
        return tickets < TICKETS_MAX ? tickets : TICKETS_MAX;
    }
}
