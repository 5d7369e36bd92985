// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SoftFloat as F} from "./SoftFloat.sol";
import {Run} from "./Words.sol";

/// No such encoding of a tensor, or not for this rule.
error EncodingUnknown(uint256 encoding);
/// Not as many bytes of the file, or words of the working, as the rule takes.
error BlockLengthWrong();

/// The rules that read the model's file or its integers. Encodings have GGUF's numbers; a block is 32 values of a row.
/// Spec: tensor.md 2.2, 3.3, 3.4; dispute.md 5.
library TensorWeights {
    uint256 internal constant F32 = 0;
    uint256 internal constant F16 = 1;
    uint256 internal constant Q4_0 = 2;
    uint256 internal constant Q4_1 = 3;
    uint256 internal constant Q8_0 = 8;

    /// Smaller blocks are all zeros: 2^−100.
    uint256 private constant LEAST_TOP = 0x0d800000;
    uint256 private constant LARGEST_INTEGER = 0x46fffe00; // 32767

    /// Bytes of the file that hold one block, or of F32 and F16 one value.
    function blockBytes(uint256 encoding) internal pure returns (uint256) {
        if (encoding == Q8_0) return 34;
        if (encoding == Q4_0) return 18;
        if (encoding == Q4_1) return 20;
        return floatBytes(encoding);
    }

    function floatBytes(uint256 encoding) internal pure returns (uint256) {
        if (encoding == F32) return 4;
        if (encoding == F16) return 2;
        revert EncodingUnknown(encoding);
    }

    /// Value i, as binary32, of numbers of 4 or of 2 bytes; the bytes are there.
    function float(bytes calldata numbers, uint256 i, uint256 bytesEach) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            let x := calldataload(add(numbers.offset, mul(i, bytesEach)))
            value := or(byte(0, x), shl(8, byte(1, x)))
            if eq(bytesEach, 4) { value := or(value, or(shl(16, byte(2, x)), shl(24, byte(3, x)))) }
        }
        if (bytesEach == 2) value = F.widen16(value);
    }

    /// Embed: value i of a block, as binary32.
    /// @param data `blockBytes(encoding)` bytes; of F32 and F16 they are the value, and i is 0
    function dequantise(bytes calldata data, uint256 encoding, uint256 i) internal pure returns (uint256) {
        if (data.length != blockBytes(encoding)) revert BlockLengthWrong();
        if (encoding < Q4_0) {
            if (i != 0) revert BlockLengthWrong();
            return float(data, 0, data.length);
        }
        if (i > 31) revert BlockLengthWrong();
        uint256 value = F.mul32(float(data, 0, 2), F.fromInt32(integerAt(data, encoding, i)));
        return encoding == Q4_1 ? F.add32(value, float(data, 1, 2)) : value;
    }

    /// Term: one block of a row times one block of the quantised vector.
    /// @param data `blockBytes(encoding)` bytes of the file
    /// @param q the vector's 32 integers; @param s its scale; @param total their sum, an i32 (read with Q4_1 alone)
    function term(bytes calldata data, uint256 encoding, Run q, uint256 s, uint256 total)
        internal
        pure
        returns (uint256 value)
    {
        if (encoding < Q4_0) revert EncodingUnknown(encoding);
        if (data.length != blockBytes(encoding) || q.length() != 32) revert BlockLengthWrong();
        int256 dot;
        for (uint256 i = 0; i < 32; i++) dot += integerAt(data, encoding, i) * toInteger(q.word(i));
        value = F.mul32(float(data, 0, 2), F.fromInt32(dot));
        if (encoding == Q4_1) value = F.add32(value, F.mul32(float(data, 1, 2), F.fromInt32(toInteger(total))));
        return F.mul32(s, value);
    }

    /// Quantise: integer i of a block of 32 values, an i32.
    function quantise(Run x, uint256 i) internal pure returns (uint256) {
        uint256 top = largest(x);
        if (top < LEAST_TOP) return 0;
        int256 integer = F.nearestInt32(F.mul32(x.word(i), F.div32(LARGEST_INTEGER, top)));
        return uint256(integer) & type(uint32).max;
    }

    /// Scale of a block of 32 values.
    function scale(Run x) internal pure returns (uint256) {
        uint256 top = largest(x);
        return top < LEAST_TOP ? 0 : F.div32(top, LARGEST_INTEGER);
    }

    /// Sum of a block's 32 integers, an i32.
    function sum(Run q) internal pure returns (uint256) {
        if (q.length() != 32) revert BlockLengthWrong();
        int256 total;
        for (uint256 i = 0; i < 32; i++) total += toInteger(q.word(i));
        return uint256(total) & type(uint32).max;
    }

    /// Largest magnitude of 32 values; bit patterns of one sign are in order.
    function largest(Run x) private pure returns (uint256 top) {
        if (x.length() != 32) revert BlockLengthWrong();
        for (uint256 i = 0; i < 32; i++) {
            uint256 size = F.absolute32(x.word(i));
            if (size > top) top = size;
        }
    }

    /// qᵢ, nᵢ − 8 or nᵢ of a block.
    function integerAt(bytes calldata data, uint256 encoding, uint256 i) private pure returns (int256) {
        unchecked {
            if (encoding == Q8_0) return int256(int8(uint8(data[2 + i])));
            uint256 nibbles = uint8(data[(encoding == Q4_0 ? 2 : 4) + (i & 15)]);
            int256 n = int256(i < 16 ? nibbles & 15 : nibbles >> 4);
            return encoding == Q4_0 ? n - 8 : n;
        }
    }

    function toInteger(uint256 word) private pure returns (int256) {
        return int256(int32(uint32(word)));
    }
}
