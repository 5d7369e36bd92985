// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Run} from "../dispute/Words.sol";
import {TokenList} from "./TokenRows.sol";
import {Kind, Place, Plan, TrainingPlan} from "./TrainingPlan.sol";
import {TrainingViews, Views} from "./TrainingViews.sol";
import {Weights} from "./TrainingWeights.sol";

/// A step of which a word is in question. Whoever decides by it must know these of the trainer's own word.
/// @param trace root over its tables, of which there are `leaves`
/// @param top hash over the lists of the state before it
/// @param number of the step, from 0
/// @param targets bit t for target t @param rank as the trainer was told
/// @param scale, rate alpha ÷ rank and the learning rate, binary32
/// @param rows its rows of tokens, as their digest takes them in
struct TrainedStep {
    bytes32 modelRoot;
    bytes32 trace;
    uint256 leaves;
    bytes32 top;
    uint256 number;
    uint256 targets;
    uint256 rank;
    uint256 scale;
    uint256 rate;
    bytes rows;
}

/// What rules read beside the model's file.
struct Case {
    Plan plan;
    Place place;
    TokenList tokens;
    Views views;
    Weights weights;
    uint256 scale;
    uint256 epsilon;
}

using TrainingCase for Case global;

/// Tables of the row and layer in question, by kind.
library TrainingCase {
    function source(Case memory c, uint256 kind) internal pure returns (uint256) {
        return TrainingPlan.numberOf(c.plan, kind, c.place.row, c.place.layer);
    }

    /// The same of another layer.
    function sourceAt(Case memory c, uint256 kind, uint256 layer) internal pure returns (uint256) {
        return TrainingPlan.numberOf(c.plan, kind, c.place.row, layer);
    }

    function length(Case memory c) internal pure returns (uint256) {
        return c.tokens.lengths[c.place.row];
    }

    function word(Case memory c, uint256 from, uint256 i) internal pure returns (uint256) {
        return c.views.word(from, i);
    }

    function dot(Case memory c, Run a, Run b) internal pure returns (uint256) {
        return c.weights.rules.dot(TrainingViews.bytesOf(a), TrainingViews.bytesOf(b));
    }

    function add(Case memory c, uint256 a, uint256 b) internal pure returns (uint256) {
        return c.weights.rules.add(a, b);
    }

    /// Row t of a table whose rows have so many words.
    function row(Case memory c, uint256 from, uint256 t, uint256 columns) internal pure returns (Run) {
        return c.views.row(from, t * columns, columns);
    }

    /// Row `index` of A of a target.
    function rowOfA(Case memory c, uint256 target, uint256 index) internal pure returns (Run) {
        uint256 columns = TrainingPlan.columnsOf(c.plan, target);
        uint256 at = TrainingPlan.partAt(c.plan, c.place.layer, target);
        return c.views.row(TrainingViews.LISTS, at + index * columns, columns);
    }

    function columnOfA(Case memory c, uint256 target, uint256 index) internal pure returns (Run) {
        uint256 columns = TrainingPlan.columnsOf(c.plan, target);
        uint256 at = TrainingPlan.partAt(c.plan, c.place.layer, target);
        return c.views.column(TrainingViews.LISTS, at + index, columns, c.plan.rank);
    }

    function rowOfB(Case memory c, uint256 target, uint256 index) internal pure returns (Run) {
        return c.views.row(TrainingViews.LISTS, startOfB(c, target) + index * c.plan.rank, c.plan.rank);
    }

    function columnOfB(Case memory c, uint256 target, uint256 index) internal pure returns (Run) {
        uint256 rows = TrainingPlan.rowsOf(c.plan, target);
        return c.views.column(TrainingViews.LISTS, startOfB(c, target) + index, c.plan.rank, rows);
    }

    function startOfB(Case memory c, uint256 target) private pure returns (uint256) {
        uint256 at = TrainingPlan.partAt(c.plan, c.place.layer, target);
        return at + c.plan.rank * TrainingPlan.columnsOf(c.plan, target);
    }

    /// Table that a target's product reads.
    function inputOf(Case memory c, uint256 target) internal pure returns (uint256) {
        if (target < 3) return source(c, Kind.NORM);
        if (target == 3) return source(c, Kind.MIX);
        return source(c, target == 6 ? Kind.GATED : Kind.FFN_NORM);
    }

    /// Where the gradient of its output is: the words of a row of that table, and the first that is its own.
    function gradientOf(Case memory c, uint256 target)
        internal
        pure
        returns (uint256 table, uint256 columns, uint256 first)
    {
        Plan memory plan = c.plan;
        if (target == 6) return (sourceAt(c, Kind.D_X, c.place.layer + 1), plan.width, 0);
        if (target == 3) return (source(c, Kind.D_RESIDUAL), plan.width, 0);
        if (target > 3) return (source(c, target == 4 ? Kind.D_GATE : Kind.D_UP), plan.hidden, 0);
        first = target == 0 ? 0 : target == 1 ? plan.query : plan.query + plan.key;
        return (source(c, Kind.D_PRODUCTS), plan.query + 2 * plan.key, first);
    }
}
