// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {Deliverable, DeliverableRing} from "./DeliverableRing.sol";
import {FineTuningServices} from "./FineTuningServices.sol";
import {IProviderStake} from "./IProviderStake.sol";
import {IConsentServing, ILedger, IServing, RefundConsent} from "./IServing.sol";
import {RefundConsents} from "./RefundConsents.sol";
import {SubAccount} from "./SubAccount.sol";

struct VerifierInput {
    string id;
    bytes encryptedSecret;
    bytes modelRootHash;
    uint256 nonce;
    bytes signature;
    uint256 taskFee;
    address user;
}

/// The market of fine-tuning: a provider delivers a model by its root, the user acknowledges it, the provider reveals
/// the key and is paid; unacknowledged work is paid by the penalty share. ABI: v1.1 (compute.md Appendix 1, B.5).
abstract contract FineTuningServingBase is FineTuningServices, RefundConsents, IConsentServing, IERC165 {
    using SubAccount for SubAccount.Funds;
    using DeliverableRing for DeliverableRing.Ring;

    event AcknowledgeSecondsUpdated(uint256 acknowledgeSeconds);
    event DeliverableAbandoned(
        address indexed user, address indexed provider, string deliverableId, uint256 timestamp
    );
    event DeliverableAcknowledged(
        address indexed user, address indexed provider, string deliverableId, uint256 timestamp
    );
    event DeliverableAdded(
        address indexed user, address indexed provider, string deliverableId, bytes modelRootHash, uint256 timestamp
    );
    event DeliverableEvicted(
        address indexed provider,
        address indexed user,
        string evictedDeliverableId,
        string newDeliverableId,
        uint256 timestamp
    );
    event FeesSettled(
        address indexed user,
        address indexed provider,
        string deliverableId,
        uint256 fee,
        bool acknowledged,
        uint256 nonce
    );
    event ProviderStakeSlashed(address indexed provider, uint256 amount);
    event ProviderStakeUpdated(address indexed providerStake);

    error AcknowledgementPending(string id, uint256 until);
    error CallerNotProviderStake(address caller);
    error CannotAbandonAcknowledgedDeliverable(string id);
    error CannotAbandonSettledDeliverable(string id);
    error CannotAcknowledgeSettledDeliverable(string id);
    error CannotEvictUnsettledDeliverable(string id);
    error DeliverableAbandonedByUser(string id);
    error DeliverableAlreadyExists(string id);
    error DeliverableAlreadySettled(string id);
    error DeliverableIdInvalidLength(uint256 length);
    error DeliverableNotExists(string id);
    error InvalidLedgerAddress();
    error InvalidVerifierInput(string reason);
    error PenaltyPercentageTooHigh(uint256 percentage);
    error PreviousDeliverableNotAcknowledged(string id);
    error SecretShouldBeEmpty();
    error SecretShouldNotBeEmpty();

    uint256 private constant ID_BYTES_MAX = 256;
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant MESSAGE_TYPEHASH = keccak256(
        "VerifierMessage(string id,bytes encryptedSecret,bytes modelRootHash,uint256 nonce,uint256 taskFee,address user)"
    );
    bytes32 private constant NAME_HASH = keccak256("0G Fine-Tuning Serving");
    bytes32 private constant VERSION_HASH = keccak256("1");

    /// Share of the fee, in percent, that is due for work which the user does not acknowledge.
    uint256 public penaltyPercentage;
    /// How long a deliverable blocks the next one and keeps its penalty share. 0: for ever, and not at all.
    uint256 public acknowledgeSeconds;
    /// When the deliverable came that its user gave up; so a later one of the same id is another.
    mapping(bytes32 key => mapping(bytes32 idHash => uint256 timestamp)) private givenUp;
    /// Judges stakes, and keeps those that are taken back; zero: they go back at once.
    IProviderStake public providerStake;

    function initialize(uint256 _locktime, address _ledgerAddress, address owner_, uint256 _penaltyPercentage)
        external
        initializer
    {
        setOwner(owner_);
        setLockTime(_locktime);
        if (_ledgerAddress == address(0)) revert InvalidLedgerAddress();
        ledgerAddress = _ledgerAddress;
        setPenalty(_penaltyPercentage);
    }

    function updatePenaltyPercentage(uint256 _penaltyPercentage) external onlyOwner {
        setPenalty(_penaltyPercentage);
    }

    function updateAcknowledgeSeconds(uint256 acknowledgeSeconds_) external onlyOwner {
        acknowledgeSeconds = acknowledgeSeconds_;
        emit AcknowledgeSecondsUpdated(acknowledgeSeconds_);
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
        if (taken > 0) pay(msg.sender, taken);
    }

    /// The caller delivers a model; the one before must be acknowledged, settled, abandoned or overdue.
    function addDeliverable(address user, string calldata id, bytes calldata modelRootHash) external {
        uint256 idBytes = bytes(id).length;
        if (idBytes == 0 || idBytes > ID_BYTES_MAX) revert DeliverableIdInvalidLength(idBytes);
        DeliverableRing.Ring storage ring = existing(user, msg.sender).deliverables;
        if (ring.has(id)) revert DeliverableAlreadyExists(id);
        if (ring.items.length > 0) {
            Deliverable storage last = ring.newest();
            if (!last.acknowledged && !last.settled && !isWaitOver(user, msg.sender, last)) {
                revert PreviousDeliverableNotAcknowledged(last.id);
            }
        }
        if (ring.isFull()) {
            Deliverable storage oldest = ring.oldest();
            if (!oldest.settled) revert CannotEvictUnsettledDeliverable(oldest.id);
            emit DeliverableEvicted(msg.sender, user, oldest.id, id, block.timestamp);
        }
        ring.put(Deliverable(id, modelRootHash, "", false, uint248(block.timestamp), false));
        emit DeliverableAdded(user, msg.sender, id, modelRootHash, block.timestamp);
    }

    function acknowledgeDeliverable(address provider, string calldata id) external {
        Deliverable storage item = deliverable(msg.sender, provider, id);
        if (item.settled) revert CannotAcknowledgeSettledDeliverable(id);
        if (isGivenUp(msg.sender, provider, item)) revert DeliverableAbandonedByUser(id);
        item.acknowledged = true;
        emit DeliverableAcknowledged(msg.sender, provider, id, block.timestamp);
    }

    /// The caller gives up a deliverable of its own and its fee, so that the next one can come.
    function abandonDeliverable(address user, string calldata id) external {
        Deliverable storage item = deliverable(user, msg.sender, id);
        if (item.settled) revert CannotAbandonSettledDeliverable(id);
        item.settled = true;
        emit DeliverableAbandoned(user, msg.sender, id, block.timestamp);
    }

    /// The caller does not want this deliverable of hers: the penalty share is due at once, and the next one can come.
    function abandonDelivery(address provider, string calldata id) external {
        Deliverable storage item = deliverable(msg.sender, provider, id);
        if (item.settled) revert CannotAbandonSettledDeliverable(id);
        if (item.acknowledged) revert CannotAbandonAcknowledgedDeliverable(id);
        givenUp[SubAccount.keyOf(msg.sender, provider)][keccak256(bytes(id))] = item.timestamp;
        emit DeliverableAbandoned(msg.sender, provider, id, block.timestamp);
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
        sendHome(amount);
        emit BalanceUpdated(consent.user, consent.provider, funds.balance, funds.pendingRefund);
        emit RefundConsented(consent.user, consent.provider, amount, consent.nonce);
    }

    /// Pays the caller for a deliverable, on its acknowledged signer's word.
    function settleFees(VerifierInput calldata input) external nonReentrant {
        Entry storage entry = existing(input.user, msg.sender);
        Deliverable storage item = deliverable(input.user, msg.sender, input.id);
        checkInput(input, entry.funds, item);
        uint256 fee = input.taskFee;
        if (item.acknowledged) {
            if (input.encryptedSecret.length == 0) revert SecretShouldNotBeEmpty();
            item.encryptedSecret = input.encryptedSecret;
        } else {
            if (input.encryptedSecret.length != 0) revert SecretShouldBeEmpty();
            if (acknowledgeSeconds > 0 && !isWaitOver(input.user, msg.sender, item)) {
                revert AcknowledgementPending(input.id, item.timestamp + acknowledgeSeconds);
            }
            fee = (fee * penaltyPercentage) / 100;
        }
        if (fee > entry.funds.balance) revert InvalidVerifierInput("insufficient balance");
        item.settled = true;
        entry.funds.nonce = uint240(input.nonce);
        entry.funds.take(fee);
        emit BalanceUpdated(input.user, msg.sender, entry.funds.balance, entry.funds.pendingRefund);
        emit FeesSettled(input.user, msg.sender, input.id, fee, item.acknowledged, input.nonce);
        if (fee == 0) return;
        ILedger(ledgerAddress).spendFund(input.user, fee);
        pay(msg.sender, fee);
    }

    function getDeliverable(address user, address provider, string calldata id)
        external
        view
        returns (Deliverable memory)
    {
        return deliverable(user, provider, id);
    }

    /// Oldest first.
    function getDeliverables(address user, address provider) external view returns (Deliverable[] memory) {
        return existing(user, provider).deliverables.list();
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IServing).interfaceId || interfaceId == type(IERC165).interfaceId;
    }

    function giveStakeBack(address provider, uint256 amount) internal override {
        if (address(providerStake) != address(0)) return providerStake.unstake{value: amount}(provider);
        emit ProviderStakeReturned(provider, amount);
        pay(provider, amount);
    }

    function deliverable(address user, address provider, string calldata id)
        private
        view
        returns (Deliverable storage)
    {
        DeliverableRing.Ring storage ring = existing(user, provider).deliverables;
        if (!ring.has(id)) revert DeliverableNotExists(id);
        return ring.find(id);
    }

    function isWaitOver(address user, address provider, Deliverable storage item) private view returns (bool) {
        if (isGivenUp(user, provider, item)) return true;
        return acknowledgeSeconds > 0 && block.timestamp >= item.timestamp + acknowledgeSeconds;
    }

    function isGivenUp(address user, address provider, Deliverable storage item) private view returns (bool) {
        return givenUp[SubAccount.keyOf(user, provider)][keccak256(bytes(item.id))] == item.timestamp;
    }

    function checkInput(VerifierInput calldata input, SubAccount.Funds storage funds, Deliverable storage item)
        private
        view
    {
        address signer = acknowledgedSigner(msg.sender);
        if (signer == address(0) || !funds.acknowledged) revert InvalidVerifierInput("signer not acknowledged");
        if (input.nonce <= funds.nonce || input.nonce > type(uint240).max) revert InvalidVerifierInput("nonce used");
        if (item.settled) revert DeliverableAlreadySettled(input.id);
        if (keccak256(item.modelRootHash) != keccak256(input.modelRootHash)) {
            revert InvalidVerifierInput("model root hash mismatch");
        }
        (address recovered,,) = ECDSA.tryRecoverCalldata(digestOf(input), input.signature);
        if (recovered != signer) revert InvalidVerifierInput("signature mismatch");
    }

    function digestOf(VerifierInput calldata input) private view returns (bytes32) {
        bytes32 structHash = keccak256(
            abi.encode(
                MESSAGE_TYPEHASH,
                keccak256(bytes(input.id)),
                keccak256(input.encryptedSecret),
                keccak256(input.modelRootHash),
                input.nonce,
                input.taskFee,
                input.user
            )
        );
        return keccak256(abi.encodePacked("\x19\x01", domainSeparator(), structHash));
    }

    function domainSeparator() private view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, block.chainid, address(this)));
    }

    function setPenalty(uint256 percentage) private {
        if (percentage > 100) revert PenaltyPercentageTooHigh(percentage);
        penaltyPercentage = percentage;
    }
}

/// The limits of the existing contracts.
contract FineTuningServing is FineTuningServingBase {
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
contract WeightlessFineTuningServing is FineTuningServingBase {
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
