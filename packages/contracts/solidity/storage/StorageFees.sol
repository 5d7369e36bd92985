// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Prices sectors for the flow and passes the fees on.
interface IMarket {
    /// Wei per sector for one lifetime.
    function pricePerSector() external view returns (uint256);
    /// Seconds that one fee pays for; 0 means that repeats are charged again (the upstream preset).
    function lifetimeSeconds() external view returns (uint256);
    /// Only the flow calls it, with at least the fee of `chargedSectors`.
    function chargeFee(uint256 previousLength, uint256 chargedSectors, uint256 paddingSectors) external payable;
}

/// Holds fees for those who store the sectors.
interface IReward {
    /// Credits `msg.value` to the `rewardSectors` sectors behind `beforeLength`.
    function fillReward(uint256 beforeLength, uint256 rewardSectors) external payable;
}
