// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// A number would be infinite or NaN: an operand, or the rounded result.
error NotFinite();

/// IEEE 754 binary arithmetic of any format, rounded to nearest even, subnormals kept, on the EVM's words.
///
/// A format is `p`, the bits of its fraction, and `x`, its exponent field of all ones: 23 and 0xff for binary32, 52 and
/// 0x7ff for binary64. A number is its bit pattern in the low bits of a word, all others zero.
/// With its exponent field E (1 for subnormal numbers) and its fraction M (with the leading bit of normal numbers) it is
/// worth M · 2^(E − x/2 − p). Infinities and NaN are neither read nor made: `NotFinite`. Spec: tensor.md 1.
library FloatCore {
    function add(uint256 a, uint256 b, uint256 p, uint256 x) internal pure returns (uint256) {
        unchecked {
            uint256 signBit = (x + 1) << p;
            if (a & (signBit - 1) < b & (signBit - 1)) (a, b) = (b, a);
            uint256 differ = (a ^ b) & signBit;
            (uint256 exponent, uint256 m) = unpack(a, p, x);
            (uint256 lesserExponent, uint256 lesser) = unpack(b, p, x);
            // Further apart, the lesser only says that something is there: less than half of the last place.
            uint256 distance = exponent - lesserExponent;
            if (distance > p + 3) distance = p + 3;
            m = differ == 0 ? (m << distance) + lesser : (m << distance) - lesser;
            // Of opposite signs, or both zeros: −0 only as −0 + −0.
            if (m == 0) return differ == 0 ? a : 0;
            return round(a & signBit, m, exponent - distance, distance + p, p, x);
        }
    }

    function mul(uint256 a, uint256 b, uint256 p, uint256 x) internal pure returns (uint256) {
        unchecked {
            uint256 sign = (a ^ b) & ((x + 1) << p);
            (uint256 exponent, uint256 m) = unpack(a, p, x);
            (uint256 otherExponent, uint256 other) = unpack(b, p, x);
            m *= other;
            if (m == 0) return sign;
            return round(sign, m, exponent + otherExponent - (x >> 1) - p, 2 * p, p, x);
        }
    }

    function div(uint256 a, uint256 b, uint256 p, uint256 x) internal pure returns (uint256) {
        unchecked {
            uint256 sign = (a ^ b) & ((x + 1) << p);
            (uint256 exponent, uint256 m) = unpack(a, p, x);
            (uint256 divisorExponent, uint256 divisor) = unpack(b, p, x);
            if (divisor == 0) revert NotFinite();
            if (m == 0) return sign;
            // At least two bits below the last place, and a remainder sets the lowest.
            uint256 up = 2 * p + 4;
            m <<= up;
            uint256 quotient = m / divisor;
            if (quotient * divisor != m) quotient |= 1;
            return round(sign, quotient, exponent + (x >> 1) + p - divisorExponent - up, up - 1, p, x);
        }
    }

    function sqrt(uint256 a, uint256 p, uint256 x) internal pure returns (uint256) {
        unchecked {
            (uint256 exponent, uint256 m) = unpack(a, p, x);
            if (m == 0) return a;
            if (a >> p > x) revert NotFinite();
            uint256 zeroExponent = (x >> 1) + p;
            // An even exponent, and at least two bits of the root below the last place.
            uint256 up = 2 * p + 6 + ((exponent + zeroExponent) & 1);
            m <<= up;
            uint256 root = integerRoot(m);
            if (root * root != m) root |= 1;
            // The sum is above zero and even: exponent − zeroExponent − up, halved, and zeroExponent again.
            return round(0, root, (exponent + zeroExponent - up) >> 1, 0, p, x);
        }
    }

    /// a < b, where both zeros are equal.
    function isLess(uint256 a, uint256 b, uint256 p, uint256 x) internal pure returns (bool) {
        unchecked {
            unpack(a, p, x);
            unpack(b, p, x);
            uint256 signBit = (x + 1) << p;
            int256 left = int256(a & (signBit - 1));
            int256 right = int256(b & (signBit - 1));
            return (a < signBit ? left : -left) < (b < signBit ? right : -right);
        }
    }

    /// The larger; of equal ones, as both zeros are, the first.
    function max(uint256 a, uint256 b, uint256 p, uint256 x) internal pure returns (uint256) {
        return isLess(a, b, p, x) ? b : a;
    }

    /// Rounds an integer of less than 2^250.
    function fromInt(int256 value, uint256 p, uint256 x) internal pure returns (uint256) {
        unchecked {
            if (value == 0) return 0;
            (uint256 sign, uint256 m) = value < 0 ? ((x + 1) << p, uint256(-value)) : (0, uint256(value));
            return round(sign, m, (x >> 1) + p, 0, p, x);
        }
    }

    /// Exponent field (1 for subnormal numbers and zero) and fraction with the leading bit of normal numbers.
    function unpack(uint256 a, uint256 p, uint256 x) internal pure returns (uint256 exponent, uint256 m) {
        unchecked {
            exponent = (a >> p) & x;
            if (exponent == x) revert NotFinite();
            m = a & ((1 << p) - 1);
            if (exponent == 0) exponent = 1;
            else m |= 1 << p;
        }
    }

    /// The number nearest to m · 2^(exponent − x/2 − p), `sign` set.
    /// @param m above 0 and below 2^250
    /// @param exponent any integer, in two's complement
    /// @param top the bit that is expected to lead m, or the one below it; another costs more gas, and that is all
    function round(uint256 sign, uint256 m, uint256 exponent, uint256 top, uint256 p, uint256 x)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            uint256 lead = m >> top;
            uint256 down = (lead - 1 < 3 ? top + (lead >> 1) : bitLength(m) - 1) - p;
            exponent += down;
            if (int256(exponent) < 1) {
                down += 1 - exponent;
                exponent = 1;
            }
            // Half of the last place, less where the result is even. Shifts by 256 and more leave zero, as they should.
            if (int256(down) > 0) m = (m + ((m >> down) & 1) + (1 << (down - 1)) - 1) >> down;
            else m <<= 0 - down;
            // The leading bit counts in the exponent's field, and so does the bit that rounding may have added.
            m += (exponent - 1) << p;
            if (m >= x << p) revert NotFinite();
            return sign | m;
        }
    }

    function bitLength(uint256 m) internal pure returns (uint256 bits) {
        assembly ("memory-safe") {
            bits := shl(7, gt(m, 0xffffffffffffffffffffffffffffffff))
            bits := or(bits, shl(6, gt(shr(bits, m), 0xffffffffffffffff)))
            bits := or(bits, shl(5, gt(shr(bits, m), 0xffffffff)))
            bits := or(bits, shl(4, gt(shr(bits, m), 0xffff)))
            bits := or(bits, shl(3, gt(shr(bits, m), 0xff)))
            bits := or(bits, shl(2, gt(shr(bits, m), 0xf)))
            // lengths of 0 to 15
            let rest := byte(shr(bits, m), 0x0001020203030303040404040404040400000000000000000000000000000000)
            bits := add(bits, rest)
        }
    }

    /// ⌊√m⌋ for m > 0, by Newton from above.
    function integerRoot(uint256 m) private pure returns (uint256 root) {
        unchecked {
            root = 1 << ((bitLength(m) + 1) >> 1);
            for (uint256 next = (root + m / root) >> 1; next < root; next = (root + m / root) >> 1) root = next;
        }
    }
}
