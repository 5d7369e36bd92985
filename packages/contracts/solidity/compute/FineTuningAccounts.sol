// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {AccountIndex} from "./AccountIndex.sol";
import {Administered} from "./Administered.sol";
import {Deliverable, DeliverableRing} from "./DeliverableRing.sol";
import {IServing} from "./IServing.sol";
import {SubAccount} from "./SubAccount.sol";

struct FineTuningRefund {
    uint256 index;
    uint256 amount;
    uint256 createdAt;
    bool _deprecated_processed;
}

struct FineTuningAccount {
    address user;
    address provider;
    uint256 nonce;
    uint256 balance;
    uint256 pendingRefund;
    FineTuningRefund[] refunds;
    string additionalInfo;
    Deliverable[] deliverables;
    uint256 validRefundsLength;
    uint256 deliverablesHead;
    uint256 deliverablesCount;
    bool acknowledged;
}

struct FineTuningAccountSummary {
    address user;
    address provider;
    uint256 nonce;
    uint256 balance;
    uint256 pendingRefund;
    string additionalInfo;
    uint256 validRefundsLength;
    uint256 deliverablesCount;
    bool acknowledged;
}

/// Sub-accounts of users with fine-tuning providers: balance, refunds under a lock, delivered models.
abstract contract FineTuningAccounts is Administered, ReentrancyGuardTransient, IServing {
    using AccountIndex for AccountIndex.Index;
    using SubAccount for SubAccount.Funds;
    using DeliverableRing for DeliverableRing.Ring;

    event AccountDeleted(address indexed user, address indexed provider, uint256 refundedAmount);
    event BalanceUpdated(address indexed user, address indexed provider, uint256 amount, uint256 pendingRefund);
    event LockTimeUpdated(uint256 oldLockTime, uint256 newLockTime);
    event RefundRequested(
        address indexed user, address indexed provider, uint256 indexed index, uint256 timestamp
    );

    error AccountExists(address user, address provider);
    error AccountNotExists(address user, address provider);
    error AdditionalInfoTooLong();
    error BatchSizeTooLarge(uint256 size, uint256 maxSize);
    error CallerNotLedger();
    error CannotRevokeWithNonZeroBalance(address user, address provider, uint256 balance);
    error DirectDepositsDisabled();
    error ETHTransferFailed();
    error LimitTooLarge(uint256 limit);
    error LockTimeOutOfRange(uint256 lockTime);
    error TooManyRefunds(address user, address provider);
    error TransferToLedgerFailed();

    struct Entry {
        SubAccount.Funds funds;
        address user;
        address provider;
        string additionalInfo;
        DeliverableRing.Ring deliverables;
    }

    uint256 internal constant PAGE_MAX = 50;
    uint256 internal constant BATCH_MAX = 500;
    uint256 internal constant INFO_BYTES_MAX = 4096;

    uint256 public lockTime;
    address public ledgerAddress;
    mapping(bytes32 key => Entry) private entries;
    AccountIndex.Index private index;

    modifier onlyLedger() {
        if (msg.sender != ledgerAddress) revert CallerNotLedger();
        _;
    }

    function MIN_LOCKTIME() public view virtual returns (uint256);
    function MAX_LOCKTIME() public view virtual returns (uint256);

    receive() external payable {
        revert DirectDepositsDisabled();
    }

    function updateLockTime(uint256 _locktime) external onlyOwner {
        setLockTime(_locktime);
    }

    function addAccount(address user, address provider, string calldata additionalInfo) external payable onlyLedger {
        if (bytes(additionalInfo).length > INFO_BYTES_MAX) revert AdditionalInfoTooLong();
        bytes32 key = SubAccount.keyOf(user, provider);
        Entry storage entry = entries[key];
        if (entry.user != address(0)) revert AccountExists(user, provider);
        index.add(key, user, provider);
        (entry.user, entry.provider, entry.funds.acknowledged) = (user, provider, true);
        entry.funds.balance = uint128(msg.value);
        entry.additionalInfo = additionalInfo;
        emit BalanceUpdated(user, provider, msg.value, 0);
    }

    function depositFund(address user, address provider, uint256 cancelRetrievingAmount) external payable onlyLedger {
        SubAccount.Funds storage funds = existing(user, provider).funds;
        if (cancelRetrievingAmount > 0) funds.cancelRefunds(cancelRetrievingAmount);
        funds.balance += uint128(msg.value);
        funds.acknowledged = true;
        emit BalanceUpdated(user, provider, funds.balance, funds.pendingRefund);
    }

    function requestRefundAll(address user, address provider) external onlyLedger {
        (uint256 place, uint256 amount, bool isFull) = existing(user, provider).funds.requestRefund();
        if (isFull) revert TooManyRefunds(user, provider);
        if (amount > 0) emit RefundRequested(user, provider, place, block.timestamp);
    }

    /// Sends home what has waited for `lockTime`.
    function processRefund(address user, address provider)
        external
        onlyLedger
        returns (uint256 totalAmount, uint256 balance, uint256 pendingRefund)
    {
        SubAccount.Funds storage funds = existing(user, provider).funds;
        totalAmount = funds.takeRipe(lockTime);
        (balance, pendingRefund) = (funds.balance, funds.pendingRefund);
        sendHome(totalAmount);
        emit BalanceUpdated(user, provider, balance, pendingRefund);
    }

    /// Forgets all but the nonce, which keeps old signatures dead. The ledger calls it at zero.
    function deleteAccount(address user, address provider) external onlyLedger {
        bytes32 key = SubAccount.keyOf(user, provider);
        Entry storage entry = entries[key];
        if (entry.user == address(0)) return;
        uint256 balance = entry.funds.clear();
        (entry.user, entry.provider) = (address(0), address(0));
        delete entry.additionalInfo;
        entry.deliverables.clear();
        index.remove(key, user, provider);
        sendHome(balance);
        emit AccountDeleted(user, provider, balance);
    }

    /// The user's word that the provider's signer may settle; a balance must be gone before it is taken back.
    function acknowledgeTEESigner(address provider, bool acknowledged) external {
        SubAccount.Funds storage funds = existing(msg.sender, provider).funds;
        if (!acknowledged && funds.balance > 0) {
            revert CannotRevokeWithNonZeroBalance(msg.sender, provider, funds.balance);
        }
        funds.acknowledged = acknowledged;
    }

    function accountExists(address user, address provider) public view returns (bool) {
        return entries[SubAccount.keyOf(user, provider)].user != address(0);
    }

    function getBalance(address user, address provider) external view returns (uint256) {
        return entries[SubAccount.keyOf(user, provider)].funds.balance;
    }

    function getPendingRefund(address user, address provider) external view returns (uint256) {
        return existing(user, provider).funds.pendingRefund;
    }

    function getAccount(address user, address provider) external view returns (FineTuningAccount memory account) {
        Entry storage entry = existing(user, provider);
        account.user = user;
        account.provider = provider;
        account.nonce = entry.funds.nonce;
        account.balance = entry.funds.balance;
        account.pendingRefund = entry.funds.pendingRefund;
        account.refunds = new FineTuningRefund[](entry.funds.validRefunds);
        for (uint256 i = 0; i < account.refunds.length; i++) {
            SubAccount.RefundEntry storage refund = entry.funds.refunds[i];
            account.refunds[i] = FineTuningRefund(i, refund.amount, refund.createdAt, false);
        }
        account.additionalInfo = entry.additionalInfo;
        account.deliverables = entry.deliverables.list();
        account.validRefundsLength = entry.funds.validRefunds;
        account.deliverablesHead = entry.deliverables.head;
        account.deliverablesCount = account.deliverables.length;
        account.acknowledged = entry.funds.acknowledged;
    }

    function getAllAccounts(uint256 offset, uint256 limit)
        external
        view
        returns (FineTuningAccountSummary[] memory accounts, uint256 total)
    {
        return page(index.all, offset, limit);
    }

    function getAccountsByProvider(address provider, uint256 offset, uint256 limit)
        external
        view
        returns (FineTuningAccountSummary[] memory accounts, uint256 total)
    {
        return page(index.byProvider[provider], offset, limit);
    }

    function getAccountsByUser(address user, uint256 offset, uint256 limit)
        external
        view
        returns (FineTuningAccountSummary[] memory accounts, uint256 total)
    {
        return page(index.byUser[user], offset, limit);
    }

    /// The caller's accounts with these users; an empty one where there is none.
    function getBatchAccountsByUsers(address[] calldata users)
        external
        view
        returns (FineTuningAccountSummary[] memory accounts)
    {
        if (users.length > BATCH_MAX) revert BatchSizeTooLarge(users.length, BATCH_MAX);
        accounts = new FineTuningAccountSummary[](users.length);
        for (uint256 i = 0; i < users.length; i++) {
            Entry storage entry = entries[SubAccount.keyOf(users[i], msg.sender)];
            if (entry.user != address(0)) accounts[i] = summary(entry);
        }
    }

    function setLockTime(uint256 seconds_) internal {
        if (seconds_ < MIN_LOCKTIME() || seconds_ > MAX_LOCKTIME()) revert LockTimeOutOfRange(seconds_);
        emit LockTimeUpdated(lockTime, seconds_);
        lockTime = seconds_;
    }

    function existing(address user, address provider) internal view returns (Entry storage entry) {
        entry = entries[SubAccount.keyOf(user, provider)];
        if (entry.user == address(0)) revert AccountNotExists(user, provider);
    }

    function pay(address target, uint256 amount) internal {
        (bool ok,) = target.call{value: amount}("");
        if (!ok) revert ETHTransferFailed();
    }

    function sendHome(uint256 amount) internal {
        if (amount == 0) return;
        (bool ok,) = ledgerAddress.call{value: amount}("");
        if (!ok) revert TransferToLedgerFailed();
    }

    function page(bytes32[] storage keys, uint256 offset, uint256 limit)
        private
        view
        returns (FineTuningAccountSummary[] memory accounts, uint256 total)
    {
        if (limit > PAGE_MAX) revert LimitTooLarge(limit);
        total = keys.length;
        bytes32[] memory chosen = AccountIndex.page(keys, offset, limit);
        accounts = new FineTuningAccountSummary[](chosen.length);
        for (uint256 i = 0; i < chosen.length; i++) accounts[i] = summary(entries[chosen[i]]);
    }

    function summary(Entry storage entry) private view returns (FineTuningAccountSummary memory) {
        return FineTuningAccountSummary(
            entry.user,
            entry.provider,
            entry.funds.nonce,
            entry.funds.balance,
            entry.funds.pendingRefund,
            entry.additionalInfo,
            entry.funds.validRefunds,
            entry.deliverables.items.length,
            entry.funds.acknowledged
        );
    }
}
