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

/// From which words one of a table forward is made, from the embeddings to the gradient of the logits.
/// Spec: training.md 3, dispute.md 11.2.
library ForwardRules {
    function word(Case memory c, Model calldata model, bytes calldata rows, FileProof[] calldata files, uint256 i)
        internal
        pure
        returns (uint256)
    {
        uint256 kind = c.place.kind;
        uint256 columns = TrainingPlan.widthOf(c.plan, kind);
        (uint256 t, uint256 column) = (i / columns, i % columns);
        if (kind == Kind.LOSS) return loss(c, rows, t, column);
        if (kind == Kind.GATED) {
            return c.weights.rules.gate(c.word(c.source(Kind.GATE), i), c.word(c.source(Kind.UP), i));
        }
        if (kind >= Kind.LOW) {
            uint256 target = kind - Kind.LOW;
            Run x = c.row(c.inputOf(target), t, TrainingPlan.columnsOf(c.plan, target));
            return c.dot(x, c.rowOfA(target, column));
        }
        if (kind == Kind.NORM || kind == Kind.FFN_NORM || kind == Kind.LAST_NORM) {
            return norm(c, model, rows, files, t, column);
        }
        if (kind == Kind.LOGITS) {
            uint256 width = c.plan.width;
            Run x = c.row(c.source(Kind.LAST_NORM), t, width);
            return c.dot(x, c.weights.elements(model, files, W.OUTPUT, column * width, width));
        }
        if (kind == Kind.X && c.place.layer == 0) {
            uint256 token = TokenRows.tokenAt(c.tokens, rows, c.place.row, t);
            return c.weights.elements(model, files, W.EMBEDDING, token * c.plan.width + column, 1).word(0);
        }
        return multiplied(c, model, files, i, t, column);
    }

    /// Tables that are products with a target's matrix, and the stream that they are added to.
    function multiplied(
        Case memory c,
        Model calldata model,
        FileProof[] calldata files,
        uint256 i,
        uint256 t,
        uint256 column
    ) private pure returns (uint256) {
        uint256 kind = c.place.kind;
        if (kind == Kind.PRODUCTS) {
            (uint256 query, uint256 key) = (c.plan.query, c.plan.key);
            if (column < query) return times(c, model, files, 0, t, column);
            if (column < query + key) return times(c, model, files, 1, t, column - query);
            return times(c, model, files, 2, t, column - query - key);
        }
        if (kind == Kind.GATE) return times(c, model, files, 4, t, column);
        if (kind == Kind.UP) return times(c, model, files, 5, t, column);
        if (kind == Kind.RESIDUAL) return c.add(times(c, model, files, 3, t, column), c.word(c.source(Kind.X), i));
        // what is left is X, the stream before a layer, made in the one below
        c.place.layer--;
        return c.add(times(c, model, files, 6, t, column), c.word(c.source(Kind.RESIDUAL), i));
    }

    /// W·x, and with an adapter + s × (B·(A·x)).
    function times(
        Case memory c,
        Model calldata model,
        FileProof[] calldata files,
        uint256 target,
        uint256 t,
        uint256 row
    ) private pure returns (uint256 product) {
        uint256 columns = TrainingPlan.columnsOf(c.plan, target);
        Run x = c.row(c.inputOf(target), t, columns);
        product = c.dot(
            x, c.weights.elements(model, files, W.matrixOf(c.place.layer, target), row * columns, columns)
        );
        if (!TrainingPlan.has(c.plan, target)) return product;
        uint256 part = c.dot(c.row(c.source(Kind.LOW + target), t, c.plan.rank), c.rowOfB(target, row));
        return c.add(product, c.weights.rules.multiply(c.scale, part));
    }

    function norm(
        Case memory c,
        Model calldata model,
        bytes calldata rows,
        FileProof[] calldata files,
        uint256 t,
        uint256 column
    ) private pure returns (uint256) {
        (uint256 kind, uint256 width) = (c.place.kind, c.plan.width);
        uint256 tensor = W.LAST_NORM;
        if (kind == Kind.LAST_NORM) t = TokenRows.placeAt(c.tokens, rows, c.place.row, t);
        else tensor = 9 * c.place.layer + (kind == Kind.NORM ? W.ATTENTION_NORM : W.FFN_NORM);
        Run x = c.row(c.source(kind == Kind.FFN_NORM ? Kind.RESIDUAL : Kind.X), t, width);
        Run weight = c.weights.elements(model, files, tensor, column, 1);
        return c.weights.rules.norm(V.bytesOf(x), column, V.bytesOf(weight), c.epsilon);
    }

    function loss(Case memory c, bytes calldata rows, uint256 index, uint256 v) private pure returns (uint256) {
        bytes memory logits = V.bytesOf(c.row(c.source(Kind.LOGITS), index, c.plan.vocab));
        uint256 place = TokenRows.placeAt(c.tokens, rows, c.place.row, index);
        bool isNext = TokenRows.tokenAt(c.tokens, rows, c.place.row, place + 1) == v;
        return c.weights.rules.loss(logits, v, isNext, c.weights.rules.share(c.tokens.counted));
    }
}
