// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IConsentServing, ILedger, IServing, RefundConsent} from "./IServing.sol";
import {ServiceRegistry} from "./ServiceRegistry.sol";

/// One prepaid balance per user, from which sub-accounts with providers are funded. ABI: v1.1 (compute.md Appendix 1).
abstract contract LedgerManagerBase is ILedger, ServiceRegistry {
    using EnumerableSet for EnumerableSet.AddressSet;

    event FundSpent(address indexed user, address indexed service, uint256 amount);
    event LedgerInfoUpdated(address indexed user, string additionalInfo);

    error AdditionalInfoTooLong(uint256 length, uint256 max);
    error CallerNotConsentUser(address caller, address user);
    error CallFailed();
    error CallerNotRegisteredService(address caller);
    error DirectDepositsDisabled();
    error InsufficientAvailableBalance(uint256 available, uint256 required);
    /// Of the published ABI; nothing here can overspend.
    error InsufficientBalance(address user);
    error LedgerExists(address user);
    error LedgerLocked();
    error LedgerNotExists(address user);
    error MinimumDepositRequired(uint256 provided, uint256 required);
    error MustWithdrawAllFundsFirst(uint256 remainingBalance);
    error TooManyProviders(uint256 requested, uint256 maximum);
    error TooManyProvidersForService(uint256 current, uint256 maximum);
    error TransferFailed();
    error ZeroAddressNotAllowed();
    error ZeroAmountNotAllowed();

    struct Ledger {
        address user;
        uint256 availableBalance;
        uint256 totalBalance;
        string additionalInfo;
    }

    uint256 public constant MAX_ADDITIONAL_INFO_LENGTH = 4096;
    uint256 public constant MAX_PROVIDERS_PER_BATCH = 20;
    uint256 public constant MAX_PROVIDERS_PER_USER_PER_SERVICE = 50;
    uint256 private constant PAGE_MAX = 50;

    EnumerableSet.AddressSet private users;
    mapping(address user => uint256) private available;
    mapping(address user => string) private additionalInfos;
    mapping(address user => mapping(address service => EnumerableSet.AddressSet)) private providers;
    bool private transient locked;

    modifier nonReentrant() {
        if (locked) revert LedgerLocked();
        locked = true;
        _;
        locked = false;
    }

    modifier onlyService() {
        if (!isRegistered(msg.sender)) revert CallerNotRegisteredService(msg.sender);
        _;
    }

    /// Only refunds of registered services arrive without a call.
    receive() external payable {
        if (!isRegistered(msg.sender)) revert DirectDepositsDisabled();
    }

    function MIN_ACCOUNT_BALANCE() public view virtual returns (uint256);
    function MIN_TRANSFER_AMOUNT() public view virtual returns (uint256);

    function initialize(address owner_) external initializer {
        setOwner(owner_);
    }

    function addLedger(string calldata additionalInfo) external payable nonReentrant returns (uint256, uint256) {
        if (users.contains(msg.sender)) revert LedgerExists(msg.sender);
        checkInfo(additionalInfo);
        open(msg.sender, msg.value);
        additionalInfos[msg.sender] = additionalInfo;
        return (msg.value, users.length() - 1);
    }

    function depositFund() external payable nonReentrant {
        deposit(msg.sender);
    }

    function depositFundFor(address recipient) external payable nonReentrant {
        if (recipient == address(0)) revert ZeroAddressNotAllowed();
        deposit(recipient);
    }

    function updateAdditionalInfo(string calldata additionalInfo) external {
        checkLedger(msg.sender);
        checkInfo(additionalInfo);
        additionalInfos[msg.sender] = additionalInfo;
        emit LedgerInfoUpdated(msg.sender, additionalInfo);
    }

    /// Pays out; what stays must be nothing or the minimum. A ledger that becomes empty is deleted.
    function refund(uint256 amount) external nonReentrant {
        checkLedger(msg.sender);
        if (amount == 0) revert ZeroAmountNotAllowed();
        uint256 present = available[msg.sender];
        if (amount > present) revert InsufficientAvailableBalance(present, amount);
        uint256 rest = present - amount;
        if (rest != 0 && rest < MIN_ACCOUNT_BALANCE()) revert MinimumDepositRequired(rest, MIN_ACCOUNT_BALANCE());
        available[msg.sender] = rest;
        if (rest == 0 && inSubAccounts(msg.sender) == 0) close(msg.sender);
        (bool ok,) = msg.sender.call{value: amount}("");
        if (!ok) revert TransferFailed();
    }

    function deleteLedger() external nonReentrant {
        checkLedger(msg.sender);
        uint256 total = available[msg.sender] + inSubAccounts(msg.sender);
        if (total != 0) revert MustWithdrawAllFundsFirst(total);
        close(msg.sender);
    }

    /// Moves `amount` to the sub-account with `provider`; what is being retrieved from there is taken first.
    function transferFund(address provider, string calldata serviceName, uint256 amount) external nonReentrant {
        checkLedger(msg.sender);
        if (provider == address(0)) revert ZeroAddressNotAllowed();
        if (amount == 0) revert ZeroAmountNotAllowed();
        address service = getServiceAddressByName(serviceName);
        IServing serving = IServing(service);
        bool known = serving.accountExists(msg.sender, provider);
        if (!known && amount < MIN_TRANSFER_AMOUNT()) revert MinimumDepositRequired(amount, MIN_TRANSFER_AMOUNT());
        uint256 pending = known ? serving.getPendingRefund(msg.sender, provider) : 0;
        uint256 cancelled = amount < pending ? amount : pending;
        uint256 moved = amount - cancelled;
        uint256 present = available[msg.sender];
        if (moved > present) revert InsufficientAvailableBalance(present, moved);
        available[msg.sender] = present - moved;
        remember(service, provider);
        if (known) serving.depositFund{value: moved}(msg.sender, provider, cancelled);
        else serving.addAccount{value: moved}(msg.sender, provider, additionalInfos[msg.sender]);
    }

    /// Brings home what has waited out its lock and asks for the rest; providers without an account are passed over.
    function retrieveFund(address[] calldata chosen, string calldata serviceName) external nonReentrant {
        checkLedger(msg.sender);
        if (chosen.length > MAX_PROVIDERS_PER_BATCH) revert TooManyProviders(chosen.length, MAX_PROVIDERS_PER_BATCH);
        IServing serving = IServing(getServiceAddressByName(serviceName));
        uint256 returned = 0;
        for (uint256 i = 0; i < chosen.length; i++) {
            if (!serving.accountExists(msg.sender, chosen[i])) continue;
            (uint256 amount, uint256 balance, uint256 pending) = serving.processRefund(msg.sender, chosen[i]);
            returned += amount;
            if (balance > pending) serving.requestRefundAll(msg.sender, chosen[i]);
        }
        available[msg.sender] += returned;
    }

    /// Brings home at once what a provider consents to: neither the lock nor the queue of refunds counts.
    function retrieveFundNow(string calldata serviceName, RefundConsent calldata consent, bytes calldata signature)
        external
        nonReentrant
        returns (uint256 amount)
    {
        checkLedger(msg.sender);
        if (consent.user != msg.sender) revert CallerNotConsentUser(msg.sender, consent.user);
        amount = IConsentServing(getServiceAddressByName(serviceName)).refundWithConsent(consent, signature);
        available[msg.sender] += amount;
    }

    /// A serving contract tells what was spent from a user's sub-account; the total falls by itself.
    function spendFund(address user, uint256 amount) external onlyService {
        emit FundSpent(user, msg.sender, amount);
    }

    /// The same for many users at once.
    function spendFunds(address[] calldata spenders, uint256[] calldata amounts) external onlyService {
        for (uint256 i = 0; i < spenders.length; i++) {
            if (amounts[i] > 0) emit FundSpent(spenders[i], msg.sender, amounts[i]);
        }
    }

    function getLedger(address user) public view returns (Ledger memory) {
        checkLedger(user);
        return Ledger(user, available[user], available[user] + inSubAccounts(user), additionalInfos[user]);
    }

    /// A page of ledgers; `limit` 0 asks for all.
    function getAllLedgers(uint256 offset, uint256 limit)
        external
        view
        returns (Ledger[] memory ledgers, uint256 total)
    {
        if (limit > PAGE_MAX) revert TooManyProviders(limit, PAGE_MAX);
        total = users.length();
        address[] memory page = users.values(offset, limit == 0 ? total : offset + limit);
        ledgers = new Ledger[](page.length);
        for (uint256 i = 0; i < page.length; i++) ledgers[i] = getLedger(page[i]);
    }

    function getLedgerProviders(address user, string calldata serviceName) external view returns (address[] memory) {
        return providers[user][getServiceAddressByName(serviceName)].values();
    }

    function deposit(address user) private {
        if (msg.value == 0) revert ZeroAmountNotAllowed();
        if (!users.contains(user)) return open(user, msg.value);
        available[user] += msg.value;
    }

    function open(address user, uint256 amount) private {
        if (amount < MIN_ACCOUNT_BALANCE()) revert MinimumDepositRequired(amount, MIN_ACCOUNT_BALANCE());
        users.add(user);
        available[user] = amount;
    }

    function close(address user) private {
        for (uint256 i = 0; i < serviceAddresses.length; i++) {
            EnumerableSet.AddressSet storage set = providers[user][serviceAddresses[i]];
            while (set.length() > 0) {
                address provider = set.at(set.length() - 1);
                IServing(serviceAddresses[i]).deleteAccount(user, provider);
                set.remove(provider);
            }
        }
        users.remove(user);
        delete available[user];
        delete additionalInfos[user];
    }

    function remember(address service, address provider) private {
        EnumerableSet.AddressSet storage set = providers[msg.sender][service];
        if (!set.add(provider)) return;
        if (set.length() > MAX_PROVIDERS_PER_USER_PER_SERVICE) {
            revert TooManyProvidersForService(set.length() - 1, MAX_PROVIDERS_PER_USER_PER_SERVICE);
        }
    }

    /// Derived, not counted: so a settlement need not write here, and there is one truth about a balance.
    function inSubAccounts(address user) private view returns (uint256 sum) {
        for (uint256 i = 0; i < serviceAddresses.length; i++) {
            EnumerableSet.AddressSet storage set = providers[user][serviceAddresses[i]];
            uint256 count = set.length();
            for (uint256 j = 0; j < count; j++) sum += IServing(serviceAddresses[i]).getBalance(user, set.at(j));
        }
    }

    function checkLedger(address user) private view {
        if (!users.contains(user)) revert LedgerNotExists(user);
    }

    function checkInfo(string calldata info) private pure {
        uint256 length = bytes(info).length;
        if (length > MAX_ADDITIONAL_INFO_LENGTH) revert AdditionalInfoTooLong(length, MAX_ADDITIONAL_INFO_LENGTH);
    }
}

/// The limits of the existing contracts.
contract LedgerManager is LedgerManagerBase {
    function MIN_ACCOUNT_BALANCE() public pure override returns (uint256) {
        return 3 ether;
    }

    function MIN_TRANSFER_AMOUNT() public pure override returns (uint256) {
        return 1 ether;
    }
}

/// Kinder limits: a newcomer tries it with pocket money.
contract WeightlessLedgerManager is LedgerManagerBase {
    function MIN_ACCOUNT_BALANCE() public pure override returns (uint256) {
        return 0.001 ether;
    }

    function MIN_TRANSFER_AMOUNT() public pure override returns (uint256) {
        return 0.0001 ether;
    }
}
