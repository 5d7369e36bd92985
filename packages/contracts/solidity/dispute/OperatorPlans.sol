// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ABSENT, Draw, Model, OperatorUnknown, Rule, Table} from "./judge/Model.sol";
import {SampleTables} from "./judge/SampleTables.sol";
import {List, TableList} from "./judge/TableList.sol";

/// Which tables the working of an operator has, in order: they follow from the model's dimensions and the position, those of
/// `sample` from what the sampler is told too. Spec: dispute.md 3, 6.
contract OperatorPlans {
    uint256 private constant GUESSES = 512;
    /// No operator but `sample` has more: attention.qkv has 24.
    uint256 private constant TABLES_MAX = 40;
    uint256 private constant EMBED = 0;
    uint256 private constant OUTPUT_NORM = 1;
    uint256 private constant OUTPUT = 2;
    uint256 private constant ROPE_FREQS = 3;

    /// @param token that the step consumes; only `embed` asks for it
    function plan(Model calldata m, uint256 operator, uint256 position, uint256 token)
        external
        pure
        returns (Table[] memory)
    {
        List memory list = TableList.create(TABLES_MAX);
        uint256 body = 1 + 7 * m.layers;
        if (operator == 0) {
            if (token >= m.vocab) revert OperatorUnknown();
            uint256 out = list.add(Rule.Embed, m.width, token, m.width);
            list.reads(tensor(m, EMBED));
            list.chain(out, m.width, 1);
        } else if (operator < body) {
            planLayer(list, m, operator, position);
        } else if (operator == body) {
            planNorm(list, m, position, body - 1, tensor(m, OUTPUT_NORM));
        } else if (operator == body + 1) {
            uint64 output = tensor(m, OUTPUT);
            uint256 x = list.source(m.width, position, body, 1);
            uint64 matrix = output == ABSENT ? tensor(m, EMBED) : output;
            list.chain(single(list, x, m.width, matrix, m.vocab), m.vocab, 1);
        } else {
            revert OperatorUnknown();
        }
        return list.close();
    }

    /// Of the operator behind `logits`.
    function planSample(uint256 vocab, uint256 logits, uint256 position, Draw calldata draw)
        external
        pure
        returns (Table[] memory)
    {
        return SampleTables.plan(vocab, logits, position, draw);
    }

    function planLayer(List memory list, Model calldata m, uint256 operator, uint256 t) private pure {
        (uint256 layer, uint256 which) = ((operator - 1) / 7, (operator - 1) % 7);
        uint256 residual = 7 * layer;
        uint256 block0 = 4 + 9 * layer;
        uint256 before = operator - 1;
        if (which == 0) planNorm(list, m, t, residual, tensor(m, block0));
        else if (which == 1) planQkv(list, m, t, before, block0);
        else if (which == 2) planMix(list, m, t, before);
        else if (which == 3) planResidual(list, m, t, residual, before, m.heads * m.headSize, tensor(m, block0 + 4));
        else if (which == 4) planNorm(list, m, t, before, tensor(m, block0 + 5));
        else if (which == 5) planGate(list, m, t, before, block0);
        else planResidual(list, m, t, operator - 3, before, m.hidden, tensor(m, block0 + 8));
    }

    function planNorm(List memory list, Model calldata m, uint256 t, uint256 from, uint64 weight) private pure {
        uint256 x = list.source(m.width, t, from, 1);
        uint256 sum = list.fold(Rule.FoldSquare, x, m.width, m.width);
        uint256 inverse = list.add(Rule.InverseRms, 1, sum, m.width);
        uint256 out = list.add(Rule.Norm, m.width, x, inverse);
        list.reads(weight);
        list.chain(out, m.width, 1);
    }

    function planQkv(List memory list, Model calldata m, uint256 t, uint256 from, uint256 block0) private pure {
        uint256 x = list.source(m.width, t, from, 1);
        (uint64[] memory matrices, uint256[] memory rows) = (new uint64[](3), new uint256[](3));
        for (uint256 i = 0; i < 3; i++) {
            matrices[i] = tensor(m, block0 + 1 + i);
            rows[i] = (i == 0 ? m.heads : m.keyHeads) * m.headSize;
        }
        uint256 raw = list.product(x, m.width, matrices, rows);
        uint256 guess = list.add(Rule.Guess, 2 * GUESSES, m.rotated / 2, 0);
        uint256 power = list.add(Rule.Power, m.rotated, guess, GUESSES - 1);
        uint256 angle = list.add(Rule.Angle, m.rotated, power, 0);
        list.reads(tensor(m, ROPE_FREQS));
        uint256 turn = list.add(Rule.Turn, m.rotated, angle, m.rotated / 2);
        list.more(t, 0, 0);
        uint256 out = list.add(Rule.Rotate, rows[0] + 2 * rows[1], raw, turn);
        list.more(rows[0] + rows[1], m.headSize, m.rotated);
        list.chain(out, rows[0] + 2 * rows[1], 1);
    }

    function planMix(List memory list, Model calldata m, uint256 t, uint256 from) private pure {
        uint256 positions = t + 1;
        uint256 row = (m.heads + 2 * m.keyHeads) * m.headSize;
        uint256 rows = list.source(row, 0, from, positions);
        uint256 score = list.add(Rule.Score, m.heads * positions, rows, row);
        list.more(positions, 0, 0);
        uint256 top = list.fold(Rule.FoldMax, score, m.heads * positions, positions);
        uint256 weights = list.add(Rule.Exp, m.heads * positions, score, top);
        list.more(positions, 0, 0);
        uint256 total = list.fold(Rule.FoldSum, weights, m.heads * positions, positions);
        uint256 values = list.add(Rule.Gather, m.keyHeads * m.headSize * positions, rows, row);
        list.more(positions, 0, 0);
        uint256 groups = m.heads * m.headSize;
        uint256 runs = TableList.runs(positions);
        uint256 sum = list.add(Rule.FoldDot, groups * runs, weights, values);
        list.more(positions, m.headSize, m.heads / m.keyHeads);
        if (runs > 1) sum = list.fold(Rule.FoldSum, sum, groups * runs, runs);
        uint256 out = list.add(Rule.Mix, groups, sum, total);
        list.more(m.headSize, 0, 0);
        list.chain(out, groups, 1);
    }

    function planGate(List memory list, Model calldata m, uint256 t, uint256 from, uint256 block0) private pure {
        uint256 x = list.source(m.width, t, from, 1);
        (uint64[] memory matrices, uint256[] memory rows) = (new uint64[](2), new uint256[](2));
        (matrices[0], matrices[1]) = (tensor(m, block0 + 6), tensor(m, block0 + 7));
        rows[0] = rows[1] = m.hidden;
        uint256 both = list.product(x, m.width, matrices, rows);
        list.chain(list.add(Rule.Gate, m.hidden, both, m.hidden), m.hidden, 1);
    }

    function planResidual(
        List memory list,
        Model calldata m,
        uint256 t,
        uint256 stream,
        uint256 from,
        uint256 columns,
        uint64 matrix
    ) private pure {
        uint256 x = list.source(m.width, t, stream, 1);
        uint256 input = list.source(columns, t, from, 1);
        uint256 y = single(list, input, columns, matrix, m.width);
        list.chain(list.add(Rule.Add, m.width, x, y), m.width, 1);
    }

    function single(List memory list, uint256 x, uint256 columns, uint64 matrix, uint256 rows)
        private
        pure
        returns (uint256)
    {
        (uint64[] memory matrices, uint256[] memory each) = (new uint64[](1), new uint256[](1));
        (matrices[0], each[0]) = (matrix, rows);
        return list.product(x, columns, matrices, each);
    }

    function tensor(Model calldata m, uint256 i) private pure returns (uint64) {
        if (m.tensors.length < 8 * i + 8) revert OperatorUnknown();
        return uint64(bytes8(m.tensors[8 * i:8 * i + 8]));
    }
}
