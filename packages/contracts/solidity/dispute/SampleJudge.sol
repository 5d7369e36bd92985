// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FloatCore} from "./FloatCore.sol";
import {OperatorPlans} from "./OperatorPlans.sol";
import {SampleRules} from "./SampleRules.sol";
import {TensorFolds} from "./TensorFolds.sol";
import {Run} from "./Words.sol";
import {RowChain} from "./RowChain.sol";
import {Accused, AccusedUnit, Unit} from "./judge/AccusedUnit.sol";
import {Draw, Rule, Table} from "./judge/Model.sol";
import {Opening, Working} from "./judge/WorkingChunks.sol";

/// Decides the accusation `word` of the operator `sample`: how the token was chosen from its logits. It reads nothing of the
/// model's file. Else as WordJudge. Spec: dispute.md 6, 7.
contract SampleJudge {
    OperatorPlans private immutable PLANS;
    RowChain private immutable CHAINS;

    constructor(OperatorPlans plans, RowChain chains) {
        (PLANS, CHAINS) = (plans, chains);
    }

    /// @param draw with the bias of the token that `accused.index` is, where the table has a word for each
    /// @param accused `operator` is the one that `sample` has in the model
    /// @return expected the unit's words by their rule, the first highest
    /// @return claimed those of the working: the unit is wrong where they differ
    function compute(uint256 vocab, Draw calldata draw, Accused calldata accused, Opening[] calldata openings)
        external
        view
        returns (uint256 expected, uint256 claimed)
    {
        Table[] memory tables = PLANS.planSample(vocab, accused.operator - 1, accused.position, draw);
        Unit memory unit = AccusedUnit.open(accused, tables, openings);
        expected = unit.table.rule == Rule.Chain
            ? unit.working.chainState(accused.table, unit.index, CHAINS)
            : computed(unit.working, unit.table, unit.index, draw);
        return (expected, unit.claimed);
    }

    function computed(Working memory w, Table memory t, uint256 i, Draw calldata draw) private pure returns (uint256) {
        Rule rule = t.rule;
        if (rule == Rule.FoldMax) return largest(w, t, i);
        if (rule == Rule.Times) return SampleRules.times(w, t, i);
        if (rule == Rule.Adjusted) return SampleRules.adjusted(w, t, i, draw);
        if (rule == Rule.Best) return SampleRules.best(w, t, i);
        if (rule == Rule.Draw) return SampleRules.drawn(draw, i);
        if (rule == Rule.Weight) return SampleRules.weight(w.word(t.a, i), w.word(t.b, 0), draw.temperature);
        if (rule == Rule.WeightSum) return halves(SampleRules.weightSum(w, t, i));
        if (rule == Rule.Cut) return SampleRules.cut(w, t, draw.topP);
        if (rule == Rule.Kept) return SampleRules.kept(w, t, i);
        if (rule == Rule.Keep) return SampleRules.keep(w, t, i);
        if (rule == Rule.Record) return SampleRules.record(w, t);
        if (rule == Rule.Tie) {
            (uint256 last, uint256 earlier) = SampleRules.tie(w, t, draw.topP);
            return last << 32 | earlier;
        }
        (uint256 which, uint256 before) = SampleRules.walk(w, t);
        return which << 64 | halves(before);
    }

    function largest(Working memory w, Table memory t, uint256 i) private pure returns (uint256 top) {
        uint256 left = t.b - 256 * i;
        Run run = w.read(t.a, 256 * i, left < 256 ? left : 256);
        top = TensorFolds.foldMax(run);
        FloatCore.unpack(top, 23, 0xff);
    }

    /// A binary64 as a unit: low half first.
    function halves(uint256 x) private pure returns (uint256) {
        FloatCore.unpack(x, 52, 0x7ff);
        return (x & type(uint32).max) << 32 | x >> 32;
    }
}
