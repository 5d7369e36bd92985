// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OperatorPlans} from "./OperatorPlans.sol";
import {Draw, Model, Rule, Table, TOKEN_OF_STEP} from "./judge/Model.sol";
import {Step, StepProof, Trace} from "./judge/StepProof.sol";
import {Opening, Working, WorkingChunks} from "./judge/WorkingChunks.sol";

/// The record is not the one that the step commits to.
error RecordWrong();
/// No token is chosen there, the steps do not follow one another, or the table is no chain: nothing is shown.
error NothingShown();

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
    uint256 private constant HEAD_OPERATORS = 3;
    OperatorPlans private immutable PLANS;

    constructor(OperatorPlans plans) {
        PLANS = plans;
    }

    /// How many operators the step has.
    function count(Model calldata model, Trace calldata trace, Step calldata step)
        external
        pure
        returns (uint256 expected, uint256 claimed)
    {
        step.requireOf(trace);
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
        step.requireOf(trace);
        next.requireOf(trace);
        if (next.position != step.position + 1 || next.position < trace.promptTokens) revert NothingShown();
        if (record.length != 24) revert RecordWrong();
        if (sha256(record) != step.digestOf(7 * model.layers + HEAD_OPERATORS)) revert RecordWrong();
        return (StepProof.turn(uint32(bytes4(record))), next.token);
    }

    /// Digest of the operator whose output a row is, and the last state of the row's chain.
    /// @param draw what the sampler was told, of a working of `sample`
    /// @param source the step of the row's position
    function bound(
        Model calldata model,
        Trace calldata trace,
        AccusedRow calldata accused,
        Draw calldata draw,
        Step calldata step,
        Step calldata source,
        Opening[] calldata openings
    ) external view returns (bytes32 expected, bytes32 claimed) {
        step.requireOf(trace);
        source.requireOf(trace);
        Table[] memory tables = accused.operator == 7 * model.layers + HEAD_OPERATORS
            ? PLANS.planSample(model.vocab, accused.operator - 1, step.position, draw)
            : PLANS.plan(model, accused.operator, step.position, step.token);
        if (accused.table >= tables.length) revert NothingShown();
        Table memory table = tables[accused.table];
        if (table.rule == Rule.Source && table.a == TOKEN_OF_STEP) {
            // a token that a choice was told of
            if (source.position != table.b + accused.row) revert NothingShown();
            Working memory said = WorkingChunks.open(accused.workingRoot, tables, openings);
            return (bytes32(source.token), bytes32(said.word(accused.table, accused.row)));
        }
        if (table.rule != Rule.Chain) revert NothingShown();
        Table memory rows = tables[table.a];
        (uint256 position, uint256 operator) =
            rows.rule == Rule.Source ? (rows.b + accused.row, rows.a) : (step.position, accused.operator);
        if (source.position != position) revert NothingShown();
        Working memory w = WorkingChunks.open(accused.workingRoot, tables, openings);
        uint256 last = (accused.row + 1) * (table.b / 256 + 1) - 1;
        return (source.digestOf(operator), bytes32(w.unit(accused.table, 8 * last, 8)));
    }
}
