// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Refusal, need} from "./Refusals.sol";

/// A DCAP quote taken apart (attestation.md 3.1); nothing of it is believed yet.
struct DcapQuote {
    uint16 version;
    bool isTdx;
    /// Header and body: the first bytes of the quote, which the attestation key signed.
    uint256 signedBytes;
    /// Where the body begins; it ends where the signed bytes do.
    uint256 bodyFrom;
    uint256 r;
    uint256 s;
    uint256 keyX;
    uint256 keyY;
    /// Where the quoting enclave's report, what it vouches for, and the certificates stand.
    uint256 qeReport;
    uint256 qeR;
    uint256 qeS;
    uint256 authFrom;
    uint256 authTo;
    uint256 pemFrom;
    uint256 pemTo;
}

/// Reads quotes of version 3, 4 and 5. Integers are little-endian.
library DcapQuoteReader {
    uint256 private constant BYTES_MAX = 32_768;
    uint256 private constant HEADER_BYTES = 48;
    uint256 internal constant SGX_REPORT_BYTES = 384;
    /// Intel's ECDSA quoting enclaves.
    bytes16 private constant VENDOR = 0x939a7233f79c4ca9940a0db3957f0607;

    function read(bytes calldata quote) internal pure returns (DcapQuote memory found) {
        need(quote.length <= BYTES_MAX && quote.length >= HEADER_BYTES, Refusal.Malformed);
        found.version = uint16(little(quote, 0, 2));
        need(found.version >= 3 && found.version <= 5, Refusal.Unsupported);
        need(little(quote, 2, 2) == 2, Refusal.Unsupported);
        uint256 tee = little(quote, 4, 4);
        need(tee == 0 || (tee == 0x81 && found.version > 3), Refusal.Unsupported);
        need(bytes16(quote[12:28]) == VENDOR, Refusal.Unsupported);
        found.isTdx = tee != 0;
        (found.bodyFrom, found.signedBytes) = bodyOf(quote, found.version, found.isTdx);
        need(found.signedBytes + 4 <= quote.length, Refusal.Malformed);
        uint256 at = found.signedBytes + 4;
        uint256 end = at + little(quote, found.signedBytes, 4);
        need(end <= quote.length, Refusal.Malformed);
        requireZeros(quote, end);
        readSignature(quote, at, end, found);
    }

    /// Version 5 says kind and size of its body.
    function bodyOf(bytes calldata quote, uint16 version, bool isTdx) private pure returns (uint256 from, uint256 to) {
        if (version < 5) return (HEADER_BYTES, HEADER_BYTES + (isTdx ? 584 : SGX_REPORT_BYTES));
        need(quote.length >= HEADER_BYTES + 6, Refusal.Malformed);
        uint256 kind = little(quote, HEADER_BYTES, 2);
        need(kind >= 1 && kind <= 4, Refusal.Unsupported);
        uint256 size = kind == 1 ? SGX_REPORT_BYTES : kind == 2 ? 584 : kind == 3 ? 648 : 885;
        need((kind == 1) != isTdx && little(quote, HEADER_BYTES + 2, 4) == size, Refusal.Malformed);
        return (HEADER_BYTES + 6, HEADER_BYTES + 6 + size);
    }

    function readSignature(bytes calldata quote, uint256 at, uint256 end, DcapQuote memory found) private pure {
        need(at + 128 <= end, Refusal.Malformed);
        (found.r, found.s) = (wordAt(quote, at), wordAt(quote, at + 32));
        (found.keyX, found.keyY) = (wordAt(quote, at + 64), wordAt(quote, at + 96));
        at += 128;
        if (found.version > 3) at = certification(quote, at, end, 6);
        need(at + SGX_REPORT_BYTES + 66 <= end, Refusal.Malformed);
        found.qeReport = at;
        at += SGX_REPORT_BYTES;
        (found.qeR, found.qeS) = (wordAt(quote, at), wordAt(quote, at + 32));
        found.authFrom = at + 66;
        found.authTo = at + 66 + little(quote, at + 64, 2);
        found.pemFrom = certification(quote, found.authTo, end, 5);
        found.pemTo = end;
    }

    /// What is certified by data of this type begins behind its head, and ends where all ends.
    function certification(bytes calldata quote, uint256 at, uint256 end, uint256 kind) private pure returns (uint256) {
        need(at + 6 <= end, Refusal.Malformed);
        need(little(quote, at, 2) == kind, Refusal.Unsupported);
        need(at + 6 + little(quote, at + 2, 4) == end, Refusal.Malformed);
        return at + 6;
    }

    /// Some services hand a quote out in its buffer, whose rest is zero.
    function requireZeros(bytes calldata quote, uint256 at) private pure {
        bool isZero = true;
        assembly ("memory-safe") {
            let end := add(quote.offset, quote.length)
            for { let from := add(quote.offset, at) } lt(from, end) { from := add(from, 32) } {
                let word := calldataload(from)
                let left := sub(end, from)
                // what follows the quote in calldata is not its own
                if lt(left, 32) { word := shr(sub(256, mul(8, left)), word) }
                if word { isZero := 0 }
            }
        }
        need(isZero, Refusal.Malformed);
    }

    /// Up to eight bytes, which are there.
    function little(bytes calldata quote, uint256 at, uint256 count) internal pure returns (uint256 value) {
        uint256 word = wordAt(quote, at);
        for (uint256 i = 0; i < count; i++) {
            value |= (word >> (248 - 8 * i) & 0xff) << (8 * i);
        }
    }

    function wordAt(bytes calldata quote, uint256 at) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(add(quote.offset, at))
        }
    }
}
