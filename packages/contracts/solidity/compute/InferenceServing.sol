// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {InferenceServices} from "./InferenceServices.sol";
import {IConsentServing, ILedger, IServing, RefundConsent} from "./IServing.sol";
import {IProviderStake} from "./IProviderStake.sol";
import {RefundConsents} from "./RefundConsents.sol";
import {SubAccount} from "./SubAccount.sol";

struct TEESettlementData {
    address user;
    address provider;
    uint256 totalFee;
    bytes32 requestsHash;
    uint256 nonce;
    bytes signature;
}

/// The market of inference: services, sub-accounts, and settlement on the word of the provider's signer. ABI: v1.1
/// (compute.md Appendix 1); beside it `drawFees`, through which ReceiptSettlement pays out what users signed.
abstract contract InferenceServingBase is InferenceServices, RefundConsents, IConsentServing, IERC165 {
    using SubAccount for SubAccount.Funds;

    event BatchBalanceUpdated(address[] users, uint256[] balances, uint256[] pendingRefunds);
    event ContractInitialized(address indexed owner, uint256 lockTime, address ledgerAddress);
    event ProviderStakeSlashed(address indexed provider, uint256 amount);
    event ProviderStakeUpdated(address indexed providerStake);
    event ReceiptSettlementUpdated(address indexed receiptSettlement);
    event TEESettlementResult(address indexed user, uint8 status, uint256 unsettledAmount);

    error CallerNotProviderStake(address caller);
    error CallerNotReceiptSettlement(address caller);
    error InvalidTEESignature(string reason);
    error NoSettlementsProvided();
    error TooManySettlements(uint256 count, uint256 max);

    uint8 private constant SUCCESS = 0;
    uint8 private constant PARTIAL = 1;
    uint8 private constant PROVIDER_MISMATCH = 2;
    uint8 private constant NO_TEE_SIGNER = 3;
    uint8 private constant INVALID_NONCE = 4;
    uint8 private constant INVALID_SIGNATURE = 5;

    uint256 private constant SETTLEMENTS_MAX = 50;
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant SETTLEMENT_TYPEHASH =
        keccak256("TEESettlement(bytes32 requestsHash,uint256 nonce,address provider,address user,uint256 totalFee)");
    bytes32 private constant NAME_HASH = keccak256("0G Inference Serving");
    bytes32 private constant VERSION_HASH = keccak256("1");

    /// The contract that may draw fees against users' signatures.
    address public receiptSettlement;
    /// Where stakes go that are taken back, and who may slash them; without it they are returned at once.
    IProviderStake public providerStake;

    function initialize(uint256 _locktime, address _ledgerAddress, address owner_) external initializer {
        setOwner(owner_);
        setLockTime(_locktime);
        if (_ledgerAddress == address(0)) revert InvalidAddress(_ledgerAddress);
        ledgerAddress = _ledgerAddress;
        emit ContractInitialized(owner_, _locktime, _ledgerAddress);
    }

    function setReceiptSettlement(address receiptSettlement_) external onlyOwner {
        receiptSettlement = receiptSettlement_;
        emit ReceiptSettlementUpdated(receiptSettlement_);
    }

    function setProviderStake(IProviderStake providerStake_) external onlyOwner {
        providerStake = providerStake_;
        emit ProviderStakeUpdated(address(providerStake_));
    }

    /// Hands up to `amount` wei of an active provider's stake to the contract that judged it.
    function slashStake(address provider, uint256 amount) external nonReentrant returns (uint256 taken) {
        if (msg.sender != address(providerStake)) revert CallerNotProviderStake(msg.sender);
        taken = takeStake(provider, amount);
        emit ProviderStakeSlashed(provider, taken);
        if (taken > 0) send(msg.sender, taken);
    }

    /// Sends up to `consent.amount` home at once, on the provider's signature; waiting refunds are cancelled as far as
    /// they are needed, as when a fee is drawn.
    function refundWithConsent(RefundConsent calldata consent, bytes calldata signature)
        external
        onlyLedger
        nonReentrant
        returns (uint256 amount)
    {
        SubAccount.Funds storage funds = existing(consent.user, consent.provider).funds;
        useConsent(domainSeparator(), consent, signature);
        amount = funds.take(consent.amount);
        if (amount > 0) send(ledgerAddress, amount);
        emit BalanceUpdated(consent.user, consent.provider, funds.balance, funds.pendingRefund);
        emit RefundConsented(consent.user, consent.provider, amount, consent.nonce);
    }

    /// Takes from each charge's user (its high 160 bits) up to its wei (its low 96) out of the account with `provider`,
    /// and sends the sum to `target`. Accounts that do not exist give nothing.
    function drawFees(address provider, address target, uint256[] calldata charges)
        external
        nonReentrant
        returns (uint256 sum, uint256[] memory drawn)
    {
        if (msg.sender != receiptSettlement) revert CallerNotReceiptSettlement(msg.sender);
        drawn = new uint256[](charges.length);
        for (uint256 i = 0; i < charges.length; i++) {
            (address user, uint256 wei_) = (address(uint160(charges[i] >> 96)), uint96(charges[i]));
            if (wei_ == 0) continue;
            drawn[i] = entries[SubAccount.keyOf(user, provider)].funds.take(wei_);
            sum += drawn[i];
        }
        if (sum > 0) send(target, sum);
    }

    /// Settles on the word of the provider's signer; one status per item, and a bad item never blocks the others.
    function settleFeesWithTEE(TEESettlementData[] calldata settlements)
        external
        nonReentrant
        returns (uint8[] memory statuses)
    {
        uint256 count = checkCount(settlements.length);
        statuses = new uint8[](count);
        address[] memory users = new address[](count);
        uint256[] memory balances = new uint256[](count);
        uint256[] memory pendingRefunds = new uint256[](count);
        uint256[] memory taken = new uint256[](count);
        (address signer, bytes32 domain) = (acknowledgedSigner(msg.sender), domainSeparator());
        uint256 payout = 0;
        for (uint256 i = 0; i < count; i++) {
            TEESettlementData calldata item = settlements[i];
            SubAccount.Funds storage funds = entries[SubAccount.keyOf(item.user, msg.sender)].funds;
            statuses[i] = check(item, funds, signer, domain);
            if (statuses[i] == SUCCESS) {
                funds.nonce = uint240(item.nonce);
                taken[i] = funds.take(item.totalFee);
                payout += taken[i];
                if (taken[i] < item.totalFee) statuses[i] = PARTIAL;
            }
            (users[i], balances[i], pendingRefunds[i]) = (item.user, funds.balance, funds.pendingRefund);
            emit TEESettlementResult(item.user, statuses[i], item.totalFee - taken[i]);
        }
        emit BatchBalanceUpdated(users, balances, pendingRefunds);
        if (payout == 0) return statuses;
        ILedger(ledgerAddress).spendFunds(users, taken);
        send(msg.sender, payout);
    }

    /// What `settleFeesWithTEE` would answer to the caller, item by item against the present state.
    function previewSettlementResults(TEESettlementData[] calldata settlements)
        external
        view
        returns (
            address[] memory failedUsers,
            uint8[] memory failureReasons,
            address[] memory partialUsers,
            uint256[] memory partialAmounts
        )
    {
        uint256 count = checkCount(settlements.length);
        (failedUsers, failureReasons) = (new address[](count), new uint8[](count));
        (partialUsers, partialAmounts) = (new address[](count), new uint256[](count));
        (address signer, bytes32 domain) = (acknowledgedSigner(msg.sender), domainSeparator());
        uint256 failed = 0;
        uint256 short = 0;
        for (uint256 i = 0; i < count; i++) {
            TEESettlementData calldata item = settlements[i];
            SubAccount.Funds storage funds = entries[SubAccount.keyOf(item.user, msg.sender)].funds;
            uint8 status = check(item, funds, signer, domain);
            if (status != SUCCESS) {
                (failedUsers[failed], failureReasons[failed]) = (item.user, status);
                failed++;
            } else if (funds.balance < item.totalFee) {
                (partialUsers[short], partialAmounts[short]) = (item.user, funds.balance);
                short++;
            }
        }
        assembly ("memory-safe") {
            mstore(failedUsers, failed)
            mstore(failureReasons, failed)
            mstore(partialUsers, short)
            mstore(partialAmounts, short)
        }
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IServing).interfaceId || interfaceId == type(IERC165).interfaceId;
    }

    function giveStakeBack(address provider, uint256 amount) internal override {
        if (address(providerStake) != address(0)) return providerStake.unstake{value: amount}(provider);
        emit ProviderStakeReturned(provider, amount);
        send(provider, amount);
    }

    function check(TEESettlementData calldata item, SubAccount.Funds storage funds, address signer, bytes32 domain)
        private
        view
        returns (uint8)
    {
        if (item.provider != msg.sender) return PROVIDER_MISMATCH;
        if (signer == address(0) || !funds.acknowledged) return NO_TEE_SIGNER;
        if (item.nonce <= funds.nonce || item.nonce > type(uint240).max) return INVALID_NONCE;
        bytes32 structHash = keccak256(
            abi.encode(SETTLEMENT_TYPEHASH, item.requestsHash, item.nonce, item.provider, item.user, item.totalFee)
        );
        bytes32 digest = keccak256(abi.encodePacked("\x19\x01", domain, structHash));
        (address recovered,,) = ECDSA.tryRecoverCalldata(digest, item.signature);
        return recovered == signer ? SUCCESS : INVALID_SIGNATURE;
    }

    function checkCount(uint256 count) private pure returns (uint256) {
        if (count == 0) revert NoSettlementsProvided();
        if (count > SETTLEMENTS_MAX) revert TooManySettlements(count, SETTLEMENTS_MAX);
        return count;
    }

    function domainSeparator() private view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, block.chainid, address(this)));
    }
}

/// The limits of the existing contracts.
contract InferenceServing is InferenceServingBase {
    function MIN_LOCKTIME() public pure override returns (uint256) {
        return 1 hours;
    }

    function MAX_LOCKTIME() public pure override returns (uint256) {
        return 7 days;
    }

    function MIN_PROVIDER_STAKE() public pure override returns (uint256) {
        return 100 ether;
    }
}

/// Kinder limits: a laptop provider, and a refund within the hour.
contract WeightlessInferenceServing is InferenceServingBase {
    function MIN_LOCKTIME() public pure override returns (uint256) {
        return 10 minutes;
    }

    function MAX_LOCKTIME() public pure override returns (uint256) {
        return 7 days;
    }

    function MIN_PROVIDER_STAKE() public pure override returns (uint256) {
        return 1 ether;
    }
}
