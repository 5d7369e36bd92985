// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Rule, Table} from "./Model.sol";

struct List {
    Table[] tables;
    uint256 count;
    uint256 chunks;
}

using TableList for List global;

/// Lays out tables one after another. Spec: dispute.md 2.1, 3.1, 3.2, 4.1.
library TableList {
    uint256 private constant RUN = 256;

    function create(uint256 tablesMax) internal pure returns (List memory list) {
        list.tables = new Table[](tablesMax);
    }

    /// The tables that were added.
    function close(List memory list) internal pure returns (Table[] memory tables) {
        (uint256 count, Table[] memory all) = (list.count, list.tables);
        tables = new Table[](count);
        for (uint256 i = 0; i < count; i++) tables[i] = all[i];
    }

    function add(List memory list, Rule rule, uint256 words, uint256 a, uint256 b) internal pure returns (uint256 last) {
        last = list.count++;
        Table memory table = list.tables[last];
        (table.rule, table.words, table.chunk, table.a, table.b) = (rule, words, list.chunks, a, b);
        list.chunks += runs(words);
    }

    function more(List memory list, uint256 c, uint256 d, uint256 e) internal pure {
        Table memory table = list.tables[list.count - 1];
        (table.c, table.d, table.e) = (c, d, e);
    }

    function reads(List memory list, uint256 tensor) internal pure {
        list.tables[list.count - 1].tensor = tensor;
    }

    function chain(List memory list, uint256 table, uint256 rowWords, uint256 rows) internal pure {
        list.add(Rule.Chain, rows * (rowWords / RUN + 1) * 8, table, rowWords);
    }

    function source(List memory list, uint256 rowWords, uint256 first, uint256 operator, uint256 rows)
        internal
        pure
        returns (uint256 last)
    {
        last = list.add(Rule.Source, rows * rowWords, operator, first);
        list.more(rowWords, 0, 0);
        list.chain(last, rowWords, rows);
    }

    /// Until each group has one word.
    function fold(List memory list, Rule rule, uint256 table, uint256 words, uint256 group)
        internal
        pure
        returns (uint256 last)
    {
        last = table;
        do {
            words = words / group * runs(group);
            last = list.add(rule, words, last, group);
            if (rule != Rule.FoldMax) rule = Rule.FoldSum;
            group = runs(group);
        } while (group > 1);
    }

    /// One to three matrices times x, side by side. @param rows of each of `matrices`
    function product(List memory list, uint256 x, uint256 columns, uint64[] memory matrices, uint256[] memory rows)
        internal
        pure
        returns (uint256)
    {
        uint256 q = 0;
        for (uint256 i = 0; i < matrices.length && q == 0; i++) if (isQuantised(matrices[i])) q = list.count;
        if (q != 0) {
            list.add(Rule.Quantise, columns, x, 0);
            list.add(Rule.Scale, columns / 32, x, 0);
            list.add(Rule.Sum, columns / 32, q, 0);
        }
        uint256[] memory parts = new uint256[](3);
        uint256[] memory ends = new uint256[](3);
        uint256 words = 0;
        for (uint256 i = 0; i < matrices.length; i++) {
            parts[i] = list.matrix(x, q, columns, matrices[i], rows[i]);
            ends[i] = words += rows[i];
        }
        if (matrices.length == 1) return parts[0];
        uint256 join = list.add(Rule.Join, words, parts[0], ends[0]);
        list.more(parts[1], ends[1], parts[2]);
        return join;
    }

    function matrix(List memory list, uint256 x, uint256 q, uint256 columns, uint64 tensor, uint256 rows)
        internal
        pure
        returns (uint256 last)
    {
        if (isQuantised(tensor)) {
            last = list.add(Rule.Term, rows * (columns / 32), q, q + 1);
            list.more(q + 2, columns, 0);
            list.reads(tensor);
            return list.fold(Rule.FoldSum, last, rows * (columns / 32), columns / 32);
        }
        last = list.add(Rule.FoldWeights, rows * runs(columns), x, columns);
        list.reads(tensor);
        return runs(columns) == 1 ? last : list.fold(Rule.FoldSum, last, rows * runs(columns), runs(columns));
    }

    function runs(uint256 words) internal pure returns (uint256) {
        return (words + RUN - 1) / RUN;
    }

    function isQuantised(uint64 tensor) private pure returns (bool) {
        return uint8(tensor) > 1;
    }
}
