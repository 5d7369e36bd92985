// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FloatCore} from "./FloatCore.sol";

/// binary32's `+ × ÷` for the usual case, normal numbers with a normal result, at half the gas of FloatCore, which is
/// asked about everything else: zeros, subnormal numbers, results near the ends of the range, infinities.
library NormalFloat {
    function add(uint256 a, uint256 b) internal pure returns (uint256 sum) {
        bool isUsual;
        assembly ("memory-safe") {
            // the larger first; its sign is the sum's
            let larger := a
            let lesser := b
            if lt(shl(225, a), shl(225, b)) {
                larger := b
                lesser := a
            }
            let exponent := and(shr(23, larger), 0xff)
            let lesserExponent := and(shr(23, lesser), 0xff)
            let apart := sub(exponent, lesserExponent)
            // further apart, the lesser only says that something is there: less than half of the last place
            if gt(apart, 26) { apart := 26 }
            // fractions with their leading bit and two more below, the larger's moved up; the lesser is taken away where
            // the signs differ
            lesser := mul(or(and(lesser, 0x7fffff), 0x800000), sub(4, shl(3, shr(31, xor(a, b)))))
            let m := add(shl(add(apart, 2), or(and(larger, 0x7fffff), 0x800000)), lesser)
            // the leading bit is that of the larger, the one above or the one below
            let lead := shr(add(apart, 24), m)
            let moved := add(gt(lead, 1), gt(lead, 3))
            let down := add(add(apart, moved), 1)
            exponent := sub(add(exponent, moved), 2)
            isUsual := and(and(gt(lead, 0), lt(exponent, 252)), gt(lesserExponent, 0))
            m := shr(down, add(add(m, and(shr(down, m), 1)), sub(shl(sub(down, 1), 1), 1)))
            sum := or(and(larger, 0x80000000), add(shl(23, exponent), m))
        }
        if (!isUsual) return FloatCore.add(a, b, 23, 0xff);
    }

    function mul(uint256 a, uint256 b) internal pure returns (uint256 product) {
        bool isUsual;
        assembly ("memory-safe") {
            let aLess := sub(and(shr(23, a), 0xff), 1)
            let bLess := sub(and(shr(23, b), 0xff), 1)
            let m := mul(or(and(a, 0x7fffff), 0x800000), or(and(b, 0x7fffff), 0x800000))
            let lead := shr(47, m)
            // one less than the exponent: the leading bit of m adds it
            let exponent := add(add(aLess, bLess), sub(lead, 126))
            isUsual := and(and(lt(aLess, 254), lt(bLess, 254)), lt(exponent, 252))
            let down := add(23, lead)
            m := shr(down, add(add(m, and(shr(down, m), 1)), sub(shl(sub(down, 1), 1), 1)))
            product := or(and(xor(a, b), 0x80000000), add(shl(23, exponent), m))
        }
        if (!isUsual) return FloatCore.mul(a, b, 23, 0xff);
    }

    function div(uint256 a, uint256 b) internal pure returns (uint256 quotient) {
        bool isUsual;
        assembly ("memory-safe") {
            let aLess := sub(and(shr(23, a), 0xff), 1)
            let bLess := sub(and(shr(23, b), 0xff), 1)
            let divisor := or(and(b, 0x7fffff), 0x800000)
            let m := shl(26, or(and(a, 0x7fffff), 0x800000))
            let q := div(m, divisor)
            let lead := shr(26, q)
            // a remainder sets the lowest bit
            q := or(q, gt(m, mul(q, divisor)))
            let exponent := add(sub(aLess, bLess), add(125, lead))
            isUsual := and(and(lt(aLess, 254), lt(bLess, 254)), lt(exponent, 252))
            let down := add(2, lead)
            q := shr(down, add(add(q, and(shr(down, q), 1)), sub(shl(sub(down, 1), 1), 1)))
            quotient := or(and(xor(a, b), 0x80000000), add(shl(23, exponent), q))
        }
        if (!isUsual) return FloatCore.div(a, b, 23, 0xff);
    }
}
