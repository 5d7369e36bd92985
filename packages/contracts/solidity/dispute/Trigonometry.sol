// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SoftFloat as F} from "./SoftFloat.sol";

/// What the engine's rotations are made of, in binary64, bit for bit. Spec: tensor.md 3.5.
library Trigonometry {
    uint256 private constant HALF = 0x3fe0000000000000;
    uint256 private constant HALF_PI = 0x3ff921fb54442d18;
    uint256 private constant HALF_PI_TAIL = 0x3c91a62633145c07;

    /// Newton's next guess at the root of a degree; the guess itself where the next is not less.
    /// @param value binary64, whose root it is
    /// @param degree 1 to 128; gas grows with it
    function nextGuess(uint256 guess, uint256 value, uint256 degree) internal pure returns (uint256) {
        uint256 power = F.ONE_64;
        for (uint256 i = 1; i < degree; i++) power = F.mul64(power, guess);
        uint256 slope = F.mul64(F.fromInt64(int256(degree)), power);
        uint256 next = F.sub64(guess, F.div64(F.sub64(F.mul64(power, guess), value), slope));
        return F.less64(next, guess) ? next : guess;
    }

    /// Sine and cosine of an angle from 0 to 2^62, by its distance to the nearest multiple of π/2.
    function sineCosine(uint256 angle) internal pure returns (uint256 sine, uint256 cosine) {
        int256 turns = F.floorInt64(F.add64(F.div64(angle, HALF_PI), HALF));
        (sine, cosine) = nearZero(reduce(angle, F.fromInt64(turns)));
        uint256 quarter = uint256(turns) & 3;
        if (quarter & 1 != 0) (sine, cosine) = (cosine, F.negate64(sine));
        if (quarter & 2 != 0) (sine, cosine) = (F.negate64(sine), F.negate64(cosine));
    }

    function reduce(uint256 angle, uint256 turns) private pure returns (uint256) {
        return F.sub64(F.sub64(angle, F.mul64(turns, HALF_PI)), F.mul64(turns, HALF_PI_TAIL));
    }

    /// Both series, from their tenth term down.
    function nearZero(uint256 x) private pure returns (uint256 sine, uint256 cosine) {
        uint256 lessSquare = F.negate64(F.mul64(x, x));
        for (int256 k = 10; k > 0; k--) {
            uint256 even = F.fromInt64(2 * k * (2 * k + 1));
            uint256 odd = F.fromInt64((2 * k - 1) * (2 * k));
            sine = F.mul64(F.add64(F.ONE_64, sine), F.div64(lessSquare, even));
            cosine = F.mul64(F.add64(F.ONE_64, cosine), F.div64(lessSquare, odd));
        }
        sine = F.mul64(x, F.add64(F.ONE_64, sine));
        cosine = F.add64(F.ONE_64, cosine);
    }
}
