// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Refusal, need} from "./Refusals.sol";

/// Reads certificates in PEM (RFC 7468), as quotes carry them, one after the other. Line ends and NULs may follow a
/// block, nothing else; base64 is canonical.
library Pem {
    /// What stands around a certificate.
    bytes32 private constant BEGIN = "-----BEGIN CERTIFICATE-----";
    bytes32 private constant END = "-----END CERTIFICATE-----";
    /// A byte for each character.
    uint256 private constant TABLE_BYTES = 256;

    /// What each byte says as a digit of base64, 64 for what is none; made once for all blocks.
    function table() internal pure returns (uint256 place) {
        bytes memory digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        bytes memory values = new bytes(TABLE_BYTES);
        assembly ("memory-safe") {
            place := add(values, 32)
            let none := mul(0x40, div(not(0), 255))
            for { let i := 0 } lt(i, TABLE_BYTES) { i := add(i, 32) } { mstore(add(place, i), none) }
            let from := add(digits, 32)
            for { let i := 0 } lt(i, 64) { i := add(i, 1) } {
                mstore8(add(place, byte(0, mload(add(from, i)))), i)
            }
        }
    }

    /// The certificate that begins at `at`.
    /// @param values what `table` gave
    /// @return der its bytes
    /// @return next where the following one begins, or the end
    function read(bytes calldata text, uint256 at, uint256 values)
        internal
        pure
        returns (bytes memory der, uint256 next)
    {
        need(at + 27 <= text.length && bytes27(text[at:]) == bytes27(BEGIN), Refusal.Malformed);
        at = skipEnds(text, at + 27, false);
        uint256 end;
        (der, end) = decode(text, at, values);
        need(end + 25 <= text.length && bytes25(text[end:]) == bytes25(END), Refusal.Malformed);
        next = skipEnds(text, end + 25, true);
    }

    /// After a head there is one line end at least.
    function skipEnds(bytes calldata text, uint256 at, bool isBehind) private pure returns (uint256) {
        uint256 start = at;
        for (; at < text.length; at++) {
            bytes1 char = text[at];
            if (char != 0x0a && char != 0x0d && !(isBehind && char == 0)) break;
        }
        need(isBehind || at > start, Refusal.Malformed);
        return at;
    }

    /// Digits and line ends up to the first dash; padding closes them.
    function decode(bytes calldata text, uint256 at, uint256 values) private pure returns (bytes memory der, uint256 end) {
        bool isRight;
        assembly ("memory-safe") {
            der := mload(0x40)
            let out := add(der, 32)
            let from := add(text.offset, at)
            let limit := add(text.offset, text.length)
            let gathered := 0
            let count := 0
            let pads := 0
            isRight := 1
            for {} lt(from, limit) {} {
                let chunk := calldataload(from)
                // four digits at once where four follow
                if and(iszero(and(count, 3)), iszero(pads)) {
                    let a := byte(0, mload(add(values, byte(0, chunk))))
                    let b := byte(0, mload(add(values, byte(1, chunk))))
                    let c := byte(0, mload(add(values, byte(2, chunk))))
                    let d := byte(0, mload(add(values, byte(3, chunk))))
                    if iszero(and(or(or(a, b), or(c, d)), 0x40)) {
                        mstore(out, shl(232, or(or(shl(18, a), shl(12, b)), or(shl(6, c), d))))
                        out := add(out, 3)
                        from := add(from, 4)
                        continue
                    }
                }
                let char := byte(0, chunk)
                if eq(char, 0x2d) { break }
                from := add(from, 1)
                if or(eq(char, 0x0a), eq(char, 0x0d)) { continue }
                let digit := byte(0, mload(add(values, char)))
                if eq(char, 0x3d) {
                    pads := add(pads, 1)
                    digit := 0
                }
                // no digit after padding
                if or(eq(digit, 0x40), and(gt(pads, 0), iszero(eq(char, 0x3d)))) { isRight := 0 }
                gathered := or(shl(6, gathered), digit)
                count := add(count, 1)
                if iszero(and(count, 3)) {
                    mstore(out, shl(232, gathered))
                    // bits of the last digit that belong to no byte
                    if and(gathered, sub(shl(mul(8, pads), 1), 1)) { isRight := 0 }
                    out := add(out, sub(3, pads))
                    gathered := 0
                }
            }
            if or(and(count, 3), gt(pads, 2)) { isRight := 0 }
            mstore(der, sub(out, add(der, 32)))
            // a word behind the bytes is zero and ours: readers look 32 bytes ahead
            mstore(out, 0)
            mstore(0x40, and(add(out, 63), not(31)))
            end := sub(from, text.offset)
        }
        need(isRight, Refusal.Malformed);
    }
}
