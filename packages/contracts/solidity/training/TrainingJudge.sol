// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {NotFinite} from "../dispute/FloatCore.sol";
import {FileProof} from "../dispute/WordJudge.sol";
import {ABSENT, Model} from "../dispute/judge/Model.sol";
import {TokenRows} from "./TokenRows.sol";
import {Case, TrainedStep} from "./TrainingCase.sol";
import {Place, TableUnknown, TrainingPlan} from "./TrainingPlan.sol";
import {TrainingRules} from "./TrainingRules.sol";
import {ShownPiece, ShownTable, TrainingViews} from "./TrainingViews.sol";
import {FilesWrong} from "./TrainingWeights.sol";

/// The table that is accused is not among those shown, or not the last of them.
error AccusedNotShown();

/// Decides the accusation `word` of a training of an adapter: computes one word of one table of a step and compares. That
/// the step is the trainer's word and the model's facts true is for its caller to know. What is not shown reverts. Two
/// share the tables: `ForwardJudge` and `BackwardJudge`.
/// Spec: dispute.md 14.3, 14.8.
abstract contract TrainingJudge {
    TrainingRules private immutable RULES;

    constructor(TrainingRules rules) {
        RULES = rules;
    }

    /// @param tables rising; the last is the accused one, and of it the chunk alone that holds the word
    /// @return expected the word by its rule
    /// @return claimed that of the trace: wrong where they differ
    function compute(
        Model calldata model,
        TrainedStep calldata step,
        uint256 index,
        ShownTable[] calldata tables,
        ShownPiece[] calldata pieces,
        FileProof[] calldata files
    ) external view returns (uint256 expected, uint256 claimed) {
        Case memory c = open(model, step, tables, pieces);
        bool ragged = show(c, step, index, tables, pieces);
        if (ragged) return (0, type(uint256).max);
        claimed = c.word(tables[tables.length - 1].table, index);
        expected = ruled(c, model, step, index, files);
        if (expected & 0x7f800000 == 0x7f800000) revert NotFinite();
        if (c.weights.used != files.length) revert FilesWrong();
    }

    function open(
        Model calldata model,
        TrainedStep calldata step,
        ShownTable[] calldata tables,
        ShownPiece[] calldata pieces
    ) private view returns (Case memory c) {
        if (tables.length == 0) revert AccusedNotShown();
        // factors of rotation, which no training reads
        if (uint64(bytes8(model.tensors[24:32])) != ABSENT) revert TableUnknown();
        c.tokens = TokenRows.read(step.rows, model.vocab);
        c.plan = TrainingPlan.create(model, step.targets, step.rank, c.tokens.lengths.length);
        if (step.leaves != TrainingPlan.count(c.plan)) revert TableUnknown();
        c.place = TrainingPlan.placeOf(c.plan, tables[tables.length - 1].table);
        c.views = TrainingViews.create(tables, pieces);
        (c.weights.rules, c.weights.root) = (RULES, step.modelRoot);
        c.scale = step.scale;
        c.epsilon = model.epsilon;
    }

    function show(
        Case memory c,
        TrainedStep calldata step,
        uint256 index,
        ShownTable[] calldata tables,
        ShownPiece[] calldata pieces
    ) private pure returns (bool ragged) {
        for (uint256 i = 0; i < tables.length; i++) {
            ShownTable calldata shown = tables[i];
            Place memory place = TrainingPlan.placeOf(c.plan, shown.table);
            uint256 words =
                TrainingPlan.wordsOf(c.plan, place, c.tokens.lengths[place.row], c.tokens.places[place.row]);
            bool isAccused = i + 1 == tables.length;
            bool isWrong = c.views.addTable(shown, step.trace, step.leaves, words);
            if (!isAccused) {
                // of tables that are read the words must be there
                if (isWrong) revert TableUnknown();
                continue;
            }
            bool isOne = shown.chunks.length == 1 && shown.chunks[0].chunk == index / TrainingPlan.CHUNK_WORDS;
            if (!isOne || index >= words) revert AccusedNotShown();
            ragged = isWrong;
        }
        uint256 each = c.plan.values / TrainingPlan.CHUNK_WORDS;
        for (uint256 i = 0; i < pieces.length; i++) c.views.addPiece(pieces[i], step.top, each);
    }

    /// The word by its rule. Reverts for a table that is the other judge's.
    function ruled(
        Case memory c,
        Model calldata model,
        TrainedStep calldata step,
        uint256 i,
        FileProof[] calldata files
    ) internal view virtual returns (uint256);
}
