// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC165Checker} from "@openzeppelin/contracts/utils/introspection/ERC165Checker.sol";
import {Administered} from "./Administered.sol";
import {IServing} from "./IServing.sol";

struct ServiceInfo {
    address serviceAddress;
    address serviceContract;
    string serviceType;
    string version;
    string fullName;
    string description;
    bool isRecommended;
    uint256 registeredAt;
}

/// The serving contracts that a ledger trusts, by name `type-version`, one recommended per type.
abstract contract ServiceRegistry is Administered {
    event ServiceRegistered(address indexed serviceAddress, string serviceName);
    event RecommendedServiceUpdated(string serviceType, string version, address serviceAddress);

    error InvalidServiceAddress(address serviceAddress);
    error InvalidServiceType(string serviceType);
    error NoRecommendedService(string serviceType);
    error ServiceAlreadyRegistered(address serviceAddress);
    error ServiceMustImplementIServing(address serviceAddress);
    error ServiceNameExists(string serviceName);
    error ServiceNotFound(address serviceAddress);
    error ServiceNotRegistered(address serviceAddress);
    error ServiceRegistryLimitReached(uint256 limit);
    error ServiceTypeRequired();
    error VersionRequired();

    uint256 public constant MAX_SERVICES = 500;

    address[] internal serviceAddresses;
    mapping(address service => ServiceInfo) private infos;
    mapping(bytes32 nameHash => address) private addressByName;
    mapping(bytes32 typeHash => address) private recommended;

    function registerService(
        string calldata serviceType,
        string calldata version,
        address serviceAddress,
        string calldata description
    ) external onlyOwner {
        if (bytes(serviceType).length == 0) revert ServiceTypeRequired();
        if (bytes(version).length == 0) revert VersionRequired();
        if (serviceAddress == address(0)) revert InvalidServiceAddress(serviceAddress);
        if (isRegistered(serviceAddress)) revert ServiceAlreadyRegistered(serviceAddress);
        if (serviceAddresses.length >= MAX_SERVICES) revert ServiceRegistryLimitReached(MAX_SERVICES);
        if (!ERC165Checker.supportsInterface(serviceAddress, type(IServing).interfaceId)) {
            revert ServiceMustImplementIServing(serviceAddress);
        }
        string memory name = fullName(serviceType, version);
        bytes32 nameHash = keccak256(bytes(name));
        if (addressByName[nameHash] != address(0)) revert ServiceNameExists(name);
        addressByName[nameHash] = serviceAddress;
        serviceAddresses.push(serviceAddress);
        infos[serviceAddress] = ServiceInfo(
            serviceAddress, serviceAddress, serviceType, version, name, description, false, block.timestamp
        );
        emit ServiceRegistered(serviceAddress, name);
    }

    function setRecommendedService(string calldata serviceType, string calldata version) external onlyOwner {
        address service = addressByName[keccak256(bytes(fullName(serviceType, version)))];
        if (service == address(0)) revert ServiceNotFound(service);
        bytes32 typeHash = keccak256(bytes(serviceType));
        address previous = recommended[typeHash];
        if (previous != address(0)) infos[previous].isRecommended = false;
        recommended[typeHash] = service;
        infos[service].isRecommended = true;
        emit RecommendedServiceUpdated(serviceType, version, service);
    }

    function getAllActiveServices() external view returns (ServiceInfo[] memory services) {
        services = new ServiceInfo[](serviceAddresses.length);
        for (uint256 i = 0; i < services.length; i++) services[i] = infos[serviceAddresses[i]];
    }

    function getAllVersions(string calldata serviceType)
        external
        view
        returns (string[] memory versions, address[] memory addresses, bool[] memory isRecommendedFlags)
    {
        bytes32 typeHash = keccak256(bytes(serviceType));
        uint256 count = 0;
        for (uint256 i = 0; i < serviceAddresses.length; i++) {
            if (keccak256(bytes(infos[serviceAddresses[i]].serviceType)) == typeHash) count++;
        }
        (versions, addresses, isRecommendedFlags) = (new string[](count), new address[](count), new bool[](count));
        uint256 at = 0;
        for (uint256 i = 0; i < serviceAddresses.length; i++) {
            ServiceInfo storage info = infos[serviceAddresses[i]];
            if (keccak256(bytes(info.serviceType)) != typeHash) continue;
            (versions[at], addresses[at], isRecommendedFlags[at]) =
                (info.version, info.serviceAddress, info.isRecommended);
            at++;
        }
    }

    function getRecommendedService(string calldata serviceType)
        external
        view
        returns (string memory version, address serviceAddress)
    {
        serviceAddress = recommended[keccak256(bytes(serviceType))];
        if (serviceAddress == address(0)) revert NoRecommendedService(serviceType);
        version = infos[serviceAddress].version;
    }

    function isRecommendedVersion(string calldata serviceType, string calldata version) external view returns (bool) {
        address service = addressByName[keccak256(bytes(fullName(serviceType, version)))];
        return service != address(0) && infos[service].isRecommended;
    }

    function getServiceInfo(address serviceAddress) external view returns (ServiceInfo memory) {
        if (!isRegistered(serviceAddress)) revert ServiceNotFound(serviceAddress);
        return infos[serviceAddress];
    }

    function getServiceAddressByName(string memory serviceName) public view returns (address service) {
        service = addressByName[keccak256(bytes(serviceName))];
        if (service == address(0)) revert InvalidServiceType(serviceName);
    }

    function isRegistered(address service) internal view returns (bool) {
        return infos[service].serviceAddress != address(0);
    }

    function fullName(string calldata serviceType, string calldata version) private pure returns (string memory) {
        return string.concat(serviceType, "-", version);
    }
}
