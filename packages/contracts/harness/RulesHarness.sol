// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Exponential} from "../dispute/Exponential.sol";
import {Sha256Block} from "../dispute/Sha256Block.sol";
import {RowChain} from "../dispute/RowChain.sol";
import {TensorFolds} from "../dispute/TensorFolds.sol";
import {TensorPoints} from "../dispute/TensorPoints.sol";
import {TensorWeights} from "../dispute/TensorWeights.sol";
import {Trigonometry} from "../dispute/Trigonometry.sol";
import {Run, Words} from "../dispute/Words.sol";

/// Every rule by name, for tests. Each also says what gas it used, opening of its words included.
contract RulesHarness is RowChain {
    /// Exponential of many binary32, four bytes each, big-endian.
    function exponentials(bytes calldata numbers) external pure returns (uint32[] memory results) {
        results = new uint32[](numbers.length / 4);
        for (uint256 i = 0; i < results.length; i++) {
            results[i] = uint32(Exponential.exp(uint32(bytes4(numbers[4 * i:]))));
        }
    }

    /// Sine and cosine of many binary64, eight bytes each, big-endian.
    function sinesCosines(bytes calldata angles) external pure returns (uint64[] memory results) {
        results = new uint64[](angles.length / 4);
        for (uint256 i = 0; i < angles.length / 8; i++) {
            (uint256 sine, uint256 cosine) = Trigonometry.sineCosine(uint64(bytes8(angles[8 * i:])));
            (results[2 * i], results[2 * i + 1]) = (uint64(sine), uint64(cosine));
        }
    }

    function fold(uint256 how, bytes calldata chunks, uint256 first, uint256 count)
        external
        view
        returns (uint256 word, uint256 gasUsed)
    {
        gasUsed = gasleft();
        Run run = Words.open(chunks).slice(first, count);
        if (how == 0) word = TensorFolds.foldSum(run);
        else if (how == 1) word = TensorFolds.foldMax(run);
        else word = TensorFolds.foldSquare(run);
        gasUsed -= gasleft();
    }

    function foldDot(bytes calldata left, bytes calldata right) external view returns (uint256 word, uint256 gasUsed) {
        gasUsed = gasleft();
        word = TensorFolds.foldDot(Words.open(left), Words.open(right));
        gasUsed -= gasleft();
    }

    function foldWeights(bytes calldata chunks, bytes calldata weights, uint256 encoding)
        external
        view
        returns (uint256 word, uint256 gasUsed)
    {
        gasUsed = gasleft();
        word = TensorFolds.foldWeights(Words.open(chunks), weights, encoding);
        gasUsed -= gasleft();
    }

    function score(bytes calldata query, bytes calldata key) external view returns (uint256 word, uint256 gasUsed) {
        gasUsed = gasleft();
        word = TensorFolds.score(Words.open(query), Words.open(key));
        gasUsed -= gasleft();
    }

    function dequantise(bytes calldata data, uint256 encoding, uint256 i)
        external
        view
        returns (uint256 word, uint256 gasUsed)
    {
        gasUsed = gasleft();
        word = TensorWeights.dequantise(data, encoding, i);
        gasUsed -= gasleft();
    }

    function term(bytes calldata data, uint256 encoding, bytes calldata q, uint256 s, uint256 total)
        external
        view
        returns (uint256 word, uint256 gasUsed)
    {
        gasUsed = gasleft();
        word = TensorWeights.term(data, encoding, Words.open(q), s, total);
        gasUsed -= gasleft();
    }

    /// Integer `i` of a block, its scale, and what its integers add up to.
    function quantise(bytes calldata x, uint256 i) external view returns (uint256 word, uint256 scale, uint256 gasUsed) {
        gasUsed = gasleft();
        Run run = Words.open(x);
        word = TensorWeights.quantise(run, i);
        scale = TensorWeights.scale(run);
        gasUsed -= gasleft();
    }

    function sum(bytes calldata q) external view returns (uint256 word, uint256 gasUsed) {
        gasUsed = gasleft();
        word = TensorWeights.sum(Words.open(q));
        gasUsed -= gasleft();
    }

    /// Rules of up to four numbers.
    function point(uint256 rule, uint256 a, uint256 b, uint256 c, uint256 d)
        external
        view
        returns (uint256 word, uint256 gasUsed)
    {
        gasUsed = gasleft();
        if (rule == 0) word = TensorPoints.inverseRms(a, b, c);
        else if (rule == 1) word = TensorPoints.norm(a, b, c);
        else if (rule == 2) word = TensorPoints.guess(a, b, c);
        else if (rule == 3) word = TensorPoints.power(a, b);
        else if (rule == 4) word = TensorPoints.angle(a, b);
        else if (rule == 5) (word,) = TensorPoints.turn(a, b);
        else if (rule == 6) (, word) = TensorPoints.turn(a, b);
        else if (rule == 7) word = TensorPoints.rotateFirst(a, b, c, d);
        else if (rule == 8) word = TensorPoints.rotateSecond(a, b, c, d);
        else if (rule == 9) word = TensorPoints.exp(a, b);
        else if (rule == 10) word = TensorPoints.mix(a, b);
        else if (rule == 11) word = TensorPoints.add(a, b);
        else word = TensorPoints.gate(a, b);
        gasUsed -= gasleft();
    }

    function chain(bytes32 state, bytes calldata data, uint256 rowBytes)
        external
        view
        returns (bytes32 result, uint256 gasUsed)
    {
        gasUsed = gasleft();
        result = next(state, data, rowBytes);
        gasUsed -= gasleft();
    }

    function initial() external pure returns (bytes32) {
        return Sha256Block.INITIAL;
    }
}
