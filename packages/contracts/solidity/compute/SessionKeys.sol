// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// Who may sign for a user: the user's key, a registered session key, or the user's contract (EIP-1271).
/// A session key outlives its revocation by `revokeDelay`, so that a user cannot void what was signed for delivered
/// work; the provider settles within that time. Spec: spec/settlement.md 4.
abstract contract SessionKeys {
    event SessionKeyUpdated(address indexed user, address indexed key, uint256 validUntil);

    error SessionKeyNotExtended(address key, uint256 validUntil, uint256 requested);
    error SessionKeyUnknown(address key);

    /// A hostile wallet contract can burn no more than this per item.
    uint256 private constant WALLET_CHECK_GAS = 100_000;

    /// Seconds for which a revoked session key stays good.
    uint256 public revokeDelay;
    mapping(address user => mapping(address key => uint256)) public sessionKeyValidUntil;

    /// Lets `key` sign for the caller until `validUntil` (Unix seconds); it can only be lengthened.
    function registerSessionKey(address key, uint256 validUntil) external {
        uint256 present = sessionKeyValidUntil[msg.sender][key];
        if (key == address(0) || validUntil <= present) revert SessionKeyNotExtended(key, present, validUntil);
        sessionKeyValidUntil[msg.sender][key] = validUntil;
        emit SessionKeyUpdated(msg.sender, key, validUntil);
    }

    function revokeSessionKey(address key) external {
        uint256 present = sessionKeyValidUntil[msg.sender][key];
        if (present <= block.timestamp) revert SessionKeyUnknown(key);
        uint256 end = block.timestamp + revokeDelay;
        if (end >= present) return;
        sessionKeyValidUntil[msg.sender][key] = end;
        emit SessionKeyUpdated(msg.sender, key, end);
    }

    function isSignedBy(address user, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        (address recovered,,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (speaksFor(user, recovered)) return true;
        return user.code.length > 0 && isSignedByWallet(user, digest, signature);
    }

    /// The same for a plain signature in its compact form (EIP-2098); a wallet contract is asked with the plain one.
    function isSignedCompactlyBy(address user, bytes32 digest, bytes32 r, bytes32 vs) internal view returns (bool) {
        (address recovered,,) = ECDSA.tryRecover(digest, r, vs);
        if (speaksFor(user, recovered)) return true;
        if (user.code.length == 0) return false;
        bytes32 s = vs & bytes32(uint256(type(int256).max));
        return isSignedByWallet(user, digest, abi.encodePacked(r, s, uint8(uint256(vs) >> 255) + 27));
    }

    function speaksFor(address user, address recovered) private view returns (bool) {
        if (recovered == address(0)) return false;
        return recovered == user || sessionKeyValidUntil[user][recovered] >= block.timestamp;
    }

    function isSignedByWallet(address wallet, bytes32 digest, bytes memory signature) private view returns (bool ok) {
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        bytes4 magic = IERC1271.isValidSignature.selector;
        // Copies at most one word back: a huge answer costs the wallet's own gas only.
        assembly ("memory-safe") {
            mstore(0x00, 0)
            ok := staticcall(WALLET_CHECK_GAS, wallet, add(question, 0x20), mload(question), 0x00, 0x20)
            ok := and(ok, and(gt(returndatasize(), 0x1f), eq(mload(0x00), magic)))
        }
    }
}
