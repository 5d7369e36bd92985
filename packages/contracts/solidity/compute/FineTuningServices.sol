// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {FineTuningAccounts} from "./FineTuningAccounts.sol";

struct Quota {
    uint256 cpuCount;
    uint256 nodeMemory;
    uint256 gpuCount;
    uint256 nodeStorage;
    string gpuType;
}

struct FineTuningService {
    address provider;
    string url;
    Quota quota;
    uint256 pricePerToken;
    bool occupied;
    string[] models;
    address teeSignerAddress;
    bool teeSignerAcknowledged;
}

/// The fine-tuning services that providers offer, one each, against a stake.
abstract contract FineTuningServices is FineTuningAccounts {
    using EnumerableSet for EnumerableSet.AddressSet;

    event ProviderStakeReturned(address indexed provider, uint256 amount);
    event ProviderStaked(address indexed provider, uint256 amount);
    event ProviderTEESignerAcknowledged(
        address indexed provider, address indexed teeSignerAddress, bool acknowledged
    );
    event ServiceRemoved(address indexed provider);
    event ServiceUpdated(
        address indexed provider,
        string url,
        Quota quota,
        uint256 pricePerToken,
        address teeSignerAddress,
        bool occupied
    );

    error CannotAddStakeWhenUpdating();
    error InsufficientStake(uint256 provided, uint256 required);
    error ServiceNotExist(address provider);

    EnumerableSet.AddressSet private providerSet;
    mapping(address provider => FineTuningService) private services;
    mapping(address provider => uint256) private stakes;

    function MIN_PROVIDER_STAKE() public view virtual returns (uint256);

    /// Registers the caller's service, or changes it; another signer needs a new acknowledgement.
    function addOrUpdateService(
        string calldata url,
        Quota calldata quota,
        uint256 pricePerToken,
        bool occupied,
        string[] calldata models,
        address teeSignerAddress
    ) external payable nonReentrant {
        FineTuningService storage service = services[msg.sender];
        if (providerSet.add(msg.sender)) stake();
        else if (msg.value > 0) revert CannotAddStakeWhenUpdating();
        if (service.teeSignerAddress != teeSignerAddress) service.teeSignerAcknowledged = false;
        service.provider = msg.sender;
        service.url = url;
        service.quota = quota;
        service.pricePerToken = pricePerToken;
        service.occupied = occupied;
        service.models = models;
        service.teeSignerAddress = teeSignerAddress;
        emit ServiceUpdated(msg.sender, url, quota, pricePerToken, teeSignerAddress, occupied);
    }

    /// Withdraws the caller's service; its stake is returned, at once or after the delay of TrainingStake.
    function removeService() external nonReentrant {
        if (!providerSet.remove(msg.sender)) revert ServiceNotExist(msg.sender);
        delete services[msg.sender];
        uint256 amount = stakes[msg.sender];
        delete stakes[msg.sender];
        emit ServiceRemoved(msg.sender);
        if (amount == 0) return;
        giveStakeBack(msg.sender, amount);
    }

    /// Wei that back the provider's present service.
    function stakeOf(address provider) external view returns (uint256) {
        return stakes[provider];
    }

    function acknowledgeTEESignerByOwner(address provider) external onlyOwner {
        setAcknowledged(provider, true);
    }

    function revokeTEESignerAcknowledgement(address provider) external onlyOwner {
        setAcknowledged(provider, false);
    }

    function getService(address provider) external view returns (FineTuningService memory service) {
        if (!providerSet.contains(provider)) revert ServiceNotExist(provider);
        return services[provider];
    }

    function getAllServices() external view returns (FineTuningService[] memory all) {
        all = new FineTuningService[](providerSet.length());
        for (uint256 i = 0; i < all.length; i++) all[i] = services[providerSet.at(i)];
    }

    /// The key that may sign the provider's settlements; zero unless the owner has acknowledged it.
    function acknowledgedSigner(address provider) internal view returns (address) {
        FineTuningService storage service = services[provider];
        return service.teeSignerAcknowledged ? service.teeSignerAddress : address(0);
    }

    function giveStakeBack(address provider, uint256 amount) internal virtual;

    function takeStake(address provider, uint256 amount) internal returns (uint256 taken) {
        uint256 present = stakes[provider];
        taken = amount < present ? amount : present;
        stakes[provider] = present - taken;
    }

    function stake() private {
        if (msg.value < MIN_PROVIDER_STAKE()) revert InsufficientStake(msg.value, MIN_PROVIDER_STAKE());
        stakes[msg.sender] = msg.value;
        emit ProviderStaked(msg.sender, msg.value);
    }

    function setAcknowledged(address provider, bool acknowledged) private {
        if (!providerSet.contains(provider)) revert ServiceNotExist(provider);
        FineTuningService storage service = services[provider];
        service.teeSignerAcknowledged = acknowledged;
        emit ProviderTEESignerAcknowledged(provider, service.teeSignerAddress, acknowledged);
    }
}
