// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Exponential} from "../dispute/Exponential.sol";
import {SoftFloat as F} from "../dispute/SoftFloat.sol";
import {TensorPoints} from "../dispute/TensorPoints.sol";
import {TensorWeights} from "../dispute/TensorWeights.sol";
import {Run} from "../dispute/Words.sol";
import {TrainingFolds} from "./TrainingFolds.sol";
import {TrainingViews as V} from "./TrainingViews.sol";

/// Rules of a training that are no attention and no update: words are binary32; where there are many, four bytes each,
/// big-endian. Called by `TrainingJudge` with what it has proved. Spec: training.md 3, dispute.md 11.2, 14.1.
contract TrainingRules {
    function dot(bytes memory a, bytes memory b) external pure returns (uint256) {
        return TrainingFolds.dot(V.runOf(a), V.runOf(b));
    }

    function sum(bytes memory terms) external pure returns (uint256) {
        return TrainingFolds.sum(V.runOf(terms));
    }

    function add(uint256 a, uint256 b) external pure returns (uint256) {
        return F.add32(a, b);
    }

    /// Each word times one.
    function scaled(bytes memory words, uint256 scale) external pure returns (bytes memory) {
        Run run = V.runOf(words);
        for (uint256 i = 0; i < run.length(); i++) V.put(run, i, F.mul32(run.word(i), scale));
        return words;
    }

    function multiply(uint256 a, uint256 b) external pure returns (uint256) {
        return F.mul32(a, b);
    }

    /// 1 ÷ count.
    function share(uint256 count) external pure returns (uint256) {
        return F.narrow64(F.div64(F.ONE_64, F.fromInt64(int256(count))));
    }

    /// Value `column` of a row, normalised.
    function norm(bytes memory row, uint256 column, bytes memory weight, uint256 epsilon)
        external
        pure
        returns (uint256)
    {
        Run x = V.runOf(row);
        uint256 k = TensorPoints.inverseRms(TrainingFolds.dot(x, x), x.length(), epsilon);
        return TensorPoints.norm(x.word(column), k, V.runOf(weight).word(0));
    }

    /// What normalisation adds to the gradient of its input.
    function normBack(
        bytes memory row,
        bytes memory gradients,
        bytes memory weights,
        uint256 column,
        uint256 epsilon
    ) external pure returns (uint256) {
        (Run x, Run slopes, Run weight) = (V.runOf(row), V.runOf(gradients), V.runOf(weights));
        uint256 width = x.length();
        for (uint256 i = 0; i < width; i++) V.put(slopes, i, F.mul32(weight.word(i), slopes.word(i)));
        uint256 k = TensorPoints.inverseRms(TrainingFolds.dot(x, x), width, epsilon);
        uint256 factor = F.mul32(F.mul32(F.mul32(k, k), k), TrainingFolds.dot(slopes, x));
        uint256 part = F.div32(factor, F.fromInt32(int256(width)));
        return F.sub32(F.mul32(k, slopes.word(column)), F.mul32(x.word(column), part));
    }

    function gate(uint256 g, uint256 u) external pure returns (uint256) {
        return TensorPoints.gate(g, u);
    }

    /// Gradient of the gate from that of its product with u.
    function gateBack(uint256 g, uint256 u, uint256 d) external pure returns (uint256) {
        uint256 s = sigmoid(g);
        uint256 slope = F.add32(F.ONE_32, F.mul32(g, F.sub32(F.ONE_32, s)));
        return F.mul32(F.mul32(d, u), F.mul32(s, slope));
    }

    /// Gradient of what the gate is multiplied with.
    function upBack(uint256 g, uint256 d) external pure returns (uint256) {
        return F.mul32(d, F.mul32(g, sigmoid(g)));
    }

    /// The gradient of logit v: its share, less 1 for the token that comes next, by the share of each counted token.
    function loss(bytes memory row, uint256 v, bool isNext, uint256 factor) external pure returns (uint256 part) {
        Run e = V.runOf(row);
        uint256 top = TrainingFolds.max(e);
        for (uint256 i = 0; i < e.length(); i++) V.put(e, i, Exponential.exp(F.sub32(e.word(i), top)));
        part = F.div32(e.word(v), TrainingFolds.sum(e));
        if (isNext) part = F.sub32(part, F.ONE_32);
        return F.mul32(part, factor);
    }

    /// All elements of whole blocks of the file.
    function widen(bytes calldata data, uint256 encoding) external pure returns (bytes memory words) {
        uint256 each = TensorWeights.blockBytes(encoding);
        uint256 values = encoding < TensorWeights.Q4_0 ? 1 : 32;
        uint256 blocks = data.length / each;
        words = new bytes(4 * blocks * values + 32);
        Run run = V.runOf(words);
        for (uint256 i = 0; i < blocks; i++) {
            bytes calldata part = data[i * each:i * each + each];
            if (values == 1) V.put(run, i, TensorWeights.float(part, 0, each));
            else if (encoding == TensorWeights.Q8_0) eight(run, i * 32, part);
            else four(run, i * 32, part, encoding);
        }
        assembly ("memory-safe") {
            mstore(words, shl(2, mul(blocks, values)))
        }
    }

    /// Column `index` of a matrix.
    function widenColumn(bytes calldata data, uint256 encoding, uint256 rows, uint256 columns, uint256 index)
        external
        pure
        returns (bytes memory words)
    {
        uint256 each = TensorWeights.blockBytes(encoding);
        uint256 values = encoding < TensorWeights.Q4_0 ? 1 : 32;
        Run run = V.allocate(rows);
        for (uint256 r = 0; r < rows; r++) {
            uint256 from = (r * columns + index) / values * each;
            V.put(run, r, TensorWeights.dequantise(data[from:from + each], encoding, index % values));
        }
        return V.bytesOf(run);
    }

    function sigmoid(uint256 g) private pure returns (uint256) {
        return F.div32(F.ONE_32, F.add32(F.ONE_32, Exponential.exp(F.negate32(g))));
    }

    function eight(Run run, uint256 to, bytes calldata data) private pure {
        for (uint256 i = 0; i < 32; i++) V.put(run, to + i, TensorWeights.dequantise(data, TensorWeights.Q8_0, i));
    }

    /// Of four bits there are sixteen values, each made once.
    function four(Run run, uint256 to, bytes calldata data, uint256 encoding) private pure {
        uint256[16] memory known;
        uint256 scale = TensorWeights.float(data, 0, 2);
        bool isOne = encoding == TensorWeights.Q4_1;
        for (uint256 n = 0; n < 16; n++) {
            uint256 value = F.mul32(scale, F.fromInt32(isOne ? int256(n) : int256(n) - 8));
            known[n] = isOne ? F.add32(value, TensorWeights.float(data, 1, 2)) : value;
        }
        for (uint256 i = 0; i < 32; i++) {
            uint256 nibbles = uint8(data[(isOne ? 4 : 2) + (i & 15)]);
            V.put(run, to + i, known[i < 16 ? nibbles & 15 : nibbles >> 4]);
        }
    }
}
