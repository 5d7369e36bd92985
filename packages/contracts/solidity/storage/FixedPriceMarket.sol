// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IMarket, IReward} from "./StorageFees.sol";

/// One price per sector and lifetime; every fee goes on to the reward pool at once. Spec: storage.md 2.5.
contract FixedPriceMarket is IMarket, Ownable {
    event PriceUpdated(uint256 pricePerSector, uint256 lifetimeSeconds);
    error CallerNotFlow(address caller);
    error FlowAlreadySet(address flow);
    error WrongFee(uint256 expected, uint256 provided);

    uint256 public pricePerSector;
    uint256 public lifetimeSeconds;
    address public flow;
    IReward public reward;

    constructor(address owner, uint256 pricePerSector_, uint256 lifetimeSeconds_, IReward reward_) Ownable(owner) {
        pricePerSector = pricePerSector_;
        lifetimeSeconds = lifetimeSeconds_;
        reward = reward_;
    }

    /// Binds the flow, once.
    function setFlow(address flow_) external onlyOwner {
        if (flow != address(0)) revert FlowAlreadySet(flow);
        flow = flow_;
    }

    function setReward(IReward reward_) external onlyOwner {
        reward = reward_;
    }

    function setPricePerSector(uint256 pricePerSector_) external onlyOwner {
        pricePerSector = pricePerSector_;
        emit PriceUpdated(pricePerSector_, lifetimeSeconds);
    }

    /// Applies to what is paid from now on; what was paid keeps its end.
    function setLifetimeSeconds(uint256 lifetimeSeconds_) external onlyOwner {
        lifetimeSeconds = lifetimeSeconds_;
        emit PriceUpdated(pricePerSector, lifetimeSeconds_);
    }

    /// Fee in wei for `sectors` padded sectors and one lifetime.
    function quote(uint256 sectors) external view returns (uint256) {
        return sectors * pricePerSector;
    }

    /// Fee in wei for `sectors` padded sectors over several lifetimes.
    function quoteLifetimes(uint256 sectors, uint256 lifetimes) external view returns (uint256) {
        return sectors * pricePerSector * lifetimes;
    }

    /// More than the fee of one lifetime is a bonus for those who store the sectors.
    function chargeFee(uint256 previousLength, uint256 chargedSectors, uint256 paddingSectors) external payable {
        if (msg.sender != flow) revert CallerNotFlow(msg.sender);
        uint256 base = pricePerSector * chargedSectors;
        if (msg.value < base) revert WrongFee(base, msg.value);
        uint256 paddingPart = (base * paddingSectors) / (chargedSectors + paddingSectors);
        if (paddingSectors > 0) reward.fillReward{value: paddingPart}(previousLength, paddingSectors);
        reward.fillReward{value: msg.value - paddingPart}(previousLength + paddingSectors, chargedSectors);
    }
}
