// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Administered} from "./Administered.sol";
import {IProviderStake, IReceiptDomain, IStakeSource} from "./IProviderStake.sol";
import {Authorization, Price, Receipt, ReceiptTypes} from "./ReceiptTypes.sol";

/// Slashes providers of one serving contract for what they themselves signed, and keeps stakes that are taken back until
/// faults of that time can be shown no more. As it stands, for inference. Spec: spec/settlement.md 9.
contract ProviderStake is IProviderStake, Administered, ReentrancyGuardTransient {
    using ReceiptTypes for Authorization;
    using ReceiptTypes for Receipt;

    event UnstakeBegun(address indexed provider, uint256 amount, uint256 unstaking, uint256 readyAt);
    event UnstakeWithdrawn(address indexed provider, uint256 amount);
    event CreditWithdrawn(address indexed account, uint256 amount);
    event JudgeUpdated(address indexed judge, bool isJudge);
    event StakeHeld(address indexed provider, uint256 until);
    event FaultShown(bytes32 indexed faultId, address indexed provider, address indexed user, uint256 jobNonce);
    event Slashed(
        bytes32 indexed faultId,
        address indexed provider,
        address indexed user,
        address reporter,
        uint256 toUser,
        uint256 toReporter,
        uint256 burned
    );

    error CallerNotServing(address caller);
    error CallerNotJudge(address caller);
    error InvalidParameter();
    error NotSignedByProvider(bytes32 receiptHash);
    error ForeignReceipt(uint16 version, uint256 chainId);
    error SameReceipt(bytes32 receiptHash);
    error NotOneJob();
    error NotAcceptedByProvider(bytes32 authorizationHash);
    error SameAcceptance(bytes32 authorizationHash);
    error AcceptanceKept(bytes32 authorizationHash);
    error PriceMismatch(bytes32 receipted, bytes32 computed);
    error FeeIsRight(uint256 fee);
    error FaultCounted(bytes32 faultId);
    error NothingStaked(address provider);
    error NothingToWithdraw();
    error StillUnstaking(uint256 readyAt);
    error TransferFailed(address account);

    uint16 public constant RECEIPT_VERSION = 1;
    /// Shares of what is slashed, in percent; the rest, 50, is burned.
    uint256 public constant USER_PERCENT = 40;
    uint256 public constant REPORTER_PERCENT = 10;

    struct Unstake {
        uint128 amount;
        /// Unix seconds from which it can be withdrawn, and slashed no more.
        uint64 readyAt;
    }

    IStakeSource public serving;
    IReceiptDomain public receipts;
    /// Share of the stake that one shown fault costs, in percent.
    uint256 public faultPercent;
    mapping(address judge => bool) public isJudge;
    mapping(address provider => Unstake) public unstakes;
    mapping(bytes32 faultId => bool) public isCounted;
    mapping(address account => uint256) public credits;
    /// Unix seconds until which a case is heard: nothing that is taken back meanwhile is ready before.
    mapping(address provider => uint256) public heldUntil;

    function initialize(address owner_, IStakeSource serving_, IReceiptDomain receipts_, uint256 faultPercent_)
        external
        initializer
    {
        if (faultPercent_ == 0 || faultPercent_ > 100) revert InvalidParameter();
        setOwner(owner_);
        (serving, receipts, faultPercent) = (serving_, receipts_, faultPercent_);
    }

    /// Only slashed stakes arrive without a call.
    receive() external payable {
        if (msg.sender != address(serving)) revert CallerNotServing(msg.sender);
    }

    /// A judge decides what no signature shows: disputes and audits.
    function setJudge(address judge, bool isJudge_) external onlyOwner {
        isJudge[judge] = isJudge_;
        emit JudgeUpdated(judge, isJudge_);
    }

    /// How long a stake waits: as long as a refund, and a claim after it, so that no user is left behind.
    function unstakeSeconds() public view virtual returns (uint256) {
        return serving.lockTime() + receipts.challengeWindow();
    }

    /// The wait begins anew for what is waiting already.
    function unstake(address provider) external payable {
        if (msg.sender != address(serving)) revert CallerNotServing(msg.sender);
        Unstake storage entry = unstakes[provider];
        entry.amount += uint128(msg.value);
        entry.readyAt = uint64(latest(block.timestamp + unstakeSeconds(), heldUntil[provider]));
        emit UnstakeBegun(provider, msg.value, entry.amount, entry.readyAt);
    }

    function withdrawStake() external nonReentrant {
        Unstake memory entry = unstakes[msg.sender];
        if (entry.amount == 0) revert NothingToWithdraw();
        if (block.timestamp < entry.readyAt) revert StillUnstaking(entry.readyAt);
        delete unstakes[msg.sender];
        emit UnstakeWithdrawn(msg.sender, entry.amount);
        send(msg.sender, entry.amount);
    }

    function withdrawCredit() external nonReentrant {
        uint256 amount = credits[msg.sender];
        if (amount == 0) revert NothingToWithdraw();
        credits[msg.sender] = 0;
        emit CreditWithdrawn(msg.sender, amount);
        send(msg.sender, amount);
    }

    /// Shows two different receipts that one provider signed for one job of one user.
    function reportContradiction(
        Receipt calldata one,
        bytes calldata oneSignature,
        Receipt calldata other,
        bytes calldata otherSignature
    ) external nonReentrant {
        if (one.provider != other.provider || one.user != other.user || one.jobNonce != other.jobNonce) {
            revert NotOneJob();
        }
        bytes32 domain = receiptDomain();
        bytes32 hash = checkSigned(domain, one, oneSignature);
        if (checkSigned(domain, other, otherSignature) == hash) revert SameReceipt(hash);
        punish(one.provider, one.user, one.jobNonce);
    }

    /// Shows a receipt whose fee is not what its own token counts cost at its own price.
    function reportFalseBill(Receipt calldata receipt, bytes calldata signature, Price calldata price)
        external
        nonReentrant
    {
        checkSigned(receiptDomain(), receipt, signature);
        bytes32 computed = ReceiptTypes.priceId(receipt.provider, price);
        if (computed != receipt.priceId) revert PriceMismatch(receipt.priceId, computed);
        uint256 fee = receipt.promptTokens * price.inputPrice + receipt.completionTokens * price.outputPrice;
        if (fee == receipt.fee) revert FeeIsRight(fee);
        punish(receipt.provider, receipt.user, receipt.jobNonce);
    }

    /// Shows a receipt that is not for what its signer accepted before the job: another request or price, a higher fee
    /// than the maximum, or an answer after the deadline. The user's signature is not needed: the provider accepted.
    function reportBrokenAcceptance(
        Authorization calldata accepted,
        bytes calldata acceptanceSignature,
        Receipt calldata receipt,
        bytes calldata receiptSignature
    ) external nonReentrant {
        if (
            accepted.provider != receipt.provider || accepted.user != receipt.user
                || accepted.jobNonce != receipt.jobNonce
        ) revert NotOneJob();
        bytes32 domain = receiptDomain();
        bytes32 hash = checkAccepted(domain, accepted, acceptanceSignature);
        checkSigned(domain, receipt, receiptSignature);
        if (
            receipt.inputHash == accepted.requestHash && receipt.priceId == accepted.priceId
                && receipt.fee <= accepted.maxFee && receipt.timestamp <= accepted.deadline
        ) revert AcceptanceKept(hash);
        punish(receipt.provider, receipt.user, receipt.jobNonce);
    }

    /// Shows two different authorizations that one provider accepted for one job of one user.
    function reportDoubleAcceptance(
        Authorization calldata one,
        bytes calldata oneSignature,
        Authorization calldata other,
        bytes calldata otherSignature
    ) external nonReentrant {
        if (one.provider != other.provider || one.user != other.user || one.jobNonce != other.jobNonce) {
            revert NotOneJob();
        }
        bytes32 domain = receiptDomain();
        bytes32 hash = checkAccepted(domain, one, oneSignature);
        if (checkAccepted(domain, other, otherSignature) == hash) revert SameAcceptance(hash);
        punish(one.provider, one.user, one.jobNonce);
    }

    /// A judge's verdict; `reason` names the case, which counts once.
    function slash(address provider, uint256 amount, bytes32 reason, address user, address reporter)
        external
        nonReentrant
    {
        if (!isJudge[msg.sender]) revert CallerNotJudge(msg.sender);
        take(keccak256(abi.encode(msg.sender, provider, reason)), provider, user, reporter, amount);
    }

    /// A judge hears a case: what the provider has at stake, waiting or not, stays as long. What was ready is ready.
    function hold(address provider, uint256 until) external {
        if (!isJudge[msg.sender]) revert CallerNotJudge(msg.sender);
        if (until <= heldUntil[provider] || until > type(uint64).max) return;
        heldUntil[provider] = until;
        Unstake storage entry = unstakes[provider];
        if (block.timestamp < entry.readyAt) entry.readyAt = uint64(latest(entry.readyAt, until));
        emit StakeHeld(provider, until);
    }

    /// Wei of a provider that can be slashed now.
    function slashableOf(address provider) public view returns (uint256) {
        return serving.stakeOf(provider) + waitingOf(provider);
    }

    /// One job is one fault, however many receipts show it.
    function faultIdOf(address provider, address user, uint256 jobNonce) public pure returns (bytes32) {
        return keccak256(abi.encode(provider, user, jobNonce));
    }

    /// EIP-712 domain that receipts and acceptances are signed in.
    function receiptDomain() internal view virtual returns (bytes32) {
        return receipts.domainSeparator();
    }

    function punish(address provider, address user, uint256 jobNonce) internal {
        punish(provider, user, jobNonce, msg.sender);
    }

    function punish(address provider, address user, uint256 jobNonce, address reporter) internal {
        bytes32 faultId = faultIdOf(provider, user, jobNonce);
        emit FaultShown(faultId, provider, user, jobNonce);
        take(faultId, provider, user, reporter, (slashableOf(provider) * faultPercent) / 100);
    }

    /// What waits to be withdrawn goes first, since it leaves first.
    function take(bytes32 faultId, address provider, address user, address reporter, uint256 amount) private {
        if (isCounted[faultId]) revert FaultCounted(faultId);
        isCounted[faultId] = true;
        uint256 taken = waitingOf(provider);
        if (taken > amount) taken = amount;
        if (taken > 0) unstakes[provider].amount -= uint128(taken);
        if (taken < amount) taken += serving.slashStake(provider, amount - taken);
        if (taken == 0) revert NothingStaked(provider);
        uint256 toUser = mayGain(user, provider) ? (taken * USER_PERCENT) / 100 : 0;
        uint256 toReporter = mayGain(reporter, provider) ? (taken * REPORTER_PERCENT) / 100 : 0;
        uint256 burned = taken - toUser - toReporter;
        credits[user] += toUser;
        credits[reporter] += toReporter;
        emit Slashed(faultId, provider, user, reporter, toUser, toReporter, burned);
        send(address(0), burned);
    }

    /// A provider gains nothing by its own fault.
    function mayGain(address account, address provider) private pure returns (bool) {
        return account != provider && account != address(0);
    }

    function waitingOf(address provider) private view returns (uint256) {
        Unstake storage entry = unstakes[provider];
        return block.timestamp < entry.readyAt ? entry.amount : 0;
    }

    function latest(uint256 one, uint256 other) private pure returns (uint256) {
        return one > other ? one : other;
    }

    /// Only the provider's own key counts: keys and wallets that speak for it can change.
    function checkSigned(bytes32 domain, Receipt calldata receipt, bytes calldata signature)
        internal
        view
        returns (bytes32 receiptHash)
    {
        if (receipt.version != RECEIPT_VERSION || receipt.chainId != block.chainid) {
            revert ForeignReceipt(receipt.version, receipt.chainId);
        }
        receiptHash = ReceiptTypes.digest(domain, receipt.hash());
        address recovered = ReceiptTypes.signerOf(domain, receiptHash, signature);
        if (recovered == address(0) || recovered != receipt.provider) revert NotSignedByProvider(receiptHash);
    }

    /// As for receipts, only the provider's own key counts.
    function checkAccepted(bytes32 domain, Authorization calldata accepted, bytes calldata signature)
        private
        pure
        returns (bytes32 authorizationHash)
    {
        authorizationHash = ReceiptTypes.digest(domain, accepted.hash());
        bytes32 signed = ReceiptTypes.digest(domain, ReceiptTypes.acceptanceHash(authorizationHash));
        (address recovered,,) = ECDSA.tryRecoverCalldata(signed, signature);
        if (recovered == address(0) || recovered != accepted.provider) revert NotAcceptedByProvider(authorizationHash);
    }

    function send(address target, uint256 amount) private {
        if (amount == 0) return;
        (bool ok,) = target.call{value: amount}("");
        if (!ok) revert TransferFailed(target);
    }
}
