// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FileProof} from "../dispute/WordJudge.sol";
import {Model} from "../dispute/judge/Model.sol";
import {BackwardRules} from "./BackwardRules.sol";
import {MomentReads} from "./MomentReads.sol";
import {MomentRules} from "./MomentRules.sol";
import {Case, TrainedStep} from "./TrainingCase.sol";
import {TrainingJudge} from "./TrainingJudge.sol";
import {Kind, TableUnknown} from "./TrainingPlan.sol";
import {TrainingRules} from "./TrainingRules.sol";

/// Judges gradients, their norm, moments and new values. Spec: dispute.md 14.8.
contract BackwardJudge is TrainingJudge {
    MomentRules private immutable MOMENTS;

    constructor(TrainingRules rules, MomentRules moments) TrainingJudge(rules) {
        MOMENTS = moments;
    }

    function ruled(
        Case memory c,
        Model calldata model,
        TrainedStep calldata step,
        uint256 i,
        FileProof[] calldata files
    ) internal view override returns (uint256) {
        uint256 kind = c.place.kind;
        if (kind == Kind.SQUARES) return MomentReads.squares(c, i);
        if (kind >= Kind.NEW_M && kind <= Kind.NEW_P) return MomentReads.updated(c, MOMENTS, step, i);
        bool isOther = kind <= Kind.LOSS || kind == Kind.D_TURNED || kind == Kind.D_PRODUCTS;
        if (isOther || kind >> 4 == Kind.LOW >> 4) revert TableUnknown();
        return BackwardRules.word(c, model, step.rows, files, i);
    }
}
