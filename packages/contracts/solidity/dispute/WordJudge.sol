// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OperatorPlans} from "./OperatorPlans.sol";
import {Accused, AccusedUnit, Unit, UnitUnknown} from "./judge/AccusedUnit.sol";
import {ABSENT, Model, Rule, Table} from "./judge/Model.sol";
import {Opening, Working} from "./judge/WorkingChunks.sol";
import {FileSector} from "./FileSector.sol";
import {NotFinite} from "./FloatCore.sol";
import {RowChain} from "./RowChain.sol";
import {SoftFloat as F} from "./SoftFloat.sol";
import {TensorFolds} from "./TensorFolds.sol";
import {TensorPoints} from "./TensorPoints.sol";
import {TensorWeights} from "./TensorWeights.sol";
import {Run} from "./Words.sol";

/// Sectors of the model's file that hold what the rule reads of it; nothing for rules that read none.
struct FileProof {
    bytes sectors;
    bytes32[] siblings;
}

/// Decides the accusation `word`: computes one unit of a working and compares. That the root is the provider's word, the
/// token the step's and the model's facts true is for its caller to know. What is not shown reverts. Spec: dispute.md 5, 7.
contract WordJudge {
    OperatorPlans private immutable PLANS;
    RowChain private immutable CHAINS;
    /// 2^62, as binary64.
    uint256 private constant ANGLE_END = 0x43d0000000000000;

    constructor(OperatorPlans plans, RowChain chains) {
        (PLANS, CHAINS) = (plans, chains);
    }

    /// @return expected the unit's words by their rule, the first highest
    /// @return claimed those of the working: the unit is wrong where they differ
    function compute(
        Model calldata model,
        Accused calldata accused,
        Opening[] calldata openings,
        FileProof calldata file
    ) external view returns (uint256 expected, uint256 claimed) {
        Table[] memory tables = PLANS.plan(model, accused.operator, accused.position, accused.token);
        Unit memory unit = AccusedUnit.open(accused, tables, openings);
        (Working memory w, Table memory t, uint256 i) = (unit.working, unit.table, unit.index);
        claimed = unit.claimed;
        if (t.rule == Rule.Chain) return (w.chainState(accused.table, i, CHAINS), claimed);
        if (unit.size == 2) return (halves(doubleOf(model, accused, w, t, i, file)), claimed);
        if (t.rule == Rule.Quantise) return (TensorWeights.quantise(w.read(t.a, i / 32 * 32, 32), i % 32), claimed);
        if (t.rule == Rule.Sum) return (TensorWeights.sum(w.read(t.a, i * 32, 32)), claimed);
        expected = t.tensor == 0 ? computed(model, w, t, i) : weighed(model, accused, w, t, i, file);
        if (F.absolute32(expected) >= 0x7f800000) revert NotFinite();
    }

    /// A binary64 as a unit: low half first.
    function halves(uint256 x) private pure returns (uint256) {
        if ((x >> 52) & 0x7ff == 0x7ff) revert NotFinite();
        return (x & type(uint32).max) << 32 | x >> 32;
    }

    /// Guess, Power, Angle.
    function doubleOf(
        Model calldata model,
        Accused calldata accused,
        Working memory w,
        Table memory t,
        uint256 i,
        FileProof calldata file
    ) private pure returns (uint256) {
        if (t.rule == Rule.Angle) {
            uint256 power = w.double(t.a, i);
            if (t.tensor == ABSENT) return power;
            uint256 each = TensorWeights.floatBytes(uint8(t.tensor));
            return TensorPoints.angle(power, TensorWeights.float(bytesOf(model, accused, t, i, 1, file), 0, each));
        }
        if (i == 0) return F.ONE_64;
        uint256 previous = w.double(accused.table, i - 1);
        if (t.rule == Rule.Power) return TensorPoints.power(previous, w.double(t.a, t.b));
        return TensorPoints.guess(previous, model.ropeBase, t.a);
    }

    /// Rules of words of the working alone.
    function computed(Model calldata model, Working memory w, Table memory t, uint256 i)
        private
        pure
        returns (uint256)
    {
        Rule rule = t.rule;
        if (rule == Rule.FoldSum || rule == Rule.FoldMax || rule == Rule.FoldSquare) {
            (uint256 from, uint256 count) = runOf(i, t.b);
            Run run = w.read(t.a, from, count);
            if (rule == Rule.FoldSum) return TensorFolds.foldSum(run);
            return rule == Rule.FoldMax ? TensorFolds.foldMax(run) : TensorFolds.foldSquare(run);
        }
        if (rule == Rule.FoldDot) return dotOf(w, t, i);
        if (rule == Rule.Score) return scoreOf(model, w, t, i);
        if (rule == Rule.Gather) {
            return w.word(t.a, i % t.c * t.b + (model.heads + model.keyHeads) * model.headSize + i / t.c);
        }
        if (rule == Rule.Rotate) return rotated(w, t, i);
        if (rule == Rule.Turn) return turnOf(w, t, i);
        if (rule == Rule.Join) {
            if (i < t.b) return w.word(t.a, i);
            return i < t.d ? w.word(t.c, i - t.b) : w.word(t.e, i - t.d);
        }
        if (rule == Rule.Scale) return TensorWeights.scale(w.read(t.a, i * 32, 32));
        if (rule == Rule.InverseRms) return TensorPoints.inverseRms(w.word(t.a, 0), t.b, model.epsilon);
        if (rule == Rule.Exp) return TensorPoints.exp(w.word(t.a, i), w.word(t.b, i / t.c));
        if (rule == Rule.Mix) return TensorPoints.mix(w.word(t.a, i), w.word(t.b, i / t.c));
        if (rule == Rule.Add) return TensorPoints.add(w.word(t.a, i), w.word(t.b, i));
        if (rule == Rule.Gate) return TensorPoints.gate(w.word(t.a, i), w.word(t.a, t.b + i));
        revert UnitUnknown();
    }

    /// Rules that read the model's file.
    function weighed(
        Model calldata model,
        Accused calldata accused,
        Working memory w,
        Table memory t,
        uint256 i,
        FileProof calldata file
    ) private pure returns (uint256) {
        uint256 encoding = uint8(t.tensor);
        if (t.rule == Rule.FoldWeights) {
            (uint256 from, uint256 count) = runOf(i, t.b);
            bytes calldata weights = bytesOf(model, accused, t, from, count, file);
            return TensorFolds.foldWeights(w.read(t.a, from % t.b, count), weights, encoding);
        }
        if (t.rule == Rule.Norm) {
            bytes calldata weight = bytesOf(model, accused, t, i, 1, file);
            uint256 each = TensorWeights.floatBytes(encoding);
            return TensorPoints.norm(w.word(t.a, i), w.word(t.b, 0), TensorWeights.float(weight, 0, each));
        }
        if (t.rule == Rule.Embed) {
            // a block of 32 values, or one value
            uint256 values = encoding > 1 ? 32 : 1;
            bytes calldata data = bytesOf(model, accused, t, (t.a * t.b + i) / values, 1, file);
            return TensorWeights.dequantise(data, encoding, i % values);
        }
        uint256 k = i % (t.d / 32);
        bytes calldata data_ = bytesOf(model, accused, t, i, 1, file);
        return TensorWeights.term(data_, encoding, w.read(t.a, k * 32, 32), w.word(t.b, k), w.word(t.c, k));
    }

    /// Blocks, or of F32 and F16 values, `first` to `first + count` of the rule's tensor.
    function bytesOf(
        Model calldata model,
        Accused calldata accused,
        Table memory t,
        uint256 first,
        uint256 count,
        FileProof calldata file
    ) private pure returns (bytes calldata) {
        uint256 each = TensorWeights.blockBytes(uint8(t.tensor));
        uint256 from = (t.tensor >> 8) + first * each;
        return FileSector.open(accused.modelRoot, model.fileBytes, from, count * each, file.sectors, file.siblings);
    }

    /// First word and length of the run that word i of a fold is of.
    function runOf(uint256 i, uint256 group) private pure returns (uint256 from, uint256 count) {
        uint256 runs = (group + 255) / 256;
        uint256 within = i % runs * 256;
        count = group - within;
        return (i / runs * group + within, count < 256 ? count : 256);
    }

    function dotOf(Working memory w, Table memory t, uint256 i) private pure returns (uint256) {
        (uint256 from, uint256 count) = runOf(i, t.c);
        (uint256 group, uint256 within) = (from / t.c, from % t.c);
        uint256 row = group / t.d / t.e * t.d + group % t.d;
        Run weights = w.read(t.a, group / t.d * t.c + within, count);
        return TensorFolds.foldDot(weights, w.read(t.b, row * t.c + within, count));
    }

    function scoreOf(Model calldata model, Working memory w, Table memory t, uint256 i) private pure returns (uint256) {
        (uint256 head, uint256 j) = (i / t.c, i % t.c);
        Run query = w.read(t.a, (t.c - 1) * t.b + head * model.headSize, model.headSize);
        uint256 keyHead = model.heads + head * model.keyHeads / model.heads;
        return TensorFolds.score(query, w.read(t.a, j * t.b + keyHead * model.headSize, model.headSize));
    }

    function rotated(Working memory w, Table memory t, uint256 i) private pure returns (uint256) {
        uint256 d = i % t.d;
        if (i >= t.c || d >= t.e) return w.word(t.a, i);
        Run pair = w.read(t.a, i - (d & 1), 2);
        (uint256 cosine, uint256 sine) = (w.word(t.b, d / 2), w.word(t.b, t.e / 2 + d / 2));
        return d & 1 == 1
            ? TensorPoints.rotateSecond(pair.word(0), pair.word(1), cosine, sine)
            : TensorPoints.rotateFirst(pair.word(0), pair.word(1), cosine, sine);
    }

    function turnOf(Working memory w, Table memory t, uint256 i) private pure returns (uint256) {
        uint256 angle = w.double(t.a, i % t.b);
        if (F.mul64(F.fromInt64(int256(t.c)), angle) >= ANGLE_END) revert NotFinite();
        (uint256 cosine, uint256 sine) = TensorPoints.turn(angle, t.c);
        return i < t.b ? cosine : sine;
    }
}
