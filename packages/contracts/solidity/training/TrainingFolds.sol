// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SoftFloat as F} from "../dispute/SoftFloat.sol";
import {TensorFolds} from "../dispute/TensorFolds.sol";
import {Run} from "../dispute/Words.sol";
import {TrainingViews} from "./TrainingViews.sol";

/// Sums of any length: runs of 256 terms, then runs of 256 of their sums, until one is left. Spec: tensor.md 3.1.
library TrainingFolds {
    uint256 private constant RUN = 256;

    /// Sum of the products of words of the same place.
    function dot(Run a, Run b) internal pure returns (uint256) {
        uint256 count = a.length();
        if (count <= RUN) return TensorFolds.foldDot(a, b);
        Run sums = TrainingViews.allocate((count + RUN - 1) / RUN);
        for (uint256 from = 0; from < count; from += RUN) {
            uint256 part = least(count - from);
            TrainingViews.put(sums, from / RUN, TensorFolds.foldDot(a.slice(from, part), b.slice(from, part)));
        }
        return sum(sums);
    }

    function sum(Run terms) internal pure returns (uint256) {
        uint256 count = terms.length();
        if (count <= RUN) return TensorFolds.foldSum(terms);
        Run sums = TrainingViews.allocate((count + RUN - 1) / RUN);
        for (uint256 from = 0; from < count; from += RUN) {
            TrainingViews.put(sums, from / RUN, TensorFolds.foldSum(terms.slice(from, least(count - from))));
        }
        return sum(sums);
    }

    /// The largest, of equal ones the first.
    function max(Run values) internal pure returns (uint256 top) {
        top = values.word(0);
        for (uint256 i = 1; i < values.length(); i++) {
            uint256 value = values.word(i);
            if (F.less32(top, value)) top = value;
        }
    }

    function least(uint256 count) private pure returns (uint256) {
        return count < RUN ? count : RUN;
    }
}
