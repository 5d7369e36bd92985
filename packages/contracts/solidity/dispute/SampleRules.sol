// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Exponential} from "./Exponential.sol";
import {FloatCore} from "./FloatCore.sol";
import {Philox} from "./Philox.sol";
import {SoftFloat as F} from "./SoftFloat.sol";
import {Draw, NO_BIAS, Rule, Table} from "./judge/Model.sol";
import {Working} from "./judge/WorkingChunks.sol";
import {Run, WordMissing, Words} from "./Words.sol";

/// The rules by which a token is chosen from its logits. Weights and counts are integers of 32 bits, sums of weights
/// binary64. Spec: tensor.md 7, dispute.md 6.
library SampleRules {
    uint256 private constant RUN = 256;
    uint256 private constant SIGN_64 = 1 << 63;
    /// From here on a binary64 rounds to an infinite binary32.
    uint256 private constant TOO_LARGE = 0x47effffff0000000;
    uint256 private constant TWO_TO_31 = 0x4f000000;
    uint256 private constant TWO_TO_MINUS_53 = 0x3ca0000000000000;

    /// How many words of a run of the answer's tokens are the group's token; or the sum of such numbers.
    function times(Working memory w, Table memory t, uint256 i) internal pure returns (uint256 sum) {
        uint256 runs = (t.b + RUN - 1) / RUN;
        (uint256 token, uint256 from) = (i / runs, i % runs * RUN);
        uint256 count = t.b - from < RUN ? t.b - from : RUN;
        bool isFirst = w.tables[t.a].rule == Rule.Source;
        Run run = w.read(t.a, isFirst ? from : token * t.b + from, count);
        for (uint256 j = 0; j < count; j++) {
            uint256 x = run.word(j);
            sum += isFirst ? (x == token ? 1 : 0) : x;
        }
        return uint32(sum);
    }

    /// The logit with the bias of its token, less the penalties for what the answer has of it.
    function adjusted(Working memory w, Table memory t, uint256 token, Draw calldata draw)
        internal
        pure
        returns (uint256 logit)
    {
        logit = w.word(t.a, token);
        if (draw.bias != NO_BIAS) logit = F.add32(logit, F.narrow64(draw.bias));
        uint256 count = t.c == 0 ? 0 : w.word(t.c - 1, token);
        if (count > 0) {
            uint256 frequency = F.widen32(F.narrow64(draw.frequencyBits));
            logit = F.sub32(logit, F.narrow64(F.mul64(F.fromInt64(int256(count)), frequency)));
            logit = F.sub32(logit, F.narrow64(draw.presenceBits));
        }
        FloatCore.unpack(logit, 23, 0xff);
    }

    /// Token of the first of the largest of a run.
    function best(Working memory w, Table memory t, uint256 i) internal pure returns (uint256) {
        Run run = runOf(w, t, i);
        uint256 top = run.word(0);
        FloatCore.unpack(top, 23, 0xff);
        uint256 at = 0;
        for (uint256 j = 1; j < run.length(); j++) {
            uint256 x = run.word(j);
            if (F.less32(top, x)) (top, at) = (x, j);
        }
        return t.c == 0 ? i * RUN + at : w.word(t.c - 1, i * RUN + at);
    }

    /// trunc(exp((l − top) ÷ T) × 2^31). A logit above the largest, which no honest working has, weighs as much as it.
    function weight(uint256 l, uint256 top, uint256 temperature) internal pure returns (uint256) {
        (uint256 wide, uint256 wideTop) = (F.widen32(l), F.widen32(top));
        if (!F.less64(wide, wideTop)) return 1 << 31;
        // what would be -∞, and so the least that exp takes, is told in binary64
        uint256 apart = F.sub64(wide, wideTop);
        if (apart - SIGN_64 >= TOO_LARGE) return 0;
        apart = F.sub32(l, top);
        uint256 quotient = F.div64(F.widen32(apart), F.widen32(temperature));
        if (quotient - SIGN_64 >= TOO_LARGE) return 0;
        return truncate(F.mul32(Exponential.exp(F.div32(apart, temperature)), TWO_TO_31));
    }

    /// Sum of a run of weights that are large enough, or of sums; binary64.
    function weightSum(Working memory w, Table memory t, uint256 i) internal pure returns (uint256 sum) {
        if (!isOfWeights(w, t)) {
            uint256[] memory sums = doublesOf(w, t, i);
            for (uint256 j = 0; j < sums.length; j++) sum = F.add64(sum, sums[j]);
            return sum;
        }
        uint256 least = t.d == 0 ? 0 : cutOf(w, t) + t.d;
        Run run = runOf(w, t, i);
        for (uint256 j = 0; j < run.length(); j++) {
            uint256 x = run.word(j);
            if (x >= least) sum += x;
        }
        return F.fromInt64(int256(sum));
    }

    /// The cut so far, with its next bit where the weights that are at least that reach the share.
    function cut(Working memory w, Table memory t, uint256 topP) internal pure returns (uint256) {
        uint256 reached = w.double(t.a, 0);
        bool isShort = F.less64(reached, F.mul64(topP, w.double(t.b, 0)));
        bool isPositive = reached != 0 && reached < SIGN_64;
        return uint32(isPositive && !isShort ? cutOf(w, t) + t.d : cutOf(w, t));
    }

    /// How many weights of a run are not 0, or are the cut; or the sum of such numbers.
    function kept(Working memory w, Table memory t, uint256 i) internal pure returns (uint256 count) {
        Run run = runOf(w, t, i);
        bool isFirst = isOfWeights(w, t);
        uint256 equal = isFirst && t.c > 0 ? cutOf(w, t) : 0;
        for (uint256 j = 0; j < run.length(); j++) count += counted(run.word(j), isFirst, t.c > 0, equal);
        return uint32(count);
    }

    /// Which of equal weights, or of runs of them, is the last that is kept, and how many come before.
    function tie(Working memory w, Table memory t, uint256 topP) internal pure returns (uint256 which, uint256 before) {
        (uint256 cut_, uint256 over) = (w.word(t.d, 0), w.double(t.e, 0));
        FloatCore.unpack(over, 52, 0x7ff);
        uint256 needed = F.mul64(topP, w.double(t.tensor, 0));
        uint256 above = 0;
        if (t.c > 0) (above, before) = (w.word(t.c - 1, 0), w.word(t.c - 1, 1));
        Run run = runOf(w, t, above);
        bool isFirst = isOfWeights(w, t);
        uint256 sum = before;
        for (uint256 j = 0; j < run.length(); j++) {
            uint256 count = counted(run.word(j), isFirst, true, cut_);
            if (count == 0) continue;
            (which, before) = (j, sum);
            sum += count;
            uint256 kept_ = F.mul64(F.fromInt64(int256(sum)), F.fromInt64(int256(cut_)));
            if (!F.less64(F.add64(over, kept_), needed)) break;
        }
        return (uint32(above * RUN + which), uint32(before));
    }

    /// The weight of a token that is kept.
    function keep(Working memory w, Table memory t, uint256 i) internal pure returns (uint256) {
        (uint256 x, uint256 cut_, uint256 last) = (w.word(t.a, i), w.word(t.b, 0), w.word(t.c, 0));
        return x > cut_ || (x == cut_ && i <= last) ? x : 0;
    }

    /// Which number of a run the draw falls on, and the sum before it.
    function walk(Working memory w, Table memory t) internal pure returns (uint256 which, uint256 before) {
        uint256 target = F.mul64(fraction(w, t.e), w.double(t.d, 0));
        uint256 run = 0;
        if (t.c > 0) (run, before) = (w.word(t.c - 1, 0), w.word(t.c - 1, 1) | w.word(t.c - 1, 2) << 32);
        FloatCore.unpack(before, 52, 0x7ff);
        uint256[] memory numbers = isOfWeights(w, t) ? widened(runOf(w, t, run)) : doublesOf(w, t, run);
        uint256 sum = before;
        for (uint256 j = 0; j < numbers.length; j++) {
            uint256 x = numbers[j];
            if (x & (SIGN_64 - 1) == 0) continue;
            (which, before) = (j, sum);
            sum = F.add64(sum, x);
            if (F.less64(target, sum)) break;
        }
        return (uint32(run * RUN + which), before);
    }

    /// Six words: token, tokens kept, their weight, the words drawn; the first highest.
    function record(Working memory w, Table memory t) internal pure returns (uint256) {
        uint256 token = w.word(t.a, 0);
        if (t.b == 0) return token << 160 | 1 << 128;
        FloatCore.unpack(w.double(t.c, 0), 52, 0x7ff);
        return token << 160 | w.word(t.e, 0) << 128 | w.unit(t.c, 0, 2) << 64 | w.unit(t.d, 0, 2);
    }

    function drawn(Draw calldata draw, uint256 i) internal pure returns (uint256) {
        (uint256 first, uint256 second) = Philox.draw(draw.seed, draw.index);
        return i == 0 ? first : second;
    }

    /// (c0 · 2^21 + ⌊c1 ÷ 2^11⌋) ÷ 2^53
    function fraction(Working memory w, uint256 table) private pure returns (uint256) {
        uint256 bits = w.word(table, 0) << 21 | w.word(table, 1) >> 11;
        return F.mul64(F.fromInt64(int256(bits)), TWO_TO_MINUS_53);
    }

    /// The integral part of a binary32 from 0 to below 2^32.
    function truncate(uint256 x) private pure returns (uint256) {
        (uint256 exponent, uint256 m) = FloatCore.unpack(x, 23, 0xff);
        return exponent < 150 ? m >> (150 - exponent) : m << (exponent - 150);
    }

    function counted(uint256 x, bool isFirst, bool isEqual, uint256 equal) private pure returns (uint256) {
        if (!isFirst) return x;
        return (isEqual ? x == equal : x > 0) ? 1 : 0;
    }

    function cutOf(Working memory w, Table memory t) private pure returns (uint256) {
        return t.c == 0 ? 0 : w.word(t.c - 1, 0);
    }

    /// Whether a table is about the weights themselves, and not about what was made of their runs.
    function isOfWeights(Working memory w, Table memory t) private pure returns (bool) {
        Rule rule = w.tables[t.a].rule;
        return rule == Rule.Weight || rule == Rule.Keep;
    }

    /// A word of the working may say which run is read: there may be none.
    function placeOf(Table memory t, uint256 i) private pure returns (uint256 from, uint256 count) {
        from = i * RUN;
        if (from >= t.b) revert WordMissing();
        count = t.b - from < RUN ? t.b - from : RUN;
    }

    function runOf(Working memory w, Table memory t, uint256 i) private pure returns (Run) {
        (uint256 from, uint256 count) = placeOf(t, i);
        return w.read(t.a, from, count);
    }

    function widened(Run run) private pure returns (uint256[] memory numbers) {
        numbers = new uint256[](run.length());
        for (uint256 j = 0; j < numbers.length; j++) numbers[j] = F.fromInt64(int256(run.word(j)));
    }

    /// A run of binary64: of twice as many words.
    function doublesOf(Working memory w, Table memory t, uint256 i) private pure returns (uint256[] memory numbers) {
        (uint256 from, uint256 count) = placeOf(t, i);
        numbers = new uint256[](count);
        for (uint256 first = 0; first < count; first += RUN / 2) {
            uint256 left = count - first < RUN / 2 ? count - first : RUN / 2;
            Run run = w.read(t.a, 2 * (from + first), 2 * left);
            for (uint256 j = 0; j < left; j++) numbers[first + j] = Words.double(run, j);
        }
    }
}
