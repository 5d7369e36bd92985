// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Model} from "../dispute/judge/Model.sol";

/// The step has no such table, or a model none that a contract lays out.
error TableUnknown();

/// What a step of an adapter's training is laid out from.
/// @param targets bit t for adapted product t: q, k, v, o, gate, up, down
/// @param rank padded to a multiple of eight
/// @param rows rows of tokens of the step
/// @param forward, backward tables of a layer; the lowest layer has two fewer backward
/// @param values of each list of a state
struct Plan {
    uint256 layers;
    uint256 width;
    uint256 hidden;
    uint256 query;
    uint256 key;
    uint256 vocab;
    uint256 targets;
    uint256 rank;
    uint256 rows;
    uint256 forward;
    uint256 backward;
    uint256 values;
}

/// Where a table stands. @param layer of sums of squares: the level
struct Place {
    uint256 kind;
    uint256 row;
    uint256 layer;
}

/// Kinds of tables. Those from `LOW` on are a target's each: kind + target.
library Kind {
    uint256 internal constant X = 1; // the residual stream before layer `layer`; of layer 0 the embeddings
    uint256 internal constant NORM = 2;
    uint256 internal constant PRODUCTS = 3;
    uint256 internal constant TURNED = 4;
    uint256 internal constant MIX = 5;
    uint256 internal constant RESIDUAL = 6;
    uint256 internal constant FFN_NORM = 7;
    uint256 internal constant GATE = 8;
    uint256 internal constant UP = 9;
    uint256 internal constant GATED = 10;
    uint256 internal constant LAST_NORM = 11;
    uint256 internal constant LOGITS = 12;
    uint256 internal constant LOSS = 13;
    // gradients of those above
    uint256 internal constant D_LAST_NORM = 14;
    uint256 internal constant D_X = 15;
    uint256 internal constant D_GATED = 16;
    uint256 internal constant D_GATE = 17;
    uint256 internal constant D_UP = 18;
    uint256 internal constant D_FFN_NORM = 19;
    uint256 internal constant D_RESIDUAL = 20;
    uint256 internal constant D_MIX = 21;
    uint256 internal constant D_TURNED = 22;
    uint256 internal constant D_PRODUCTS = 23;
    uint256 internal constant D_NORM = 24;
    uint256 internal constant SQUARES = 25;
    uint256 internal constant NEW_M = 26;
    uint256 internal constant NEW_V = 27;
    uint256 internal constant NEW_P = 28;
    uint256 internal constant LOW = 0x80;
    uint256 internal constant D_LOW = 0x90;
    uint256 internal constant GRADIENT_B = 0xa0;
    uint256 internal constant GRADIENT_A = 0xb0;
}

/// Numbers, sizes and places of the tables of a step. Spec: dispute.md 11.2, 14.1.
library TrainingPlan {
    /// Kinds of a layer in order. The last one forward is the stream before the layer above.
    bytes private constant FORWARD = hex"02808182030405830607840885090a8601";
    bytes private constant BACKWARD = hex"96a6b610111294a4b495a5b5131493a3b315161790a0b091a1b192a2b2180f";
    /// Behind the layers forward: LAST_NORM, LOGITS, LOSS, D_LAST_NORM, D_X of the uppermost.
    uint256 private constant MIDDLE = 5;
    uint256 internal constant CHUNK_WORDS = 1024;
    uint256 internal constant ROW_WORDS_MAX = 1 << 20;

    function create(Model calldata model, uint256 targets, uint256 rank, uint256 rows)
        internal
        pure
        returns (Plan memory plan)
    {
        if (model.layers == 0 || targets == 0 || targets > 0x7f || rank == 0 || rows == 0) revert TableUnknown();
        plan.layers = model.layers;
        plan.width = model.width;
        plan.hidden = model.hidden;
        plan.query = model.heads * model.headSize;
        plan.key = model.keyHeads * model.headSize;
        plan.vocab = model.vocab;
        plan.targets = targets;
        plan.rank = (rank + 7) / 8 * 8;
        plan.rows = rows;
        plan.forward = countBefore(plan, FORWARD, 0);
        plan.backward = countBefore(plan, BACKWARD, 0);
        uint256 each = 0;
        for (uint256 t = 0; t < 7; t++) {
            if (targets >> t & 1 == 1) each += plan.rank * (columnsOf(plan, t) + rowsOf(plan, t));
        }
        plan.values = (each * plan.layers + CHUNK_WORDS - 1) / CHUNK_WORDS * CHUNK_WORDS;
    }

    /// How many tables the step has.
    function count(Plan memory plan) internal pure returns (uint256) {
        return perRow(plan) * plan.rows + levels(plan) + 3;
    }

    /// How often squares are summed until one number is left.
    function levels(Plan memory plan) internal pure returns (uint256 many) {
        for (uint256 words = plan.values; words > 1; many++) words = (words + 255) / 256;
    }

    /// Sums of squares of a level.
    function squares(Plan memory plan, uint256 level) internal pure returns (uint256 words) {
        words = plan.values;
        for (uint256 i = 0; i <= level; i++) words = (words + 255) / 256;
    }

    function placeOf(Plan memory plan, uint256 number) internal pure returns (Place memory place) {
        uint256 each = perRow(plan);
        if (number >= each * plan.rows) {
            uint256 at = number - each * plan.rows;
            uint256 many = levels(plan);
            if (at >= many + 3) revert TableUnknown();
            return at < many ? Place(Kind.SQUARES, 0, at) : Place(Kind.NEW_M + at - many, 0, 0);
        }
        place.row = number / each;
        uint256 within = number % each;
        if (within == 0) {
            place.kind = Kind.X;
            return place;
        }
        within--;
        if (within < plan.layers * plan.forward) {
            place.layer = within / plan.forward;
            place.kind = kindAt(plan, FORWARD, within % plan.forward);
            if (place.kind == Kind.X) place.layer++;
            return place;
        }
        within -= plan.layers * plan.forward;
        if (within < MIDDLE) {
            place.kind = Kind.LAST_NORM + within;
            place.layer = plan.layers;
            return place;
        }
        within -= MIDDLE;
        place.layer = plan.layers - 1 - within / plan.backward;
        place.kind = kindAt(plan, BACKWARD, within % plan.backward);
    }

    /// Number of a table of a row. @param layer of X and D_X as many as there are layers too
    function numberOf(Plan memory plan, uint256 kind, uint256 row, uint256 layer) internal pure returns (uint256) {
        uint256 start = row * perRow(plan);
        uint256 middle = start + 1 + plan.layers * plan.forward;
        if (kind == Kind.X) return start + layer * plan.forward;
        if (kind >= Kind.LAST_NORM && kind <= Kind.D_LAST_NORM) return middle + kind - Kind.LAST_NORM;
        if (kind == Kind.D_X && layer == plan.layers) return middle + 4;
        if (kind < Kind.LAST_NORM || kind >> 4 == Kind.LOW >> 4) {
            return start + 1 + layer * plan.forward + countBefore(plan, FORWARD, kind);
        }
        return middle + MIDDLE + (plan.layers - 1 - layer) * plan.backward + countBefore(plan, BACKWARD, kind);
    }

    /// Number of a table behind the rows.
    function numberBehind(Plan memory plan, uint256 kind, uint256 level) internal pure returns (uint256) {
        uint256 start = perRow(plan) * plan.rows;
        return kind == Kind.SQUARES ? start + level : start + levels(plan) + kind - Kind.NEW_M;
    }

    /// Words of a table. @param length tokens of the row @param places how many of them count
    function wordsOf(Plan memory plan, Place memory place, uint256 length, uint256 places)
        internal
        pure
        returns (uint256)
    {
        uint256 kind = place.kind;
        if (kind >= Kind.GRADIENT_A) return plan.rank * columnsOf(plan, kind - Kind.GRADIENT_A);
        if (kind >= Kind.GRADIENT_B) return plan.rank * rowsOf(plan, kind - Kind.GRADIENT_B);
        if (kind >= Kind.NEW_M && kind <= Kind.NEW_P) return plan.values;
        if (kind == Kind.SQUARES) return squares(plan, place.layer);
        bool isOfPlaces = kind >= Kind.LAST_NORM && kind <= Kind.D_LAST_NORM;
        return widthOf(plan, kind) * (isOfPlaces ? places : length);
    }

    /// Words of a row of a table.
    function widthOf(Plan memory plan, uint256 kind) internal pure returns (uint256) {
        if (kind >= Kind.LOW) return plan.rank;
        if (kind == Kind.LOGITS || kind == Kind.LOSS) return plan.vocab;
        if (kind == Kind.MIX || kind == Kind.D_MIX) return plan.query;
        if (kind >= Kind.GATE && kind <= Kind.GATED) return plan.hidden;
        if (kind >= Kind.D_GATED && kind <= Kind.D_UP) return plan.hidden;
        bool isAll = kind == Kind.PRODUCTS || kind == Kind.TURNED || kind == Kind.D_TURNED || kind == Kind.D_PRODUCTS;
        return isAll ? plan.query + 2 * plan.key : plan.width;
    }

    /// Inputs of a target.
    function columnsOf(Plan memory plan, uint256 target) internal pure returns (uint256) {
        return target == 3 ? plan.query : target == 6 ? plan.hidden : plan.width;
    }

    /// Outputs of a target.
    function rowsOf(Plan memory plan, uint256 target) internal pure returns (uint256) {
        if (target == 0) return plan.query;
        if (target < 3) return plan.key;
        return target == 4 || target == 5 ? plan.hidden : plan.width;
    }

    /// Where A of a target begins in the lists; B follows it.
    function partAt(Plan memory plan, uint256 layer, uint256 target) internal pure returns (uint256 at) {
        uint256 within = 0;
        for (uint256 t = 0; t < 7; t++) {
            if (t == target) within = at;
            if (plan.targets >> t & 1 == 1) at += plan.rank * (columnsOf(plan, t) + rowsOf(plan, t));
        }
        return layer * at + within;
    }

    function has(Plan memory plan, uint256 target) internal pure returns (bool) {
        return plan.targets >> target & 1 == 1;
    }

    function perRow(Plan memory plan) private pure returns (uint256) {
        return 1 + MIDDLE + plan.layers * (plan.forward + plan.backward) - 2;
    }

    /// How many kinds of a layer come before this one; before 0, of which there is none, all.
    function countBefore(Plan memory plan, bytes memory order, uint256 kind) private pure returns (uint256 many) {
        for (uint256 i = 0; i < order.length; i++) {
            uint256 other = uint8(order[i]);
            if (other == kind) return many;
            if (other < Kind.LOW || has(plan, other & 15)) many++;
        }
        if (kind != 0) revert TableUnknown();
    }

    function kindAt(Plan memory plan, bytes memory order, uint256 index) private pure returns (uint256 kind) {
        for (uint256 i = 0; i < order.length; i++) {
            kind = uint8(order[i]);
            if (kind >= Kind.LOW && !has(plan, kind & 15)) continue;
            if (index == 0) return kind;
            index--;
        }
        revert TableUnknown();
    }
}
