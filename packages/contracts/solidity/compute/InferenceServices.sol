// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {InferenceAccounts} from "./InferenceAccounts.sol";

struct Service {
    address provider;
    string serviceType;
    string url;
    uint256 inputPrice;
    uint256 outputPrice;
    uint256 updatedAt;
    string model;
    string verifiability;
    string additionalInfo;
    address teeSignerAddress;
    bool teeSignerAcknowledged;
}

struct ServiceParams {
    string serviceType;
    string url;
    string model;
    string verifiability;
    uint256 inputPrice;
    uint256 outputPrice;
    string additionalInfo;
    address teeSignerAddress;
}

/// The services that providers offer, one each, against a stake.
abstract contract InferenceServices is InferenceAccounts {
    using EnumerableSet for EnumerableSet.AddressSet;

    event ProviderStakeReturned(address indexed provider, uint256 amount);
    event ProviderStaked(address indexed provider, uint256 amount);
    event ProviderTEESignerAcknowledged(
        address indexed provider, address indexed teeSignerAddress, bool acknowledged
    );
    event ServiceRemoved(address indexed service);
    event ServiceUpdated(
        address indexed service,
        string serviceType,
        string url,
        uint256 inputPrice,
        uint256 outputPrice,
        uint256 updatedAt,
        string model,
        string verifiability
    );

    error CannotAddStakeWhenUpdating();
    error InsufficientStake(uint256 provided, uint256 required);
    error ServiceNotExist(address provider);

    EnumerableSet.AddressSet private providerSet;
    mapping(address provider => Service) private services;
    mapping(address provider => uint256) private stakes;

    function MIN_PROVIDER_STAKE() public view virtual returns (uint256);

    /// Registers the caller's service, or changes it; what the signer vouches for needs a new acknowledgement then.
    function addOrUpdateService(ServiceParams calldata params) external payable nonReentrant {
        if (bytes(params.additionalInfo).length > INFO_BYTES_MAX) revert AdditionalInfoTooLong();
        if (params.teeSignerAddress == address(0)) revert InvalidAddress(params.teeSignerAddress);
        bool isNew = providerSet.add(msg.sender);
        Service storage service = services[msg.sender];
        if (isNew) stake();
        else if (msg.value > 0) revert CannotAddStakeWhenUpdating();
        bool vouched = !isNew && service.teeSignerAcknowledged && isSameWork(service, params);
        services[msg.sender] = Service(
            msg.sender,
            params.serviceType,
            params.url,
            params.inputPrice,
            params.outputPrice,
            block.timestamp,
            params.model,
            params.verifiability,
            params.additionalInfo,
            params.teeSignerAddress,
            vouched
        );
        emit ServiceUpdated(
            msg.sender,
            params.serviceType,
            params.url,
            params.inputPrice,
            params.outputPrice,
            block.timestamp,
            params.model,
            params.verifiability
        );
    }

    /// Withdraws the caller's service; its stake is returned, at once or after the delay of ProviderStake.
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

    function serviceExists(address provider) public view returns (bool) {
        return providerSet.contains(provider);
    }

    function getService(address provider) external view returns (Service memory service) {
        if (!serviceExists(provider)) revert ServiceNotExist(provider);
        return services[provider];
    }

    /// A page of services; `limit` 0 asks for all.
    function getAllServices(uint256 offset, uint256 limit)
        external
        view
        returns (Service[] memory page, uint256 total)
    {
        if (limit > PAGE_MAX) revert LimitTooLarge(limit, PAGE_MAX);
        total = providerSet.length();
        address[] memory chosen = providerSet.values(offset, limit == 0 ? total : offset + limit);
        page = new Service[](chosen.length);
        for (uint256 i = 0; i < chosen.length; i++) page[i] = services[chosen[i]];
    }

    /// The key that may sign the provider's settlements; zero unless the owner has acknowledged it.
    function acknowledgedSigner(address provider) internal view returns (address) {
        Service storage service = services[provider];
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
        if (!serviceExists(provider)) revert ServiceNotExist(provider);
        Service storage service = services[provider];
        service.teeSignerAcknowledged = acknowledged;
        emit ProviderTEESignerAcknowledged(provider, service.teeSignerAddress, acknowledged);
    }

    function isSameWork(Service storage service, ServiceParams calldata params) private view returns (bool) {
        return service.teeSignerAddress == params.teeSignerAddress && isSame(service.serviceType, params.serviceType)
            && isSame(service.model, params.model) && isSame(service.verifiability, params.verifiability)
            && isSame(service.additionalInfo, params.additionalInfo);
    }

    function isSame(string storage a, string calldata b) private pure returns (bool) {
        return keccak256(bytes(a)) == keccak256(bytes(b));
    }
}
