// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What the serving contract asks of the contract that judges stakes.
interface IProviderStake {
    /// Takes the stake of a service that was withdrawn, and gives it to `provider` after the delay.
    function unstake(address provider) external payable;
}

/// What that contract asks of the serving contract.
interface IStakeSource {
    function lockTime() external view returns (uint256);
    function stakeOf(address provider) external view returns (uint256);
    function slashStake(address provider, uint256 amount) external returns (uint256 taken);
}

/// Where receipts are signed for.
interface IReceiptDomain {
    function challengeWindow() external view returns (uint256);
    function domainSeparator() external view returns (bytes32);
}
