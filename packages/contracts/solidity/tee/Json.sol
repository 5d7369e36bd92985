// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Der} from "./Der.sol";
import {Refusal, need} from "./Refusals.sol";

/// Reads JSON whose signature was checked before: objects of known names, lists, texts without escapes, whole numbers
/// from 0 on. Whatever has another form is refused, not guessed at. Names are left-aligned words.
library Json {
    /// Enters an object or a list. @return more false for an empty one, which is left at once
    function begin(bytes calldata text, uint256 at, bytes1 open, bytes1 end)
        internal
        pure
        returns (bool more, uint256)
    {
        at = space(text, at);
        need(at < text.length && text[at] == open, Refusal.Malformed);
        at = space(text, at + 1);
        need(at < text.length, Refusal.Malformed);
        return text[at] == end ? (false, at + 1) : (true, at);
    }

    /// Passes the comma, or leaves the object or list.
    function next(bytes calldata text, uint256 at, bytes1 end) internal pure returns (bool more, uint256) {
        at = space(text, at);
        need(at < text.length, Refusal.Malformed);
        bytes1 char = text[at];
        need(char == "," || char == end, Refusal.Malformed);
        return (char == ",", at + 1);
    }

    /// A name and its colon; 0 for one that is longer than any that is known.
    function name(bytes calldata text, uint256 at) internal pure returns (bytes32 found, uint256) {
        (uint256 from, uint256 to, uint256 behind) = quoted(text, at);
        if (to - from <= 32) found = wordOf(text, from, to);
        at = space(text, behind);
        need(at < text.length && text[at] == ":", Refusal.Malformed);
        return (found, at + 1);
    }

    /// A text. @return from where it begins @return to where it ends @return behind where what follows begins
    function quoted(bytes calldata text, uint256 at) internal pure returns (uint256 from, uint256 to, uint256 behind) {
        from = space(text, at) + 1;
        need(from <= text.length && text[from - 1] == '"', Refusal.Malformed);
        to = endOf(text, from);
        behind = to + 1;
    }

    /// A text of at most 32 bytes.
    function short(bytes calldata text, uint256 at) internal pure returns (bytes32 found, uint256) {
        (uint256 from, uint256 to, uint256 behind) = quoted(text, at);
        need(to - from <= 32, Refusal.Malformed);
        return (wordOf(text, from, to), behind);
    }

    /// keccak256 of a text of any length.
    function hashed(bytes calldata text, uint256 at) internal pure returns (bytes32, uint256) {
        (uint256 from, uint256 to, uint256 behind) = quoted(text, at);
        return (keccak256(text[from:to]), behind);
    }

    /// A whole number below 2^32.
    function number(bytes calldata text, uint256 at) internal pure returns (uint256 value, uint256) {
        at = space(text, at);
        uint256 start = at;
        for (; at < text.length; at++) {
            uint256 digit = uint8(text[at]) ^ 0x30;
            if (digit > 9) break;
            value = value * 10 + digit;
        }
        need(at > start && at - start <= 10 && value < 1 << 32, Refusal.Malformed);
        return (value, at);
    }

    /// Hex of `length` bytes, of at most 32, left-aligned.
    function hexOf(bytes calldata text, uint256 at, uint256 length) internal pure returns (bytes32 value, uint256) {
        (uint256 from, uint256 to, uint256 behind) = quoted(text, at);
        need(to - from == 2 * length, Refusal.Malformed);
        return (hexWord(text, from, length), behind);
    }

    /// Hex of 48 bytes, as their keccak256.
    function hexOf48(bytes calldata text, uint256 at) internal pure returns (bytes32 hash, uint256) {
        (uint256 from, uint256 to, uint256 behind) = quoted(text, at);
        need(to - from == 96, Refusal.Malformed);
        bytes32 high = hexWord(text, from, 32);
        return (keccak256(abi.encodePacked(high, bytes16(hexWord(text, from + 64, 16)))), behind);
    }

    /// A time as "2025-06-19T10:16:03Z", in seconds since the Unix epoch.
    function time(bytes calldata text, uint256 at) internal pure returns (uint64 second, uint256) {
        (bytes32 found, uint256 behind) = short(text, at);
        uint256 t = uint256(found);
        bytes32 form = found & 0x00000000ff0000ff0000ff0000ff0000ff0000ffffffffffffffffffffffffff;
        need(form == bytes32("\x00\x00\x00\x00-\x00\x00-\x00\x00T\x00\x00:\x00\x00:\x00\x00Z"), Refusal.Malformed);
        uint256 year = Der.two(t, 0) * 100 + Der.two(t, 2);
        second = Der.secondsOf(year, Der.two(t, 5), Der.two(t, 8), Der.two(t, 11), Der.two(t, 14), Der.two(t, 17));
        return (second, behind);
    }

    /// Passes any value.
    function skip(bytes calldata text, uint256 at) internal pure returns (uint256) {
        at = space(text, at);
        uint256 depth = 0;
        for (; at < text.length; at++) {
            bytes1 char = text[at];
            if (char == '"') {
                at = endOf(text, at + 1);
                if (depth == 0) return at + 1;
            } else if (char == "{" || char == "[") {
                depth++;
            } else if (char == "}" || char == "]") {
                // the end of what is around a number or a word
                if (depth == 0) return at;
                if (--depth == 0) return at + 1;
            } else if (char == "," && depth == 0) {
                return at;
            }
        }
        need(false, Refusal.Malformed);
        return at;
    }

    /// How many values the list at `at` has.
    function count(bytes calldata text, uint256 at) internal pure returns (uint256 values) {
        bool more;
        for ((more, at) = begin(text, at, "[", "]"); more; values++) {
            (more, at) = next(text, skip(text, at), "]");
        }
    }

    function hexWord(bytes calldata text, uint256 from, uint256 length) internal pure returns (bytes32) {
        uint256 value = 0;
        for (uint256 i = 0; i < 2 * length; i++) {
            uint256 char = uint8(text[from + i]);
            uint256 digit = char ^ 0x30;
            if (digit > 9) {
                // a to f, and A to F
                digit = (char | 0x20) ^ 0x60;
                need(digit >= 1 && digit <= 6, Refusal.Malformed);
                digit += 9;
            }
            value = value << 4 | digit;
        }
        return bytes32(value << (256 - 8 * length));
    }

    function space(bytes calldata text, uint256 at) private pure returns (uint256) {
        for (; at < text.length; at++) {
            bytes1 char = text[at];
            if (char != " " && char != "\n" && char != "\r" && char != "\t") break;
        }
        return at;
    }

    /// Where the text that begins at `at` ends.
    function endOf(bytes calldata text, uint256 at) private pure returns (uint256 end) {
        bool isPlain = true;
        assembly ("memory-safe") {
            end := at
            for {} lt(end, text.length) { end := add(end, 1) } {
                let char := byte(0, calldataload(add(text.offset, end)))
                if eq(char, 0x22) { break }
                // a backslash, or a control character
                if or(eq(char, 0x5c), lt(char, 0x20)) { isPlain := 0 }
            }
        }
        need(isPlain && end < text.length, Refusal.Malformed);
    }

    /// At most 32 bytes, left-aligned.
    function wordOf(bytes calldata text, uint256 from, uint256 to) private pure returns (bytes32 value) {
        assembly ("memory-safe") {
            let unused := mul(8, sub(32, sub(to, from)))
            value := shl(unused, shr(unused, calldataload(add(text.offset, from))))
        }
    }
}
