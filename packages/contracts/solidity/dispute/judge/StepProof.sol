// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HashPath} from "./HashPath.sol";

/// A step does not lead to the trace's root, or has no such operator.
error StepWrong(uint256 position);

/// What a receipt commits to.
struct Trace {
    bytes32 root;
    uint256 steps;
    uint256 promptTokens;
}

/// One step with what leads it to the trace's root. @param operators digests of 32 bytes
struct Step {
    uint256 position;
    uint256 token;
    bytes operators;
    bytes32[] path;
}

using StepProof for Step global;

/// Steps of a trace, each proved by its root. Spec: tensor.md 8.
library StepProof {
    function requireOf(Step calldata step, Trace memory trace) internal pure {
        (uint256 position, uint256 id) = (step.position, step.token);
        bool isSound = position <= type(uint32).max && id <= type(uint32).max && step.operators.length % 32 == 0;
        if (!isSound) revert StepWrong(position);
        bytes32 digest = sha256(
            abi.encodePacked("weightless/step/1", turn(uint32(position)), turn(uint32(id)), step.operators)
        );
        bytes32 leaf = HashPath.hashLeaf(abi.encodePacked(digest));
        if (HashPath.rootFrom(leaf, position, trace.steps, step.path) != trace.root) revert StepWrong(position);
    }

    function digestOf(Step calldata step, uint256 operator) internal pure returns (bytes32) {
        if (operator >= step.operators.length / 32) revert StepWrong(step.position);
        return bytes32(step.operators[32 * operator:32 * operator + 32]);
    }

    /// A u32 with its bytes the other way round.
    function turn(uint32 x) internal pure returns (uint32) {
        return x << 24 | (x & 0xff00) << 8 | (x >> 8) & 0xff00 | x >> 24;
    }
}
