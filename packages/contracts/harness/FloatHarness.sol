// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SoftFloat} from "../dispute/SoftFloat.sol";

/// Runs one operation of SoftFloat on many operands, for tests.
contract FloatHarness {
    /// @param operands pairs of eight bytes; unary operations take the first of each
    /// @return results eight bytes each
    function run(uint256 operation, bytes calldata operands) external pure returns (bytes memory results) {
        uint256 count = operands.length / 16;
        results = new bytes(count * 8);
        for (uint256 i = 0; i < count; i++) {
            uint256 a = uint64(bytes8(operands[16 * i:]));
            uint256 b = uint64(bytes8(operands[16 * i + 8:]));
            uint256 result = operation < 16 ? apply32(operation, a, b) : apply64(operation, a, b);
            assembly ("memory-safe") {
                // eight bytes after each: the last ones lie in the next word, which is free memory
                mstore(add(add(results, 32), mul(i, 8)), shl(192, result))
            }
        }
    }

    /// Gas of `rounds` runs of one operation on the same operands, loop included.
    function gasOf(uint256 operation, uint256 a, uint256 b, uint256 rounds) external view returns (uint256 gasUsed) {
        uint256 sink;
        gasUsed = gasleft();
        for (uint256 i = 0; i < rounds; i++) {
            sink |= operation < 16 ? apply32(operation, a, b) : apply64(operation, a, b);
        }
        gasUsed -= gasleft();
        require(sink != type(uint256).max);
    }

    function apply32(uint256 operation, uint256 a, uint256 b) private pure returns (uint256) {
        if (operation == 0) return a;
        if (operation == 1) return SoftFloat.add32(a, b);
        if (operation == 2) return SoftFloat.sub32(a, b);
        if (operation == 3) return SoftFloat.mul32(a, b);
        if (operation == 4) return SoftFloat.div32(a, b);
        if (operation == 5) return SoftFloat.sqrt32(a);
        if (operation == 6) return SoftFloat.less32(a, b) ? 1 : 0;
        if (operation == 7) return SoftFloat.max32(a, b);
        if (operation == 8) return SoftFloat.min32(a, b);
        if (operation == 9) return SoftFloat.nearestEven32(a);
        if (operation == 10) return SoftFloat.fromInt32(int64(uint64(a)));
        if (operation == 11) return uint64(int64(SoftFloat.nearestInt32(a)));
        if (operation == 12) return SoftFloat.widen16(a);
        if (operation == 13) return SoftFloat.widen32(a);
        return SoftFloat.narrow64(a);
    }

    function apply64(uint256 operation, uint256 a, uint256 b) private pure returns (uint256) {
        if (operation == 16) return SoftFloat.add64(a, b);
        if (operation == 17) return SoftFloat.sub64(a, b);
        if (operation == 18) return SoftFloat.mul64(a, b);
        if (operation == 19) return SoftFloat.div64(a, b);
        if (operation == 20) return SoftFloat.sqrt64(a);
        if (operation == 21) return SoftFloat.less64(a, b) ? 1 : 0;
        if (operation == 22) return SoftFloat.fromInt64(int64(uint64(a)));
        return uint64(int64(SoftFloat.floorInt64(a)));
    }
}
