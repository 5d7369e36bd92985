// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FileProof} from "../dispute/WordJudge.sol";
import {Run} from "../dispute/Words.sol";
import {Model} from "../dispute/judge/Model.sol";
import {TokenRows} from "./TokenRows.sol";
import {Case} from "./TrainingCase.sol";
import {Kind, TrainingPlan} from "./TrainingPlan.sol";
import {TrainingViews as V} from "./TrainingViews.sol";
import {TrainingWeights as W} from "./TrainingWeights.sol";

/// From which words one of a table backward is made: gradients of operators' inputs, and of adapters the sums so far.
/// Spec: training.md 3.4, dispute.md 11.2, 14.1.
library BackwardRules {
    function word(Case memory c, Model calldata model, bytes calldata rows, FileProof[] calldata files, uint256 i)
        internal
        pure
        returns (uint256)
    {
        uint256 kind = c.place.kind;
        if (kind >= Kind.GRADIENT_A) return learntA(c, kind - Kind.GRADIENT_A, i);
        if (kind >= Kind.GRADIENT_B) return learntB(c, kind - Kind.GRADIENT_B, i);
        uint256 columns = TrainingPlan.widthOf(c.plan, kind);
        (uint256 t, uint256 column) = (i / columns, i % columns);
        if (kind >= Kind.D_LOW) return low(c, kind - Kind.D_LOW, t, column);
        if (kind == Kind.D_GATE || kind == Kind.D_UP) return gate(c, i);
        if (kind == Kind.D_LAST_NORM) {
            Run y = c.row(c.source(Kind.LOSS), t, c.plan.vocab);
            return c.dot(y, c.weights.column(model, files, W.OUTPUT, c.plan.vocab, columns, column));
        }
        if (kind == Kind.D_RESIDUAL) {
            uint256 passed = normBack(c, model, files, W.FFN_NORM, t, column);
            return c.add(c.word(c.sourceAt(Kind.D_X, c.place.layer + 1), i), passed);
        }
        if (kind == Kind.D_X) {
            if (c.place.layer == c.plan.layers) return last(c, model, rows, files, t, column);
            uint256 passed = normBack(c, model, files, W.ATTENTION_NORM, t, column);
            return c.add(c.word(c.source(Kind.D_RESIDUAL), i), passed);
        }
        if (kind == Kind.D_GATED) return back(c, model, files, 6, 6, t, column);
        if (kind == Kind.D_FFN_NORM) return back(c, model, files, 4, 5, t, column);
        if (kind == Kind.D_MIX) return back(c, model, files, 3, 3, t, column);
        // what is left is D_NORM
        return back(c, model, files, 0, 2, t, column);
    }

    /// Sums of transposed products of one input, in order: of each target the matrix, then its adapter's part.
    function back(
        Case memory c,
        Model calldata model,
        FileProof[] calldata files,
        uint256 target,
        uint256 end,
        uint256 t,
        uint256 column
    ) private pure returns (uint256 sum) {
        for (uint256 first = target; target <= end; target++) {
            (uint256 height, uint256 width) =
                (TrainingPlan.rowsOf(c.plan, target), TrainingPlan.columnsOf(c.plan, target));
            uint256 tensor = W.matrixOf(c.place.layer, target);
            uint256 part = c.dot(
                gradientRow(c, target, t), c.weights.column(model, files, tensor, height, width, column)
            );
            sum = target == first ? part : c.add(sum, part);
            if (!TrainingPlan.has(c.plan, target)) continue;
            Run d = c.row(c.source(Kind.D_LOW + target), t, c.plan.rank);
            sum = c.add(sum, c.dot(d, c.columnOfA(target, column)));
        }
    }

    function gradientRow(Case memory c, uint256 target, uint256 t) private pure returns (Run) {
        (uint256 table, uint256 columns, uint256 first) = c.gradientOf(target);
        return c.views.row(table, t * columns + first, TrainingPlan.rowsOf(c.plan, target));
    }

    /// (dy·B) × s.
    function low(Case memory c, uint256 target, uint256 t, uint256 column) private pure returns (uint256) {
        return c.weights.rules.multiply(c.dot(gradientRow(c, target, t), c.columnOfB(target, column)), c.scale);
    }

    /// Gradient of B: that of the rows before, and the sum over this row's positions of dy × h, h = low × s.
    function learntB(Case memory c, uint256 target, uint256 i) private pure returns (uint256) {
        uint256 rank = c.plan.rank;
        (uint256 table, uint256 columns, uint256 first) = c.gradientOf(target);
        Run y = c.views.column(table, first + i / rank, columns, c.length());
        Run h = c.views.column(c.source(Kind.LOW + target), i % rank, rank, c.length());
        h = V.runOf(c.weights.rules.scaled(V.bytesOf(h), c.scale));
        return c.add(earlier(c, i), c.dot(y, h));
    }

    /// Gradient of A: that of the rows before, and the sum over this row's positions of d.low × x.
    function learntA(Case memory c, uint256 target, uint256 i) private pure returns (uint256) {
        uint256 columns = TrainingPlan.columnsOf(c.plan, target);
        Run d = c.views.column(c.source(Kind.D_LOW + target), i / columns, c.plan.rank, c.length());
        Run x = c.views.column(c.inputOf(target), i % columns, columns, c.length());
        return c.add(earlier(c, i), c.dot(d, x));
    }

    function earlier(Case memory c, uint256 i) private pure returns (uint256) {
        if (c.place.row == 0) return 0;
        return c.word(TrainingPlan.numberOf(c.plan, c.place.kind, c.place.row - 1, c.place.layer), i);
    }

    /// gate or up from the gradient of their product.
    function gate(Case memory c, uint256 i) private pure returns (uint256) {
        uint256 g = c.word(c.source(Kind.GATE), i);
        uint256 d = c.word(c.source(Kind.D_GATED), i);
        if (c.place.kind == Kind.D_UP) return c.weights.rules.upBack(g, d);
        return c.weights.rules.gateBack(g, c.word(c.source(Kind.UP), i), d);
    }

    /// Of the uppermost stream: nothing where the next token does not count.
    function last(
        Case memory c,
        Model calldata model,
        bytes calldata rows,
        FileProof[] calldata files,
        uint256 t,
        uint256 column
    ) private pure returns (uint256) {
        (bool counts, uint256 index) = TokenRows.indexOf(c.tokens, rows, c.place.row, t);
        if (!counts) return 0;
        Run dy = c.row(c.source(Kind.D_LAST_NORM), index, c.plan.width);
        return c.add(0, through(c, model, files, W.LAST_NORM, c.source(Kind.X), dy, t, column));
    }

    function normBack(
        Case memory c,
        Model calldata model,
        FileProof[] calldata files,
        uint256 norm,
        uint256 t,
        uint256 column
    ) private pure returns (uint256) {
        bool isFeedForward = norm == W.FFN_NORM;
        uint256 x = c.source(isFeedForward ? Kind.RESIDUAL : Kind.X);
        Run dy = c.row(c.source(isFeedForward ? Kind.D_FFN_NORM : Kind.D_NORM), t, c.plan.width);
        return through(c, model, files, norm + 9 * c.place.layer, x, dy, t, column);
    }

    /// What normalisation adds to the gradient of its input.
    function through(
        Case memory c,
        Model calldata model,
        FileProof[] calldata files,
        uint256 tensor,
        uint256 x,
        Run dy,
        uint256 t,
        uint256 column
    ) private pure returns (uint256) {
        uint256 width = c.plan.width;
        Run weight = c.weights.elements(model, files, tensor, 0, width);
        bytes memory row = V.bytesOf(c.row(x, t, width));
        return c.weights.rules.normBack(row, V.bytesOf(dy), V.bytesOf(weight), column, c.epsilon);
    }
}
