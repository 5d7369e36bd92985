// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ed25519} from "../storage/Ed25519.sol";
import {Sha512} from "../storage/Sha512.sol";

/// Hashes and verifies, for tests.
contract Ed25519Harness {
    function hash(bytes memory data) external pure returns (bytes32 high, bytes32 low) {
        return Sha512.hash(data);
    }

    function verify(bytes32 publicKey, bytes memory message, bytes32 r, bytes32 s)
        external
        view
        returns (bool isRight, uint256 gasUsed)
    {
        gasUsed = gasleft();
        isRight = Ed25519.verify(publicKey, message, r, s);
        gasUsed -= gasleft();
    }
}
