// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

/// What a state of a training says of itself in its head, as far as its receipt fixes it. Spec: training.md 6, dispute.md 14.7.
library TrainingHeads {
    bytes32 private constant PROGRAM_TAG = keccak256("weightless/receipt/v1/training-program");
    /// Of the semantics of training, in head and program alike.
    uint16 private constant VERSION = 2;
    uint256 private constant WORD_DIGITS = 64;

    /// A state's hash, from its head and the hash over its lists.
    function stateHash(bytes calldata head, bytes32 top) internal pure returns (bytes32) {
        return sha256(abi.encodePacked("weightless/train-state/1", sha256(head), top));
    }

    /// Whether a head, of an adapter's training or of one of all weights, names the receipt's program and seed, and as many steps as its place
    /// in the run. What stands in it of data, rows, values and settings is passed over.
    function isOf(bytes calldata head, uint256 steps, bytes32 programId, bytes32 seed) internal pure returns (bool) {
        uint256 at = startOf(head, '{"version":2,"program":"0x');
        bool isWhole = at == 0;
        if (isWhole) at = startOf(head, '{"version":1,"program":"0x');
        if (at == 0 || at + WORD_DIGITS > head.length) return false;
        (bool ok, bytes32 program) = readWord(head[at:at + WORD_DIGITS]);
        if (!ok || keccak256(abi.encode(PROGRAM_TAG, program, VERSION)) != programId) return false;
        at += WORD_DIGITS;
        if (isWhole) {
            at = skipWord(head, at, '","data":"0x');
            at = skipNumber(head, at, '","rowTokens":');
            at = skipNumber(head, at, ',"rowCount":');
            at = skip(head, at, abi.encodePacked(',"step":', Strings.toString(steps)));
            at = skipNumber(head, at, ',"rowsSeen":');
            at = skipNumber(head, at, ',"orderStream":');
            at = skipNumber(head, at, ',"values":');
        } else {
            at = skip(head, at, abi.encodePacked('","step":', Strings.toString(steps)));
            at = skipNumber(head, at, ',"rowsSeen":');
            at = skipWord(head, at, ',"dataDigest":"0x');
            at = skipNumber(head, at, '","values":');
        }
        bytes memory rest = abi.encodePacked(',"seed":"', Strings.toHexString(uint256(seed), 32), '","settings":{');
        return skip(head, at, rest) != 0;
    }

    function startOf(bytes calldata head, bytes memory text) private pure returns (uint256) {
        return text.length <= head.length && keccak256(head[:text.length]) == keccak256(text) ? text.length : 0;
    }

    /// Behind the text that must stand at a place; 0 where it does not, and behind 0.
    function skip(bytes calldata head, uint256 at, bytes memory text) private pure returns (uint256) {
        uint256 end = at + text.length;
        if (at == 0 || end > head.length || keccak256(head[at:end]) != keccak256(text)) return 0;
        return end;
    }

    function skipNumber(bytes calldata head, uint256 from, bytes memory text) private pure returns (uint256 at) {
        at = skip(head, from, text);
        while (at > 0 && at < head.length && head[at] >= "0" && head[at] <= "9") at++;
    }

    function skipWord(bytes calldata head, uint256 from, bytes memory text) private pure returns (uint256 at) {
        at = skip(head, from, text);
        return at == 0 ? 0 : at + WORD_DIGITS;
    }

    function readWord(bytes calldata digits) private pure returns (bool ok, bytes32) {
        uint256 word = 0;
        for (uint256 i = 0; i < WORD_DIGITS; i++) {
            uint8 digit = uint8(digits[i]);
            if (digit >= 0x30 && digit <= 0x39) digit -= 0x30;
            else if (digit >= 0x61 && digit <= 0x66) digit -= 0x57;
            else return (false, 0);
            word = (word << 4) | digit;
        }
        return (true, bytes32(word));
    }
}
