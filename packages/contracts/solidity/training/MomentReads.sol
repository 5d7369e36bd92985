// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Run} from "../dispute/Words.sol";
import {MomentRules} from "./MomentRules.sol";
import {Case, TrainedStep} from "./TrainingCase.sol";
import {Kind, Plan, TrainingPlan} from "./TrainingPlan.sol";
import {TrainingViews as V} from "./TrainingViews.sol";

/// From which words a sum of squares, a moment or a new value is made. Spec: training.md 4.2.
library MomentReads {
    /// The fold of squares over all gradients, level by level.
    function squares(Case memory c, uint256 run) internal pure returns (uint256) {
        uint256 level = c.place.layer;
        uint256 words = level == 0 ? c.plan.values : TrainingPlan.squares(c.plan, level - 1);
        (uint256 from, uint256 count) = (run * 256, words - run * 256);
        if (count > 256) count = 256;
        if (level > 0) {
            uint256 below = TrainingPlan.numberBehind(c.plan, Kind.SQUARES, level - 1);
            return c.weights.rules.sum(V.bytesOf(c.views.row(below, from, count)));
        }
        Run gradients = V.allocate(count);
        for (uint256 i = 0; i < count; i++) V.put(gradients, i, gradient(c, from + i));
        return c.dot(gradients, gradients);
    }

    function updated(Case memory c, MomentRules rules, TrainedStep calldata step, uint256 i) internal pure returns (uint256) {
        uint256 kind = c.place.kind;
        if (kind == Kind.NEW_P) {
            return rules.value(
                c.word(V.LISTS, i),
                c.word(TrainingPlan.numberBehind(c.plan, Kind.NEW_M, 0), i),
                c.word(TrainingPlan.numberBehind(c.plan, Kind.NEW_V, 0), i),
                step.rate,
                step.number
            );
        }
        uint256 last = TrainingPlan.levels(c.plan) - 1;
        uint256 total = c.word(TrainingPlan.numberBehind(c.plan, Kind.SQUARES, last), 0);
        uint256 g = gradient(c, i);
        uint256 before = c.word(V.LISTS + 1 + kind - Kind.NEW_M, i);
        return kind == Kind.NEW_M ? rules.mean(g, total, before) : rules.power(g, total, before);
    }

    /// The gradient of value i of the lists, over all rows of tokens; behind the last part there is none.
    function gradient(Case memory c, uint256 i) private pure returns (uint256) {
        Plan memory plan = c.plan;
        uint256 each = TrainingPlan.partAt(plan, 1, 0);
        uint256 layer = i / each;
        if (layer >= plan.layers) return 0;
        uint256 at = i % each;
        for (uint256 t = 0; t < 7; t++) {
            if (!TrainingPlan.has(plan, t)) continue;
            uint256 words = plan.rank * TrainingPlan.columnsOf(plan, t);
            if (at < words) {
                return c.word(TrainingPlan.numberOf(plan, Kind.GRADIENT_A + t, plan.rows - 1, layer), at);
            }
            at -= words;
            words = plan.rank * TrainingPlan.rowsOf(plan, t);
            if (at < words) {
                return c.word(TrainingPlan.numberOf(plan, Kind.GRADIENT_B + t, plan.rows - 1, layer), at);
            }
            at -= words;
        }
        return 0;
    }
}
