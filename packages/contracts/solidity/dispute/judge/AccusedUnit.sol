// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Rule, Table} from "./Model.sol";
import {Opening, Working, WorkingChunks} from "./WorkingChunks.sol";

/// The table is a source, or there is none, or no unit begins there.
error UnitUnknown();

/// Which unit of which working is said to be wrong: the one that begins at word `index` of table `table`.
struct Accused {
    bytes32 modelRoot;
    bytes32 workingRoot;
    uint256 operator;
    uint256 position;
    uint256 token;
    uint256 table;
    uint256 index;
}

/// The accused unit with what is shown of its working.
/// @param size words of the unit
/// @param index which unit of the table
/// @param claimed the words of the working, the first highest
struct Unit {
    Working working;
    Table table;
    uint256 size;
    uint256 index;
    uint256 claimed;
}

/// Finds an accused unit in the tables of its operator. Spec: dispute.md 5, 7.
library AccusedUnit {
    function open(Accused calldata accused, Table[] memory tables, Opening[] calldata openings)
        internal
        pure
        returns (Unit memory unit)
    {
        if (accused.table >= tables.length) revert UnitUnknown();
        unit.table = tables[accused.table];
        unit.size = unitWords(unit.table.rule);
        if (unit.table.rule == Rule.Source || accused.index % unit.size != 0) revert UnitUnknown();
        unit.working = WorkingChunks.open(accused.workingRoot, tables, openings);
        unit.claimed = unit.working.unit(accused.table, accused.index, unit.size);
        unit.index = accused.index / unit.size;
    }

    function unitWords(Rule rule) private pure returns (uint256) {
        if (rule == Rule.Chain) return 8;
        if (rule == Rule.Record) return 6;
        if (rule == Rule.Walk) return 3;
        bool isPair = rule == Rule.WeightSum || rule == Rule.Tie || rule == Rule.Guess || rule == Rule.Power;
        return isPair || rule == Rule.Angle ? 2 : 1;
    }
}
