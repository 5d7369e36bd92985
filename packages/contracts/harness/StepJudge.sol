// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OperatorPlans} from "./OperatorPlans.sol";
import {HashPath} from "./judge/HashPath.sol";
import {Model, Rule, Table} from "./judge/Model.sol";
import {Opening, Working, WorkingChunks} from "./judge/WorkingChunks.sol";

/// A step does not lead to the trace's root, or has no such operator.
error StepWrong(uint256 position);
/// The record is not the one that the step commits to.
error RecordWrong();
/// No token is chosen there, the steps do not follow one another, or the table is no chain: nothing is shown.
error NothingShown();

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

/// Last state of row `row` of chain `table` of the working of `operator` at a step.
struct AccusedRow {
    bytes32 workingRoot;
    uint256 operator;
    uint256 table;
    uint256 row;
}

/// Decides the accusations `count`, `token` and `bound`: each gives what must be and what is claimed, and is right where
/// they differ. That trace, root and facts are the provider's and the model's is for its caller to know; what is not
/// shown reverts. Spec: dispute.md 7.
contract StepJudge {
    /// Where tests put it.
    OperatorPlans private constant PLANS = OperatorPlans(0x7878787878787878787878787878787878787878);
    uint256 private constant HEAD_OPERATORS = 3;

    /// How many operators the step has.
    function count(Model calldata model, Trace calldata trace, Step calldata step)
        external
        pure
        returns (uint256 expected, uint256 claimed)
    {
        requireStep(trace, step);
        expected = 1 + 7 * model.layers + (step.position + 1 < trace.promptTokens ? 0 : HEAD_OPERATORS);
        return (expected, step.operators.length / 32);
    }

    /// Which token the step behind `step` takes.
    /// @param record 24 bytes, the output of `sample`
    function token(
        Model calldata model,
        Trace calldata trace,
        Step calldata step,
        Step calldata next,
        bytes calldata record
    ) external pure returns (uint256 expected, uint256 claimed) {
        requireStep(trace, step);
        requireStep(trace, next);
        if (next.position != step.position + 1 || next.position < trace.promptTokens) revert NothingShown();
        if (record.length != 24) revert RecordWrong();
        if (sha256(record) != digestOf(step, 7 * model.layers + HEAD_OPERATORS)) revert RecordWrong();
        return (turn(uint32(bytes4(record))), next.token);
    }

    /// Digest of the operator whose output a row is, and the last state of the row's chain.
    /// @param source the step of the row's position
    function bound(
        Model calldata model,
        Trace calldata trace,
        AccusedRow calldata accused,
        Step calldata step,
        Step calldata source,
        Opening[] calldata openings
    ) external pure returns (bytes32 expected, bytes32 claimed) {
        requireStep(trace, step);
        requireStep(trace, source);
        Table[] memory tables = PLANS.plan(model, accused.operator, step.position, step.token);
        if (accused.table >= tables.length || tables[accused.table].rule != Rule.Chain) revert NothingShown();
        Table memory chain = tables[accused.table];
        Table memory rows = tables[chain.a];
        (uint256 position, uint256 operator) =
            rows.rule == Rule.Source ? (rows.b + accused.row, rows.a) : (step.position, accused.operator);
        if (source.position != position) revert NothingShown();
        Working memory w = WorkingChunks.open(accused.workingRoot, tables, openings);
        uint256 last = (accused.row + 1) * (chain.b / 256 + 1) - 1;
        return (digestOf(source, operator), bytes32(w.unit(accused.table, 8 * last, 8)));
    }

    function requireStep(Trace calldata trace, Step calldata step) private pure {
        (uint256 position, uint256 id) = (step.position, step.token);
        bool isSound = position <= type(uint32).max && id <= type(uint32).max && step.operators.length % 32 == 0;
        if (!isSound) revert StepWrong(position);
        bytes32 digest = sha256(
            abi.encodePacked("weightless/step/1", turn(uint32(position)), turn(uint32(id)), step.operators)
        );
        bytes32 leaf = HashPath.hashLeaf(abi.encodePacked(digest));
        if (HashPath.rootFrom(leaf, position, trace.steps, step.path) != trace.root) revert StepWrong(position);
    }

    function digestOf(Step calldata step, uint256 operator) private pure returns (bytes32) {
        if (operator >= step.operators.length / 32) revert StepWrong(step.position);
        return bytes32(step.operators[32 * operator:32 * operator + 32]);
    }

    /// A u32 with its bytes the other way round.
    function turn(uint32 x) private pure returns (uint32) {
        return x << 24 | (x & 0xff00) << 8 | (x >> 8) & 0xff00 | x >> 24;
    }
}
