// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {Administered} from "../compute/Administered.sol";
import {Service} from "../compute/InferenceServices.sol";
import {Candidate, MatchRule, Need} from "./MatchRule.sol";

interface IServices {
    function serviceExists(address provider) external view returns (bool);
    function getService(address provider) external view returns (Service memory);
}

interface IStakes {
    function stakeOf(address account) external view returns (uint256);
}

/// What providers offer beyond their registry entry, and who serves a need: anybody can compute the match again from
/// the chain's state. Prices, model names and verifiability come from InferenceServing. Spec: spec/market.md.
contract ServiceMarket is Administered {
    using EnumerableSet for EnumerableSet.AddressSet;

    event OfferDeclared(
        address indexed provider, bytes32 indexed modelRoot, bytes16 region, uint8 privacy, Measurement measured
    );
    event OfferRenewed(address indexed provider, uint256 expiresAt);
    event OfferWithdrawn(address indexed provider);
    event CapacityAudited(address indexed provider, address indexed auditor, Measurement measured);
    event AuditorUpdated(address indexed auditor, bool isAuditor);
    event StakesUpdated(address indexed stakes);

    error NoService(address provider);
    error NoOffer(address provider);
    error ServiceStillOffered(address provider);
    error OffersFull(uint256 max);
    error InvalidMeasurement(uint256 measuredAt, uint256 concurrentSlots);
    error InvalidPrivacy(uint8 privacy);
    error CallerNotAuditor(address caller);
    error InvalidAddress(address given);
    error LimitTooLarge(uint256 limit, uint256 max);

    struct Measurement {
        /// Output tokens per second, all slots together.
        uint32 tokensPerSecond;
        /// Requests served at once.
        uint16 concurrentSlots;
        /// Median time to the first token.
        uint32 firstTokenMs;
        /// Unix seconds; 0: never measured.
        uint64 measuredAt;
    }

    struct Offer {
        bytes32 modelRoot;
        /// keccak256 of the registry's model name when this was declared.
        bytes32 model;
        bytes16 region;
        uint8 privacy;
        /// Unix seconds from which it matches nothing, until it is renewed.
        uint64 expiresAt;
        /// The provider's own word, signed by its transaction.
        Measurement own;
        Measurement audited;
        address auditor;
    }

    uint256 public constant OFFERS_MAX = 500;
    uint256 public constant PAGE_MAX = 100;
    /// How long an offer stands that nobody renews: whoever is gone without a word is found no longer than that.
    uint256 public constant LEASE_SECONDS = 30 minutes;

    /// Sees the content; content is encrypted to the provider's key; runs in attested hardware.
    uint8 public constant PRIVACY_PLAIN = 0;
    uint8 public constant PRIVACY_SEALED = 1;
    uint8 public constant PRIVACY_HARDWARE = 2;
    /// As in receipts: the provider's signature, re-execution; and attested hardware.
    uint8 public constant CHECK_SIGNATURE = 0;
    uint8 public constant CHECK_REEXECUTION = 1;
    uint8 public constant CHECK_HARDWARE = 2;

    IServices public services;
    IStakes public stakes;
    EnumerableSet.AddressSet private providers;
    mapping(address provider => Offer) private offers;
    mapping(address account => bool) public isAuditor;

    function initialize(address owner_, address services_, address stakes_) external initializer {
        if (services_ == address(0)) revert InvalidAddress(services_);
        setOwner(owner_);
        services = IServices(services_);
        putStakes(stakes_);
    }

    /// Whose word on capacity counts as audited. What a former auditor measured counts no more.
    function setAuditor(address auditor, bool isAuditor_) external onlyOwner {
        isAuditor[auditor] = isAuditor_;
        emit AuditorUpdated(auditor, isAuditor_);
    }

    function setStakes(address stakes_) external onlyOwner {
        putStakes(stakes_);
    }

    /// Offers the caller's registered service, or changes the offer. A new model needs a new audit.
    function declareOffer(bytes32 modelRoot, bytes16 region, uint8 privacy, Measurement calldata measured) external {
        if (!services.serviceExists(msg.sender)) revert NoService(msg.sender);
        if (privacy > PRIVACY_HARDWARE) revert InvalidPrivacy(privacy);
        if (measured.measuredAt != 0 || measured.concurrentSlots != 0) checkMeasurement(measured);
        if (providers.add(msg.sender) && providers.length() > OFFERS_MAX) revert OffersFull(OFFERS_MAX);
        Offer storage offer = offers[msg.sender];
        bytes32 model = keccak256(bytes(services.getService(msg.sender).model));
        if (offer.modelRoot != modelRoot || offer.model != model) {
            delete offer.audited;
            delete offer.auditor;
        }
        (offer.modelRoot, offer.model, offer.region, offer.privacy) = (modelRoot, model, region, privacy);
        offer.own = measured;
        offer.expiresAt = uint64(block.timestamp + LEASE_SECONDS);
        emit OfferDeclared(msg.sender, modelRoot, region, privacy, measured);
    }

    /// The caller is still there: its offer stands for another lease, expired or not.
    function renewOffer() external {
        if (!providers.contains(msg.sender)) revert NoOffer(msg.sender);
        uint64 expiresAt = uint64(block.timestamp + LEASE_SECONDS);
        offers[msg.sender].expiresAt = expiresAt;
        emit OfferRenewed(msg.sender, expiresAt);
    }

    function withdrawOffer() external {
        remove(msg.sender);
    }

    /// Anybody may clear away an offer that has expired, or whose service is registered no more.
    function removeStaleOffer(address provider) external {
        bool stands = block.timestamp < offers[provider].expiresAt;
        if (stands && services.serviceExists(provider)) revert ServiceStillOffered(provider);
        remove(provider);
    }

    /// An auditor's word on a provider's capacity; it takes precedence over the provider's own.
    function auditCapacity(address provider, Measurement calldata measured) external {
        if (!isAuditor[msg.sender]) revert CallerNotAuditor(msg.sender);
        if (!providers.contains(provider)) revert NoOffer(provider);
        checkMeasurement(measured);
        Offer storage offer = offers[provider];
        (offer.audited, offer.auditor) = (measured, msg.sender);
        emit CapacityAudited(provider, msg.sender, measured);
    }

    function getOffer(address provider) external view returns (Offer memory) {
        if (!providers.contains(provider)) revert NoOffer(provider);
        return offers[provider];
    }

    /// A page of the list that `matchNeed` looks at, in its order.
    function getCandidates(uint256 offset, uint256 limit)
        external
        view
        returns (Candidate[] memory page, uint256 total)
    {
        if (limit > PAGE_MAX) revert LimitTooLarge(limit, PAGE_MAX);
        total = providers.length();
        if (offset > total) offset = total;
        page = candidates(providers.values(offset, offset + limit));
    }

    /// The providers that serve a need, best first; fewer than asked for where there are no more.
    function matchNeed(Need calldata need, bytes32 seed) external view returns (address[] memory) {
        return MatchRule.choose(candidates(providers.values()), need, seed);
    }

    /// The rule alone, over a list from elsewhere or of another time.
    function choose(Candidate[] calldata list, Need calldata need, bytes32 seed)
        external
        pure
        returns (address[] memory)
    {
        return MatchRule.choose(list, need, seed);
    }

    /// Seed of a requester's `count`-th match on the state of the block with this hash.
    function seedOf(bytes32 blockHash, address requester, uint256 count) external pure returns (bytes32) {
        return keccak256(abi.encode(blockHash, requester, count));
    }

    function candidates(address[] memory list) private view returns (Candidate[] memory found) {
        found = new Candidate[](list.length);
        for (uint256 i = 0; i < list.length; i++) found[i] = candidateOf(list[i]);
    }

    function candidateOf(address provider) private view returns (Candidate memory one) {
        Offer storage offer = offers[provider];
        one.provider = provider;
        (one.modelRoot, one.region, one.privacy) = (offer.modelRoot, offer.region, offer.privacy);
        one.isAudited = offer.auditor != address(0) && isAuditor[offer.auditor];
        Measurement memory measured = one.isAudited ? offer.audited : offer.own;
        (one.tokensPerSecond, one.concurrentSlots) = (measured.tokensPerSecond, measured.concurrentSlots);
        (one.firstTokenMs, one.measuredAt) = (measured.firstTokenMs, measured.measuredAt);
        one.stake = stakes.stakeOf(provider);
        if (!services.serviceExists(provider)) return one;
        Service memory service = services.getService(provider);
        one.serviceType = keccak256(bytes(service.serviceType));
        one.model = keccak256(bytes(service.model));
        (one.inputPrice, one.outputPrice) = (service.inputPrice, service.outputPrice);
        one.check = checkOf(service, offer.modelRoot);
        // hardware is a claim until the registry's owner has acknowledged the key that speaks for it
        if (one.privacy == PRIVACY_HARDWARE && one.check != CHECK_HARDWARE) one.privacy = PRIVACY_SEALED;
        one.isCurrent = one.model == offer.model && block.timestamp < offer.expiresAt;
    }

    function checkOf(Service memory service, bytes32 modelRoot) private pure returns (uint8) {
        bytes32 verifiability = keccak256(bytes(service.verifiability));
        if (verifiability == keccak256("OpML") && modelRoot != 0) return CHECK_REEXECUTION;
        if (verifiability == keccak256("TeeML") && service.teeSignerAcknowledged) return CHECK_HARDWARE;
        return CHECK_SIGNATURE;
    }

    function checkMeasurement(Measurement calldata measured) private view {
        bool isPast = measured.measuredAt != 0 && measured.measuredAt <= block.timestamp;
        if (!isPast || measured.concurrentSlots == 0) {
            revert InvalidMeasurement(measured.measuredAt, measured.concurrentSlots);
        }
    }

    function remove(address provider) private {
        if (!providers.remove(provider)) revert NoOffer(provider);
        delete offers[provider];
        emit OfferWithdrawn(provider);
    }

    function putStakes(address stakes_) private {
        if (stakes_ == address(0)) revert InvalidAddress(stakes_);
        stakes = IStakes(stakes_);
        emit StakesUpdated(stakes_);
    }
}
