// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CertificateReader} from "./Certificate.sol";
import {Der} from "./Der.sol";
import {P256} from "./P256.sol";
import {Refusal, need} from "./Refusals.sol";

/// What a certificate revocation list says (RFC 5280 5).
struct RevocationList {
    bytes32 signedHash;
    uint256 r;
    uint256 s;
    /// keccak256 of the issuer's name in DER.
    bytes32 issuer;
    uint64 thisUpdate;
    uint64 nextUpdate;
    /// One word for each serial number.
    uint256[] serials;
}

library RevocationListReader {
    /// An entry is no shorter: so many fit, and more are not expected.
    uint256 private constant ENTRY_BYTES_MIN = 20;

    function read(bytes memory der) internal view returns (RevocationList memory found) {
        (uint256 at, uint256 end) = Der.expect(der, 0, der.length, Der.SEQUENCE);
        need(end == der.length, Refusal.Malformed);
        (uint256 from, uint256 to) = Der.expect(der, at, end, Der.SEQUENCE);
        found.signedHash = P256.sha256Of(der, at, to);
        readSigned(der, from, to, found);
        to = CertificateReader.algorithm(der, to, end);
        (found.r, found.s) = Der.signature(der, to, end);
    }

    function readSigned(bytes memory der, uint256 at, uint256 end, RevocationList memory found) private pure {
        // version 2, as INTEGER 1
        need(at + 3 <= end && bytes3(bytes32(Der.word(der, at))) == 0x020101, Refusal.Malformed);
        at = CertificateReader.algorithm(der, at + 3, end);
        (, uint256 to) = Der.expect(der, at, end, Der.SEQUENCE);
        found.issuer = CertificateReader.hashOf(der, at, to);
        (found.thisUpdate, at) = Der.time(der, to, end);
        (found.nextUpdate, at) = Der.time(der, at, end);
        if (at < end && Der.byteAt(der, at) == Der.SEQUENCE) {
            (uint256 from, uint256 listEnd) = Der.expect(der, at, end, Der.SEQUENCE);
            found.serials = readEntries(der, from, listEnd);
            at = listEnd;
        }
        if (at < end) {
            (uint256 from, uint256 to_) = Der.expect(der, at, end, 0xa0);
            need(to_ == end, Refusal.Malformed);
            refuseCritical(der, from, to_);
        }
    }

    function readEntries(bytes memory der, uint256 at, uint256 end) private pure returns (uint256[] memory serials) {
        serials = new uint256[]((end - at) / ENTRY_BYTES_MIN + 1);
        uint256 count = 0;
        while (at < end) {
            (uint256 from, uint256 next) = Der.expect(der, at, end, Der.SEQUENCE);
            need(count < serials.length, Refusal.Malformed);
            (serials[count++], from) = Der.number(der, from, next);
            (, from) = Der.time(der, from, next);
            if (from < next) refuseCritical(der, from, next);
            at = next;
        }
        assembly ("memory-safe") {
            mstore(serials, count)
        }
    }

    /// A critical extension can narrow what the list is about, and none is known here.
    function refuseCritical(bytes memory der, uint256 at, uint256 limit) private pure {
        uint256 end;
        (at, end) = Der.expect(der, at, limit, Der.SEQUENCE);
        need(end == limit, Refusal.Malformed);
        while (at < end) {
            (uint256 from, uint256 next) = Der.expect(der, at, end, Der.SEQUENCE);
            (, from) = Der.expect(der, from, next, Der.OID);
            bool isCritical = false;
            if (from < next && Der.byteAt(der, from) == Der.BOOLEAN) (isCritical, from) = Der.truth(der, from, next);
            need(!isCritical, Refusal.Unsupported);
            (, from) = Der.expect(der, from, next, Der.OCTET_STRING);
            need(from == next, Refusal.Malformed);
            at = next;
        }
    }
}
