// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {RefundConsent} from "./IServing.sol";
import {SubAccount} from "./SubAccount.sol";

/// The provider's word that nothing of a user's account is owed to it: then the money goes home at once, without the
/// lock. Its storage has a place of its own, so that no other slot moves. Spec: spec/settlement.md 8.
abstract contract RefundConsents {
    event RefundConsented(address indexed user, address indexed provider, uint256 amount, uint256 nonce);

    error RefundConsentExpired(uint256 deadline);
    error RefundConsentInvalid();
    error RefundConsentUsed(uint256 nonce, uint256 last);

    bytes32 private constant CONSENT_TYPEHASH = keccak256(
        "RefundConsent(address user,address provider,uint256 nonce,uint256 amount,uint256 deadline)"
    );
    /// ERC-7201.
    bytes32 private constant PLACE =
        keccak256(abi.encode(uint256(keccak256("weightless.storage.RefundConsents")) - 1)) & ~bytes32(uint256(0xff));

    struct Consents {
        mapping(bytes32 key => uint256) last;
    }

    /// Nonce of the last consent that was used; older ones are void, after a deletion of the account too.
    function lastRefundConsent(address user, address provider) external view returns (uint256) {
        return consents().last[SubAccount.keyOf(user, provider)];
    }

    function useConsent(bytes32 domain, RefundConsent calldata consent, bytes calldata signature) internal {
        if (block.timestamp > consent.deadline) revert RefundConsentExpired(consent.deadline);
        bytes32 key = SubAccount.keyOf(consent.user, consent.provider);
        uint256 last = consents().last[key];
        if (consent.nonce <= last) revert RefundConsentUsed(consent.nonce, last);
        bytes32 digest =
            keccak256(abi.encodePacked("\x19\x01", domain, keccak256(abi.encode(CONSENT_TYPEHASH, consent))));
        if (!SignatureChecker.isValidSignatureNowCalldata(consent.provider, digest, signature)) {
            revert RefundConsentInvalid();
        }
        consents().last[key] = consent.nonce;
    }

    function consents() private pure returns (Consents storage place) {
        bytes32 slot = PLACE;
        assembly ("memory-safe") {
            place.slot := slot
        }
    }
}
