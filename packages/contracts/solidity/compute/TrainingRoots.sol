// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ReceiptTypes} from "./ReceiptTypes.sol";
import {HashPath} from "../dispute/judge/HashPath.sol";

error RootNotSignedByProvider(bytes32 root);
error NotOfRun(bytes32 root);

/// The provider's word in a dispute: at place 0 for the root over the states of its run, at n + 1 for that over the tables of step n.
struct TrainingRoot {
    uint32 place;
    uint32 leaves;
    bytes32 root;
    bytes signature;
}

/// A state of a run after so many steps, with the hashes beside its way.
struct RunState {
    uint32 steps;
    bytes32 root;
    bytes32[] path;
}

/// What a provider of trainings signs in a dispute. Spec: dispute.md 14.5.
library TrainingRoots {
    bytes32 private constant ROOT_TYPEHASH =
        keccak256("TrainingRoot(bytes32 receipt,uint32 place,uint32 leaves,bytes32 root)");

    /// As for receipts, only the provider's own key counts.
    function requireSigned(TrainingRoot calldata signed, bytes32 domain, bytes32 receiptHash, address provider)
        internal
        pure
    {
        bytes32 structHash =
            keccak256(abi.encode(ROOT_TYPEHASH, receiptHash, signed.place, signed.leaves, signed.root));
        (address recovered,,) = ECDSA.tryRecoverCalldata(ReceiptTypes.digest(domain, structHash), signed.signature);
        if (recovered == address(0) || recovered != provider) revert RootNotSignedByProvider(signed.root);
    }

    /// The run has this state.
    function requireState(TrainingRoot calldata run, RunState calldata state) internal pure {
        bytes32 leaf = HashPath.hashLeaf(abi.encodePacked(state.root));
        bytes32 root = HashPath.rootFrom(leaf, state.steps, run.leaves, state.path);
        if (run.place != 0 || root != run.root) revert NotOfRun(state.root);
    }
}
