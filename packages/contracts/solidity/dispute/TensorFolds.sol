// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SoftFloat as F} from "./SoftFloat.sol";
import {Run} from "./Words.sol";
import {TensorWeights} from "./TensorWeights.sol";

/// A node of a reduction has more than 256 terms, or none, or its two runs differ in length.
error RunLengthWrong();

/// One node of a reduction tree: at most 256 terms in their order. Words are binary32. Spec: tensor.md 3.1, dispute.md 5.
library TensorFolds {
    function foldSum(Run run) internal pure returns (uint256 sum) {
        (uint256 from, uint256 end) = bounds(run);
        for (; from < end; from += 4) sum = F.add32(sum, load(from));
    }

    function foldMax(Run run) internal pure returns (uint256 top) {
        (uint256 from, uint256 end) = bounds(run);
        top = load(from);
        for (from += 4; from < end; from += 4) top = F.max32(top, load(from));
    }

    /// Sum of x · x.
    function foldSquare(Run run) internal pure returns (uint256) {
        return foldDot(run, run);
    }

    /// Sum of the products of words of the same place.
    function foldDot(Run left, Run right) internal pure returns (uint256 sum) {
        (uint256 from, uint256 end) = bounds(left);
        if (right.length() != left.length()) revert RunLengthWrong();
        uint256 apart;
        unchecked {
            apart = right.start() - from;
            for (; from < end; from += 4) sum = F.add32(sum, F.mul32(load(from), load(from + apart)));
        }
    }

    /// Sum of w · x.
    /// @param weights elements of a row of the matrix, as they stand in the file: exactly those of the run
    /// @param encoding F32 or F16
    function foldWeights(Run run, bytes calldata weights, uint256 encoding) internal pure returns (uint256 sum) {
        (uint256 from, uint256 end) = bounds(run);
        uint256 bytesEach = TensorWeights.floatBytes(encoding);
        if (weights.length != run.length() * bytesEach) revert RunLengthWrong();
        unchecked {
            for (uint256 i = 0; from < end; from += 4) {
                sum = F.add32(sum, F.mul32(TensorWeights.float(weights, i++, bytesEach), load(from)));
            }
        }
    }

    /// One head's query times one key: sum of products × f32(1 ÷ √size), size the runs' length.
    function score(Run query, Run key) internal pure returns (uint256) {
        uint256 root = F.sqrt64(F.fromInt64(int256(query.length())));
        return F.mul32(foldDot(query, key), F.narrow64(F.div64(F.ONE_64, root)));
    }

    function bounds(Run run) private pure returns (uint256 from, uint256 end) {
        unchecked {
            if (run.length() - 1 > 255) revert RunLengthWrong();
            from = run.start();
            end = from + 4 * run.length();
        }
    }

    function load(uint256 from) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := shr(224, mload(from))
        }
    }
}
