// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FloatCore} from "./FloatCore.sol";
import {NormalFloat} from "./NormalFloat.sol";

/// A number does not fit the integer that is asked for.
error NumberTooLarge();

/// binary32 and binary64 by name. A word holds the bit pattern in its low 32 or 64 bits and nothing above.
/// Every result is rounded once, to nearest even. Spec: tensor.md 1.
library SoftFloat {
    uint256 internal constant ONE_32 = 0x3f800000;
    uint256 internal constant ONE_64 = 0x3ff0000000000000;
    uint256 private constant SIGN_32 = 1 << 31;
    uint256 private constant SIGN_64 = 1 << 63;

    function add32(uint256 a, uint256 b) internal pure returns (uint256) {
        return NormalFloat.add(a, b);
    }

    function sub32(uint256 a, uint256 b) internal pure returns (uint256) {
        return NormalFloat.add(a, b ^ SIGN_32);
    }

    function mul32(uint256 a, uint256 b) internal pure returns (uint256) {
        return NormalFloat.mul(a, b);
    }

    function div32(uint256 a, uint256 b) internal pure returns (uint256) {
        return NormalFloat.div(a, b);
    }

    function sqrt32(uint256 a) internal pure returns (uint256) {
        return FloatCore.sqrt(a, 23, 0xff);
    }

    function less32(uint256 a, uint256 b) internal pure returns (bool) {
        return FloatCore.isLess(a, b, 23, 0xff);
    }

    function max32(uint256 a, uint256 b) internal pure returns (uint256) {
        return FloatCore.max(a, b, 23, 0xff);
    }

    function min32(uint256 a, uint256 b) internal pure returns (uint256) {
        return negate32(FloatCore.max(negate32(a), negate32(b), 23, 0xff));
    }

    function negate32(uint256 a) internal pure returns (uint256) {
        return a ^ SIGN_32;
    }

    function absolute32(uint256 a) internal pure returns (uint256) {
        return a & (SIGN_32 - 1);
    }

    /// Rounds an integer of less than 2^127 to the nearest binary32.
    function fromInt32(int256 value) internal pure returns (uint256) {
        return FloatCore.fromInt(value, 23, 0xff);
    }

    /// The integer nearest to a number, of two the even one; every binary32 fits.
    function nearestInt32(uint256 a) internal pure returns (int256) {
        unchecked {
            (uint256 exponent, uint256 m) = FloatCore.unpack(a, 23, 0xff);
            if (exponent >= 150) m <<= exponent - 150;
            else if (exponent < 125) m = 0; // below a quarter
            else m = nearest(m, 150 - exponent);
            return a < SIGN_32 ? int256(m) : -int256(m);
        }
    }

    /// The integral number nearest to a number, of two the even one, with the sign of the number also where it is zero.
    function nearestEven32(uint256 a) internal pure returns (uint256) {
        int256 integer = nearestInt32(a);
        return integer == 0 ? a & SIGN_32 : fromInt32(integer);
    }

    function add64(uint256 a, uint256 b) internal pure returns (uint256) {
        return FloatCore.add(a, b, 52, 0x7ff);
    }

    function sub64(uint256 a, uint256 b) internal pure returns (uint256) {
        return FloatCore.add(a, b ^ SIGN_64, 52, 0x7ff);
    }

    function mul64(uint256 a, uint256 b) internal pure returns (uint256) {
        return FloatCore.mul(a, b, 52, 0x7ff);
    }

    function div64(uint256 a, uint256 b) internal pure returns (uint256) {
        return FloatCore.div(a, b, 52, 0x7ff);
    }

    function sqrt64(uint256 a) internal pure returns (uint256) {
        return FloatCore.sqrt(a, 52, 0x7ff);
    }

    function less64(uint256 a, uint256 b) internal pure returns (bool) {
        return FloatCore.isLess(a, b, 52, 0x7ff);
    }

    function negate64(uint256 a) internal pure returns (uint256) {
        return a ^ SIGN_64;
    }

    /// Rounds an integer of less than 2^250 to the nearest binary64.
    function fromInt64(int256 value) internal pure returns (uint256) {
        return FloatCore.fromInt(value, 52, 0x7ff);
    }

    /// The largest integer not above a number below 2^63 in magnitude.
    function floorInt64(uint256 a) internal pure returns (int256) {
        unchecked {
            (uint256 exponent, uint256 m) = FloatCore.unpack(a, 52, 0x7ff);
            if (exponent >= 1023 + 63) revert NumberTooLarge();
            if (exponent >= 1075) return a < SIGN_64 ? int256(m << (exponent - 1075)) : -int256(m << (exponent - 1075));
            uint256 down = 1075 - exponent;
            // shifts by 256 and more leave zero
            int256 low = int256(m >> down);
            if (a < SIGN_64) return low;
            return uint256(low) << down == m ? -low : -low - 1;
        }
    }

    /// binary16, in the low 16 bits, to binary32: exact.
    function widen16(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 size = a & 0x7fff;
            uint256 sign = (a & 0x8000) << 16;
            // normal numbers: the same fraction, an exponent 112 larger
            if (size - 0x400 < 0x7800) return sign | ((size + 0x1c000) << 13);
            (uint256 exponent, uint256 m) = FloatCore.unpack(size, 10, 0x1f);
            return m == 0 ? sign : FloatCore.round(sign, m, exponent + 125, 10, 23, 0xff);
        }
    }

    /// binary32 to binary64: exact.
    function widen32(uint256 a) internal pure returns (uint256) {
        unchecked {
            (uint256 exponent, uint256 m) = FloatCore.unpack(a, 23, 0xff);
            uint256 sign = (a & SIGN_32) << 32;
            return m == 0 ? sign : FloatCore.round(sign, m, exponent + 925, 23, 52, 0x7ff);
        }
    }

    /// binary64 to the nearest binary32.
    function narrow64(uint256 a) internal pure returns (uint256) {
        unchecked {
            (uint256 exponent, uint256 m) = FloatCore.unpack(a, 52, 0x7ff);
            uint256 sign = (a & SIGN_64) >> 32;
            return m == 0 ? sign : FloatCore.round(sign, m, exponent - 925, 52, 23, 0xff);
        }
    }

    /// m ÷ 2^down to the nearest integer, of two the even one; 0 < down < 256.
    function nearest(uint256 m, uint256 down) private pure returns (uint256) {
        unchecked {
            return (m + ((m >> down) & 1) + (1 << (down - 1)) - 1) >> down;
        }
    }
}
