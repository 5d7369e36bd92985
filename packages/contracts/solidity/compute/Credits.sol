// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// Wei that are somebody's, and are fetched by whoever they are of: nobody can hold up a payment by refusing it.
abstract contract Credits is ReentrancyGuardTransient {
    event CreditWithdrawn(address indexed account, uint256 amount);

    error NothingToWithdraw();
    error TransferFailed(address account);

    mapping(address account => uint256) public credits;

    function withdrawCredit() external nonReentrant {
        uint256 amount = credits[msg.sender];
        if (amount == 0) revert NothingToWithdraw();
        credits[msg.sender] = 0;
        emit CreditWithdrawn(msg.sender, amount);
        (bool ok,) = msg.sender.call{value: amount}("");
        if (!ok) revert TransferFailed(msg.sender);
    }
}
