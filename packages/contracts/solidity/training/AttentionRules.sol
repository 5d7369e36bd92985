// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Exponential} from "../dispute/Exponential.sol";
import {SoftFloat as F} from "../dispute/SoftFloat.sol";
import {TensorFolds} from "../dispute/TensorFolds.sol";
import {TensorPoints} from "../dispute/TensorPoints.sol";
import {Trigonometry} from "../dispute/Trigonometry.sol";
import {Run} from "../dispute/Words.sol";
import {TrainingFolds} from "./TrainingFolds.sol";
import {TrainingViews} from "./TrainingViews.sol";

/// Attention of one head of a row of tokens, forward and backward, and its rotations. Words are binary32, four bytes each,
/// big-endian; positions one after another. Called by `TrainingJudge` with what it has proved. Spec: tensor.md 3.5, 3.6,
/// training.md 3.4.
contract AttentionRules {
    uint256 private constant GUESSES_MAX = 500;

    /// A value of `mix`. @param query of the position @param keys of all positions up to it @param column a value of each
    function mix(bytes memory query, bytes memory keys, bytes memory column) external pure returns (uint256) {
        (Run e, uint256 z) = soften(TrainingViews.runOf(query), TrainingViews.runOf(keys));
        return F.div32(TrainingFolds.dot(e, TrainingViews.runOf(column)), z);
    }

    /// Gradient of a value of a query. @param column that value of all keys up to the position
    function queryBack(
        bytes memory query,
        bytes memory keys,
        bytes memory values,
        bytes memory dMix,
        bytes memory column
    ) external pure returns (uint256) {
        (, Run slopes) = softenBack(TrainingViews.runOf(query), TrainingViews.runOf(keys), TrainingViews.runOf(values), TrainingViews.runOf(dMix));
        return TrainingFolds.dot(slopes, TrainingViews.runOf(column));
    }

    /// Part of one head in the gradient of a value `d` of a key or of a value at position j: over all positions, of which
    /// those before j give nothing.
    function sharedBack(
        bytes memory queries,
        bytes memory keys,
        bytes memory values,
        bytes memory dMixes,
        uint256 size,
        uint256 j,
        uint256 d,
        bool isKey
    ) external pure returns (uint256) {
        (Run q, Run k, Run v, Run m) = (TrainingViews.runOf(queries), TrainingViews.runOf(keys), TrainingViews.runOf(values), TrainingViews.runOf(dMixes));
        uint256 length = q.length() / size;
        Run shares = TrainingViews.allocate(length);
        Run others = TrainingViews.allocate(length);
        for (uint256 t = 0; t < length; t++) {
            TrainingViews.put(shares, t, 0);
            TrainingViews.put(others, t, 0);
            if (t < j) continue;
            uint256 until = (t + 1) * size;
            (Run p, Run slopes) =
                softenBack(q.slice(t * size, size), k.slice(0, until), v.slice(0, until), m.slice(t * size, size));
            TrainingViews.put(shares, t, isKey ? slopes.word(j) : p.word(j));
            TrainingViews.put(others, t, isKey ? q.word(t * size + d) : m.word(t * size + d));
        }
        return TrainingFolds.dot(shares, others);
    }

    /// A value of a pair, turned by a position's angle, or back.
    /// @param value, other the value itself and the other of its pair @param isSecond whether it is the second of them
    function turn(
        uint256 value,
        uint256 other,
        bool isSecond,
        bool isBack,
        uint256 position,
        uint256 pair,
        uint256 rotated,
        uint256 base
    ) external pure returns (uint256) {
        uint256 ratio = rootOf(F.div64(F.ONE_64, F.widen32(base)), rotated / 2);
        uint256 angle = F.ONE_64;
        for (uint256 i = 0; i < pair; i++) angle = F.mul64(angle, ratio);
        (uint256 cosine, uint256 sine) = TensorPoints.turn(angle, position);
        if (isSecond == isBack) sine = F.negate32(sine);
        return F.add32(F.mul32(value, cosine), F.mul32(other, sine));
    }

    function rootOf(uint256 value, uint256 degree) private pure returns (uint256 guess) {
        guess = F.ONE_64;
        for (uint256 i = 0; i < GUESSES_MAX; i++) {
            uint256 next = Trigonometry.nextGuess(guess, value, degree);
            if (next == guess) return guess;
            guess = next;
        }
    }

    /// Exponentials of a query's scores less the largest, and their sum.
    function soften(Run query, Run keys) private pure returns (Run e, uint256 z) {
        uint256 size = query.length();
        uint256 count = keys.length() / size;
        uint256 factor = factorOf(size);
        e = TrainingViews.allocate(count);
        for (uint256 j = 0; j < count; j++) {
            TrainingViews.put(e, j, F.mul32(TensorFolds.foldDot(query, keys.slice(j * size, size)), factor));
        }
        uint256 top = TrainingFolds.max(e);
        for (uint256 j = 0; j < count; j++) TrainingViews.put(e, j, Exponential.exp(F.sub32(e.word(j), top)));
        z = TrainingFolds.sum(e);
    }

    /// Shares of a query, and gradients of its scores times the factor that scores have.
    function softenBack(Run query, Run keys, Run values, Run dMix) private pure returns (Run p, Run slopes) {
        uint256 size = query.length();
        uint256 z;
        (p, z) = soften(query, keys);
        uint256 count = p.length();
        slopes = TrainingViews.allocate(count);
        for (uint256 j = 0; j < count; j++) {
            TrainingViews.put(p, j, F.div32(p.word(j), z));
            TrainingViews.put(slopes, j, TensorFolds.foldDot(dMix, values.slice(j * size, size)));
        }
        uint256 mean = TrainingFolds.dot(p, slopes);
        uint256 factor = factorOf(size);
        for (uint256 j = 0; j < count; j++) {
            uint256 slope = F.mul32(p.word(j), F.sub32(slopes.word(j), mean));
            TrainingViews.put(slopes, j, F.mul32(slope, factor));
        }
    }

    function factorOf(uint256 size) private pure returns (uint256) {
        return F.narrow64(F.div64(F.ONE_64, F.sqrt64(F.fromInt64(int256(size)))));
    }
}
