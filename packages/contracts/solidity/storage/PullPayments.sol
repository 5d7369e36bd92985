// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Earned money waits until it is fetched, so that no receiver can hold up who pays.
abstract contract PullPayments {
    event Withdrawn(address indexed payee, uint256 amount);
    error WithdrawalFailed(address payee, uint256 amount);

    mapping(address payee => uint256) private owed;
    uint256 internal owedInAll;

    /// Wei that wait for `dest`.
    function payments(address dest) external view returns (uint256) {
        return owed[dest];
    }

    /// Sends `payee` all that waits for it; anybody may ask.
    function withdrawPayments(address payable payee) external {
        uint256 amount = owed[payee];
        owed[payee] = 0;
        owedInAll -= amount;
        (bool ok,) = payee.call{value: amount}("");
        if (!ok) revert WithdrawalFailed(payee, amount);
        emit Withdrawn(payee, amount);
    }

    function owe(address payee, uint256 amount) internal {
        if (amount == 0) return;
        owed[payee] += amount;
        owedInAll += amount;
    }
}
