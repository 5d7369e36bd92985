// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Refusal, need} from "./Refusals.sol";

/// Reads DER (X.690) as far as certificates and revocation lists need it. Strict: definite and shortest lengths. A value
/// is named by where its content begins and ends in the bytes; a parent's end bounds its children.
library Der {
    uint8 internal constant BOOLEAN = 0x01;
    uint8 internal constant INTEGER = 0x02;
    uint8 internal constant BIT_STRING = 0x03;
    uint8 internal constant OCTET_STRING = 0x04;
    uint8 internal constant OID = 0x06;
    uint8 internal constant UTC_TIME = 0x17;
    uint8 internal constant GENERALIZED_TIME = 0x18;
    uint8 internal constant SEQUENCE = 0x30;
    uint8 internal constant SET = 0x31;

    /// The 32 bytes at `at`, whatever stands behind the end.
    function word(bytes memory data, uint256 at) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(data, 32), at))
        }
    }

    function byteAt(bytes memory data, uint256 at) internal pure returns (uint8) {
        return uint8(word(data, at) >> 248);
    }

    /// The value at `at`, which ends at `limit` at the latest.
    function read(bytes memory data, uint256 at, uint256 limit) internal pure returns (uint8 tag, uint256 from, uint256 to) {
        need(at + 2 <= limit, Refusal.Malformed);
        uint256 head = word(data, at);
        tag = uint8(head >> 248);
        uint256 length = (head >> 240) & 0xff;
        from = at + 2;
        if (length >= 0x80) {
            uint256 width = length - 0x80;
            need(width >= 1 && width <= 3 && from + width <= limit, Refusal.Malformed);
            length = (head << 16) >> (256 - 8 * width);
            need(length >= (width == 1 ? 0x80 : 1 << (8 * width - 8)), Refusal.Malformed);
            from += width;
        }
        to = from + length;
        need(tag & 0x1f != 0x1f && to <= limit, Refusal.Malformed);
    }

    /// As `read`, of this tag and no other.
    function expect(bytes memory data, uint256 at, uint256 limit, uint8 tag)
        internal
        pure
        returns (uint256 from, uint256 to)
    {
        uint8 found;
        (found, from, to) = read(data, at, limit);
        need(found == tag, Refusal.Malformed);
    }

    /// An unsigned INTEGER of at most 32 bytes.
    function number(bytes memory data, uint256 at, uint256 limit) internal pure returns (uint256 value, uint256 to) {
        uint256 from;
        (from, to) = expect(data, at, limit, INTEGER);
        need(to > from && byteAt(data, from) < 0x80, Refusal.Malformed);
        if (to - from > 1 && byteAt(data, from) == 0) {
            from++;
            need(byteAt(data, from) >= 0x80, Refusal.Malformed);
        }
        need(to - from <= 32, Refusal.Malformed);
        value = word(data, from) >> (256 - 8 * (to - from));
    }

    /// A BOOLEAN.
    function truth(bytes memory data, uint256 at, uint256 limit) internal pure returns (bool value, uint256 to) {
        uint256 from;
        (from, to) = expect(data, at, limit, BOOLEAN);
        uint8 content = byteAt(data, from);
        need(to - from == 1 && (content == 0 || content == 0xff), Refusal.Malformed);
        value = content == 0xff;
    }

    /// Whether `data[from:to]` is this identifier, whose content is left-aligned and `length` bytes long.
    function isOid(bytes memory data, uint256 from, uint256 to, bytes32 oid, uint256 length) internal pure returns (bool) {
        uint256 shift = 256 - 8 * length;
        return to - from == length && word(data, from) >> shift == uint256(oid) >> shift;
    }

    /// An ECDSA signature in a BIT STRING of whole bytes that ends at `limit`.
    function signature(bytes memory data, uint256 at, uint256 limit) internal pure returns (uint256 r, uint256 s) {
        (uint256 from, uint256 to) = expect(data, at, limit, BIT_STRING);
        need(to == limit && to > from && byteAt(data, from) == 0, Refusal.Malformed);
        (uint256 inner, uint256 end) = expect(data, from + 1, to, SEQUENCE);
        need(end == to, Refusal.Malformed);
        (r, inner) = number(data, inner, end);
        (s, inner) = number(data, inner, end);
        need(inner == end, Refusal.Malformed);
    }

    /// Seconds since the Unix epoch of a UTCTime or GeneralizedTime in the form of RFC 5280 4.1.2.5.
    function time(bytes memory data, uint256 at, uint256 limit) internal pure returns (uint64 second, uint256 to) {
        (uint8 tag, uint256 from, uint256 end) = read(data, at, limit);
        bool isShort = tag == UTC_TIME;
        need(isShort || tag == GENERALIZED_TIME, Refusal.Malformed);
        need(end - from == (isShort ? 13 : 15) && byteAt(data, end - 1) == 0x5a, Refusal.Malformed);
        uint256 text = word(data, from);
        uint256 year = two(text, 0);
        uint256 next = 2;
        if (isShort) year += year < 50 ? 2000 : 1900;
        else (year, next) = (year * 100 + two(text, 2), 4);
        return (
            secondsOf(year, two(text, next), two(text, next + 2), two(text, next + 4), two(text, next + 6), two(text, next + 8)),
            end
        );
    }

    /// Two decimal digits at a byte of a word.
    function two(uint256 text, uint256 at) internal pure returns (uint256) {
        uint256 pair = (text >> (240 - 8 * at)) & 0xffff;
        (uint256 high, uint256 low) = ((pair >> 8) ^ 0x30, (pair & 0xff) ^ 0x30);
        need(high < 10 && low < 10, Refusal.Malformed);
        return high * 10 + low;
    }

    /// A date of the Gregorian calendar from 1970 on, in UTC.
    function secondsOf(uint256 year, uint256 month, uint256 day, uint256 hour, uint256 minute, uint256 second)
        internal
        pure
        returns (uint64)
    {
        need(year >= 1970 && month >= 1 && month <= 12 && day >= 1, Refusal.Malformed);
        need(hour < 24 && minute < 60 && second < 60, Refusal.Malformed);
        bool isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        uint256 february = isLeap ? 29 : 28;
        uint256 longest = month == 2 ? february : (month == 4 || month == 6 || month == 9 || month == 11) ? 30 : 31;
        need(day <= longest, Refusal.Malformed);
        // months counted from March, so that the leap day is a year's last
        uint256 shifted = (month + 9) % 12;
        uint256 from = month <= 2 ? year - 1 : year;
        uint256 daysOf = 365 * from + from / 4 - from / 100 + from / 400 + (153 * shifted + 2) / 5 + day - 1;
        return uint64((daysOf - 719_468) * 86_400 + hour * 3600 + minute * 60 + second);
    }
}
