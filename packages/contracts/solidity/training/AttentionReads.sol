// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Model} from "../dispute/judge/Model.sol";
import {AttentionRules} from "./AttentionRules.sol";
import {Case} from "./TrainingCase.sol";
import {Kind, TrainingPlan} from "./TrainingPlan.sol";
import {TrainingViews as V} from "./TrainingViews.sol";

/// From which words one of attention or of its rotations is made, both ways. Spec: training.md 3.4.
library AttentionReads {
    function turned(Case memory c, AttentionRules rules, Model calldata model, uint256 i) internal pure returns (uint256) {
        bool isBack = c.place.kind == Kind.D_PRODUCTS;
        uint256 from = c.source(isBack ? Kind.D_TURNED : Kind.PRODUCTS);
        uint256 columns = TrainingPlan.widthOf(c.plan, c.place.kind);
        (uint256 within, uint256 value) = (i % columns, c.word(from, i));
        uint256 d = within % model.headSize;
        if (within >= c.plan.query + c.plan.key || d >= model.rotated) return value;
        uint256 other = c.word(from, i ^ 1);
        bool isSecond = d & 1 == 1;
        return rules.turn(
            value, other, isSecond, isBack, i / columns, d / 2, model.rotated, model.ropeBase
        );
    }

    function mixed(Case memory c, AttentionRules rules, Model calldata model, uint256 i) internal pure returns (uint256) {
        (uint256 t, uint256 within) = (i / c.plan.query, i % c.plan.query);
        uint256 size = model.headSize;
        uint256 keyHead = within / size / (model.heads / model.keyHeads);
        uint256 all = c.plan.query + 2 * c.plan.key;
        uint256 from = c.source(Kind.TURNED);
        uint256 value = c.plan.query + c.plan.key + keyHead * size + within % size;
        return rules.mix(
            V.bytesOf(c.views.row(from, t * all + within / size * size, size)),
            rowsOf(c, from, all, c.plan.query + keyHead * size, size, t + 1),
            V.bytesOf(c.views.column(from, value, all, t + 1))
        );
    }

    function mixedBack(Case memory c, AttentionRules rules, Model calldata model, uint256 i) internal pure returns (uint256 sum) {
        uint256 all = c.plan.query + 2 * c.plan.key;
        (uint256 t, uint256 within) = (i / all, i % all);
        (uint256 size, uint256 share) = (model.headSize, model.heads / model.keyHeads);
        if (within < c.plan.query) return queryBack(c, rules, t, within, size, share);
        bool isKey = within < c.plan.query + c.plan.key;
        uint256 keyHead = (within - c.plan.query - (isKey ? 0 : c.plan.key)) / size;
        for (uint256 head = keyHead * share; head < keyHead * share + share; head++) {
            uint256 part = sharedBack(c, rules, head, keyHead, size, t, within % size, isKey);
            sum = head == keyHead * share ? part : c.add(sum, part);
        }
    }

    function queryBack(Case memory c, AttentionRules rules, uint256 t, uint256 within, uint256 size, uint256 share)
        private
        pure
        returns (uint256)
    {
        (uint256 all, uint256 from) = (c.plan.query + 2 * c.plan.key, c.source(Kind.TURNED));
        uint256 keyAt = c.plan.query + within / size / share * size;
        uint256 headAt = within / size * size;
        return rules.queryBack(
            V.bytesOf(c.views.row(from, t * all + headAt, size)),
            rowsOf(c, from, all, keyAt, size, t + 1),
            rowsOf(c, from, all, keyAt + c.plan.key, size, t + 1),
            V.bytesOf(c.views.row(c.source(Kind.D_MIX), t * c.plan.query + headAt, size)),
            V.bytesOf(c.views.column(from, keyAt + within % size, all, t + 1))
        );
    }

    function sharedBack(
        Case memory c,
        AttentionRules rules,
        uint256 head,
        uint256 keyHead,
        uint256 size,
        uint256 j,
        uint256 d,
        bool isKey
    ) private pure returns (uint256) {
        (uint256 all, uint256 from) = (c.plan.query + 2 * c.plan.key, c.source(Kind.TURNED));
        (uint256 length, uint256 keyAt) = (c.length(), c.plan.query + keyHead * size);
        return rules.sharedBack(
            rowsOf(c, from, all, head * size, size, length),
            rowsOf(c, from, all, keyAt, size, length),
            rowsOf(c, from, all, keyAt + c.plan.key, size, length),
            rowsOf(c, c.source(Kind.D_MIX), c.plan.query, head * size, size, length),
            size,
            j,
            d,
            isKey
        );
    }

    /// `size` words of each row of a table, from word `first` of the row on, end to end.
    function rowsOf(Case memory c, uint256 from, uint256 columns, uint256 first, uint256 size, uint256 many)
        private
        pure
        returns (bytes memory all)
    {
        all = new bytes(4 * size * many);
        for (uint256 t = 0; t < many; t++) {
            uint256 part = c.views.row(from, t * columns + first, size).start();
            assembly ("memory-safe") {
                let bytes_ := shl(2, size)
                mcopy(add(add(all, 32), mul(t, bytes_)), part, bytes_)
            }
        }
    }
}
