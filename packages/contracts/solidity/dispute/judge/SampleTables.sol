// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Draw, Rule, Table, TOKEN_OF_STEP} from "./Model.sol";
import {List, TableList} from "./TableList.sol";
import {SoftFloat as F} from "../SoftFloat.sol";

/// Lays out how a token is chosen from its logits. Spec: dispute.md 6.
library SampleTables {
    /// Of a vocabulary below 2^32: four stages a list, 35 of them where a share of the tokens is kept.
    uint256 private constant TABLES_MAX = 40;
    uint256 private constant NUCLEUS_TABLES_MAX = 216;
    /// The largest weight is 2^31.
    uint256 private constant WEIGHT_BITS = 32;

    function plan(uint256 vocab, uint256 logits, uint256 position, Draw calldata draw)
        internal
        pure
        returns (Table[] memory)
    {
        bool isNucleus = draw.temperature != 0 && F.less64(draw.topP, F.ONE_64);
        List memory list = TableList.create(isNucleus ? NUCLEUS_TABLES_MAX : TABLES_MAX);
        uint256 l = planAdjusted(list, list.source(vocab, position, logits, 1), vocab, position, draw);
        if (draw.temperature == 0) {
            planBest(list, l, vocab);
            return list.close();
        }
        uint256 top = list.fold(Rule.FoldMax, l, vocab, vocab);
        uint256 drawn = list.add(Rule.Draw, 2, 0, 0);
        uint256 v = list.add(Rule.Weight, vocab, l, top);
        if (isNucleus) v = planNucleus(list, v, vocab);
        uint256 total = sums(list, v, vocab, 0, 0);
        uint256 kept = counts(list, v, vocab, 0);
        uint256 walk = 0;
        // the stages of the sums, from the last to the list itself
        for (uint256 stage = total; stage > v; stage--) {
            walk = list.add(Rule.Walk, 3, list.tables[stage].a, list.tables[stage].b) + 1;
            list.more(stage == total ? 0 : walk - 1, total, drawn);
        }
        uint256 out = list.add(Rule.Record, 6, walk - 1, 1);
        list.more(total, drawn, kept);
        list.chain(out, 6, 1);
        return list.close();
    }

    /// The logits that a token is chosen from: those of the model, unless the request changes any.
    function planAdjusted(List memory list, uint256 l, uint256 vocab, uint256 position, Draw calldata draw)
        private
        pure
        returns (uint256)
    {
        bool isPenalised = draw.index > 0 && hasPenalty(draw.presenceBits, draw.frequencyBits);
        if (!isPenalised && !draw.isBiased) return l;
        uint256 times = isPenalised ? planTimes(list, vocab, position, draw.index) + 1 : 0;
        uint256 b = list.add(Rule.Adjusted, vocab, l, 0);
        list.more(times, 0, 0);
        return b;
    }

    /// Of penalties as binary32, which is what is taken from a logit.
    function hasPenalty(uint256 presenceBits, uint256 frequencyBits) internal pure returns (bool) {
        return F.absolute32(F.narrow64(presenceBits)) + F.absolute32(F.narrow64(frequencyBits)) > 0;
    }

    /// How often each token is among those that the last steps consumed.
    function planTimes(List memory list, uint256 vocab, uint256 position, uint256 group)
        private
        pure
        returns (uint256 table)
    {
        table = list.add(Rule.Source, group, TOKEN_OF_STEP, position + 1 - group);
        list.more(1, 0, 0);
        do {
            uint256 runs = TableList.runs(group);
            table = list.add(Rule.Times, vocab * runs, table, group);
            group = runs;
        } while (group > 1);
    }

    /// The first of the largest logits.
    function planBest(List memory list, uint256 top, uint256 left) private pure {
        uint256 best = 0;
        do {
            uint256 runs = TableList.runs(left);
            uint256 next = list.add(Rule.Best, runs, top, left);
            list.more(best, 0, 0);
            best = next + 1;
            if (runs > 1) top = list.add(Rule.FoldMax, runs, top, left);
            left = runs;
        } while (left > 1);
        list.chain(list.add(Rule.Record, 6, best - 1, 0), 6, 1);
    }

    /// The weights w of the tokens that are kept, 0 for others.
    function planNucleus(List memory list, uint256 w, uint256 count) private pure returns (uint256) {
        uint256 all = sums(list, w, count, 0, 0);
        uint256 cut = 0;
        for (uint256 bit = 1 << (WEIGHT_BITS - 1); bit > 0; bit >>= 1) {
            uint256 reached = sums(list, w, count, cut, bit);
            uint256 next = list.add(Rule.Cut, 1, reached, all);
            list.more(cut, bit, 0);
            cut = next + 1;
        }
        uint256 over = sums(list, w, count, cut, 1);
        uint256 ties = counts(list, w, count, cut);
        uint256 tie = 0;
        for (uint256 stage = ties; stage > over; stage--) {
            uint256 next = list.add(Rule.Tie, 2, list.tables[stage].a, list.tables[stage].b);
            list.more(tie, cut - 1, over);
            list.reads(all);
            tie = next + 1;
        }
        uint256 v = list.add(Rule.Keep, count, w, cut - 1);
        list.more(tie - 1, 0, 0);
        return v;
    }

    /// Sums of sums until there is one; of the first only weights that are at least `cut` and `bit`.
    function sums(List memory list, uint256 table, uint256 left, uint256 cut, uint256 bit) private pure returns (uint256) {
        do {
            uint256 runs = TableList.runs(left);
            table = list.add(Rule.WeightSum, 2 * runs, table, left);
            list.more(cut, bit, 0);
            (cut, bit, left) = (0, 0, runs);
        } while (left > 1);
        return table;
    }

    function counts(List memory list, uint256 table, uint256 left, uint256 cut) private pure returns (uint256) {
        do {
            uint256 runs = TableList.runs(left);
            table = list.add(Rule.Kept, runs, table, left);
            list.more(cut, 0, 0);
            (cut, left) = (0, runs);
        } while (left > 1);
        return table;
    }
}
