// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What the ledger asks of a serving contract; its ERC-165 id is the entry ticket to the registry.
interface IServing {
    function accountExists(address user, address provider) external view returns (bool);
    /// Zero where there is no account.
    function getBalance(address user, address provider) external view returns (uint256);
    function getPendingRefund(address user, address provider) external view returns (uint256);
    function addAccount(address user, address provider, string calldata additionalInfo) external payable;
    function depositFund(address user, address provider, uint256 cancelRetrievingAmount) external payable;
    function requestRefundAll(address user, address provider) external;
    function processRefund(address user, address provider)
        external
        returns (uint256 totalAmount, uint256 balance, uint256 pendingRefund);
    function deleteAccount(address user, address provider) external;
}

/// A provider's consent that up to `amount` wei of an account go home at once.
struct RefundConsent {
    address user;
    address provider;
    /// Above that of any consent of this account used before.
    uint256 nonce;
    uint256 amount;
    /// Unix seconds.
    uint256 deadline;
}

/// A serving contract that knows consents; apart from IServing, whose ERC-165 id is fixed.
interface IConsentServing {
    function refundWithConsent(RefundConsent calldata consent, bytes calldata signature)
        external
        returns (uint256 amount);
}

/// What a serving contract tells the ledger.
interface ILedger {
    function spendFund(address user, uint256 amount) external;
    function spendFunds(address[] calldata users, uint256[] calldata amounts) external;
}
