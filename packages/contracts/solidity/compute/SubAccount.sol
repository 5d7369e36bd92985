// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Money of one user with one provider: balance, refunds that wait out their lock, and the last settled nonce.
library SubAccount {
    struct RefundEntry {
        uint128 amount;
        uint64 createdAt;
    }

    /// One balance slot and one nonce slot, so that a settlement writes no more than these.
    struct Funds {
        uint128 balance;
        uint128 pendingRefund;
        uint240 nonce;
        bool acknowledged;
        uint8 validRefunds;
        RefundEntry[5] refunds;
    }

    uint256 internal constant MAX_REFUNDS = 5;

    /// Takes up to `amount` from the balance, cancelling the youngest refunds where they are needed.
    function take(Funds storage funds, uint256 amount) internal returns (uint256 taken) {
        (uint256 balance, uint256 pending) = (funds.balance, funds.pendingRefund);
        taken = amount < balance ? amount : balance;
        if (taken > balance - pending) cancelRefunds(funds, taken - (balance - pending));
        if (taken > 0) funds.balance = uint128(balance - taken);
    }

    /// Cancels refunds worth up to `amount`, the youngest first.
    function cancelRefunds(Funds storage funds, uint256 amount) internal {
        uint256 count = funds.validRefunds;
        uint256 rest = amount;
        while (rest > 0 && count > 0) {
            RefundEntry storage youngest = funds.refunds[count - 1];
            uint256 part = rest < youngest.amount ? rest : youngest.amount;
            youngest.amount -= uint128(part);
            rest -= part;
            if (youngest.amount == 0) count--;
        }
        funds.validRefunds = uint8(count);
        funds.pendingRefund -= uint128(amount - rest);
    }

    /// Queues everything that is not queued yet; `amount` is 0 if that is nothing, and `isFull` if the queue has no room.
    function requestRefund(Funds storage funds) internal returns (uint256 index, uint256 amount, bool isFull) {
        amount = funds.balance - funds.pendingRefund;
        index = funds.validRefunds;
        if (amount == 0) return (index, 0, false);
        if (index >= MAX_REFUNDS) return (index, amount, true);
        funds.refunds[index] = RefundEntry(uint128(amount), uint64(block.timestamp));
        funds.validRefunds = uint8(index + 1);
        funds.pendingRefund += uint128(amount);
    }

    /// Takes out what has waited for `lockTime`; the rest moves to the front of the queue.
    function takeRipe(Funds storage funds, uint256 lockTime) internal returns (uint256 ripe) {
        uint256 kept = 0;
        for (uint256 i = 0; i < funds.validRefunds; i++) {
            RefundEntry memory refund = funds.refunds[i];
            if (block.timestamp >= refund.createdAt + lockTime) ripe += refund.amount;
            else funds.refunds[kept++] = refund;
        }
        funds.validRefunds = uint8(kept);
        funds.balance -= uint128(ripe);
        funds.pendingRefund -= uint128(ripe);
    }

    /// Empties all but the nonce, which keeps old signatures dead.
    function clear(Funds storage funds) internal returns (uint256 balance) {
        balance = funds.balance;
        (funds.balance, funds.pendingRefund, funds.validRefunds, funds.acknowledged) = (0, 0, 0, false);
    }

    function keyOf(address user, address provider) internal pure returns (bytes32 key) {
        assembly ("memory-safe") {
            mstore(0x00, shr(96, shl(96, user)))
            mstore(0x20, shr(96, shl(96, provider)))
            key := keccak256(0x00, 0x40)
        }
    }
}
