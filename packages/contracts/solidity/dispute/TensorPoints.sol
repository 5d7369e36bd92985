// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Exponential} from "./Exponential.sol";
import {SoftFloat as F} from "./SoftFloat.sol";
import {Trigonometry} from "./Trigonometry.sol";

/// The rules that make one word of a few others. Words are binary32 unless they are said to be binary64, which here
/// are whole numbers and in a working two words. Join and Gather give the word that they name, unchanged.
/// Spec: tensor.md 3.5 to 3.7, dispute.md 5.
library TensorPoints {
    /// InverseRms: 1 ÷ √(e ÷ n + ε).
    /// @param n number of values, below 2^24
    function inverseRms(uint256 e, uint256 n, uint256 epsilon) internal pure returns (uint256) {
        uint256 mean = F.div32(e, F.fromInt32(int256(n)));
        return F.div32(F.ONE_32, F.sqrt32(F.add32(mean, epsilon)));
    }

    function norm(uint256 x, uint256 k, uint256 weight) internal pure returns (uint256) {
        return F.mul32(F.mul32(x, k), weight);
    }

    /// Guess after the first, which is 1, at the root of 1 ÷ base; binary64.
    /// @param base binary32, as the file has it
    function guess(uint256 previous, uint256 base, uint256 degree) internal pure returns (uint256) {
        return Trigonometry.nextGuess(previous, F.div64(F.ONE_64, F.widen32(base)), degree);
    }

    /// Power after the first, which is 1; binary64.
    function power(uint256 previous, uint256 ratio) internal pure returns (uint256) {
        return F.mul64(previous, ratio);
    }

    /// Angle of a pair, binary64, of a power in binary64 and a factor in binary32 (1 where the file has none).
    function angle(uint256 ofPower, uint256 factor) internal pure returns (uint256) {
        return F.div64(ofPower, F.widen32(factor));
    }

    /// Turn: cosine and sine at a position.
    /// @param ofAngle binary64
    function turn(uint256 ofAngle, uint256 position) internal pure returns (uint256 cosine, uint256 sine) {
        (sine, cosine) = Trigonometry.sineCosine(F.mul64(F.fromInt64(int256(position)), ofAngle));
        return (F.narrow64(cosine), F.narrow64(sine));
    }

    /// Rotate, the first of a pair.
    function rotateFirst(uint256 a, uint256 b, uint256 cosine, uint256 sine) internal pure returns (uint256) {
        return F.add32(F.mul32(a, cosine), F.mul32(b, F.negate32(sine)));
    }

    /// Rotate, the second of a pair.
    function rotateSecond(uint256 a, uint256 b, uint256 cosine, uint256 sine) internal pure returns (uint256) {
        return F.add32(F.mul32(b, cosine), F.mul32(a, sine));
    }

    /// Exp: e to the power (score − top of its head).
    function exp(uint256 score, uint256 top) internal pure returns (uint256) {
        return Exponential.exp(F.sub32(score, top));
    }

    /// Mix: part ÷ z of its head.
    function mix(uint256 part, uint256 z) internal pure returns (uint256) {
        return F.div32(part, z);
    }

    function add(uint256 x, uint256 y) internal pure returns (uint256) {
        return F.add32(x, y);
    }

    /// Gate: (g ÷ (1 + exp(−g))) × u.
    function gate(uint256 g, uint256 u) internal pure returns (uint256) {
        return F.mul32(F.div32(g, F.add32(F.ONE_32, Exponential.exp(F.negate32(g)))), u);
    }
}
