// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SoftFloat as F} from "./SoftFloat.sol";

/// The engine's exponential function, bit for bit: a polynomial on ±½·ln 2, times a power of two. Spec: tensor.md 3.2.
library Exponential {
    uint256 private constant LARGEST = 0x42b0999a; // 88.3
    uint256 private constant LEAST = 0xc2ae999a; // -87.3
    uint256 private constant PER_LN2 = 0x3fb8aa3b; // 1.44269504
    uint256 private constant LN2_HIGH = 0x3f318000; // 0.693359375
    uint256 private constant LN2_LOW = 0x395e8083; // 2.1219444e-4: what the high part is too large by

    function exp(uint256 x) internal pure returns (uint256 p) {
        x = F.max32(F.min32(x, LARGEST), LEAST);
        int256 power = F.nearestInt32(F.mul32(x, PER_LN2));
        uint256 n = F.fromInt32(power);
        uint256 r = F.add32(F.sub32(x, F.mul32(n, LN2_HIGH)), F.mul32(n, LN2_LOW));
        p = 0x39506967; // 1.98756915e-4
        p = F.add32(F.mul32(p, r), 0x3ab743ce); // 1.3981999507e-3
        p = F.add32(F.mul32(p, r), 0x3c088908); // 8.3334519073e-3
        p = F.add32(F.mul32(p, r), 0x3d2aa9c1); // 4.1665795894e-2
        p = F.add32(F.mul32(p, r), 0x3e2aaaaa); // 1.6666665459e-1
        p = F.add32(F.mul32(p, r), 0x3f000000); // 5.0000001201e-1
        p = F.add32(F.add32(F.mul32(F.mul32(p, r), r), r), F.ONE_32);
        // -126 to 127: 2^power is a normal number
        p = F.mul32(p, uint256(power + 127) << 23);
    }
}
