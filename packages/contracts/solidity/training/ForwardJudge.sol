// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FileProof} from "../dispute/WordJudge.sol";
import {Model} from "../dispute/judge/Model.sol";
import {AttentionReads} from "./AttentionReads.sol";
import {AttentionRules} from "./AttentionRules.sol";
import {ForwardRules} from "./ForwardRules.sol";
import {Case, TrainedStep} from "./TrainingCase.sol";
import {TrainingJudge} from "./TrainingJudge.sol";
import {Kind, TableUnknown} from "./TrainingPlan.sol";
import {TrainingRules} from "./TrainingRules.sol";

/// Judges tables from the embeddings to the gradient of the logits, and attention both ways. Spec: dispute.md 14.8.
contract ForwardJudge is TrainingJudge {
    AttentionRules private immutable ATTENTION;

    constructor(TrainingRules rules, AttentionRules attention) TrainingJudge(rules) {
        ATTENTION = attention;
    }

    function ruled(
        Case memory c,
        Model calldata model,
        TrainedStep calldata step,
        uint256 i,
        FileProof[] calldata files
    ) internal view override returns (uint256) {
        uint256 kind = c.place.kind;
        if (kind == Kind.MIX) return AttentionReads.mixed(c, ATTENTION, model, i);
        if (kind == Kind.D_TURNED) return AttentionReads.mixedBack(c, ATTENTION, model, i);
        if (kind == Kind.TURNED || kind == Kind.D_PRODUCTS) return AttentionReads.turned(c, ATTENTION, model, i);
        if (kind > Kind.LOSS && kind >> 4 != Kind.LOW >> 4) revert TableUnknown();
        return ForwardRules.word(c, model, step.rows, files, i);
    }
}
