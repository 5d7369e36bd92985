// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SoftFloat as F} from "../dispute/SoftFloat.sol";

/// The update of a weight, as every trainer of an adapter does it. Words are binary32. Called by `TrainingJudge`.
/// Spec: training.md 4.2, finetuning.md 4.
contract MomentRules {
    // binary64 of 0.9 and 0.999, and of each as binary32 itself and what it lacks to 1
    uint256 private constant BETA_1 = 0x3feccccccccccccd;
    uint256 private constant BETA_2 = 0x3feff7ced916872b;
    uint256 private constant KEEP_1 = 0x3f666666;
    uint256 private constant KEEP_2 = 0x3f7fbe77;
    uint256 private constant EPSILON = 0x322bcc77; // 1e-8
    uint256 private constant DECAY = 0;

    /// @param g the gradient @param squares of all gradients, summed
    function mean(uint256 g, uint256 squares, uint256 m) external pure returns (uint256) {
        return F.add32(F.mul32(KEEP_1, m), F.mul32(F.sub32(F.ONE_32, KEEP_1), clipped(g, squares)));
    }

    function power(uint256 g, uint256 squares, uint256 v) external pure returns (uint256) {
        g = clipped(g, squares);
        return F.add32(F.mul32(KEEP_2, v), F.mul32(F.sub32(F.ONE_32, KEEP_2), F.mul32(g, g)));
    }

    /// @param m, v moments after the step @param step from 0
    function value(uint256 p, uint256 m, uint256 v, uint256 rate, uint256 step) external pure returns (uint256) {
        uint256 root = F.add32(F.sqrt32(F.mul32(v, correction(BETA_2, step + 1))), EPSILON);
        uint256 slope = F.div32(F.mul32(m, correction(BETA_1, step + 1)), root);
        return F.sub32(p, F.mul32(rate, F.add32(slope, F.mul32(DECAY, p))));
    }

    /// Gradients of a norm above 1 are scaled down to it.
    function clipped(uint256 g, uint256 squares) private pure returns (uint256) {
        uint256 total = F.sqrt64(F.widen32(squares));
        if (!F.less64(F.ONE_64, total)) return F.mul32(g, F.ONE_32);
        return F.mul32(g, F.narrow64(F.div64(F.ONE_64, total)));
    }

    /// 1 ÷ (1 − beta to the power of steps), the power by squaring from the highest bit.
    function correction(uint256 beta, uint256 steps) private pure returns (uint256) {
        uint256 product = F.ONE_64;
        for (uint256 bit = 1 << 30; bit > 0; bit >>= 1) {
            if (product != F.ONE_64) product = F.mul64(product, product);
            if (steps & bit != 0) product = F.mul64(product, beta);
        }
        return F.narrow64(F.div64(F.ONE_64, F.sub64(F.ONE_64, product)));
    }
}
