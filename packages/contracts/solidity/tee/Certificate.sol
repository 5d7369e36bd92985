// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Der} from "./Der.sol";
import {P256} from "./P256.sol";
import {Refusal, need} from "./Refusals.sol";

/// What an X.509 certificate of Intel's hierarchy says. Times are seconds since the Unix epoch.
struct Certificate {
    /// SHA-256 of what the issuer signed, and the signature.
    bytes32 signedHash;
    uint256 r;
    uint256 s;
    uint256 serial;
    /// keccak256 of the names in DER, and of the subject's common name.
    bytes32 issuer;
    bytes32 subject;
    bytes32 commonName;
    uint64 notBefore;
    uint64 notAfter;
    uint256 keyX;
    uint256 keyY;
    bool isAuthority;
    bool maySign;
    bool mayIssue;
    bool mayList;
    /// Where the content of Intel's extension 1.2.840.113741.1.13.1 stands in the certificate; 0, 0 without one.
    uint256 intelFrom;
    uint256 intelTo;
}

/// Reads certificates with ECDSA on P-256 and SHA-256 (RFC 5280), as far as a chain of Intel's needs it.
library CertificateReader {
    /// 1.2.840.10045.4.3.2, ecdsa-with-SHA256, as the whole AlgorithmIdentifier.
    bytes32 private constant ECDSA_SHA256 = hex"300a06082a8648ce3d040302";
    /// SubjectPublicKeyInfo of an uncompressed point on P-256, up to its coordinates.
    bytes32 private constant P256_KEY = hex"3059301306072a8648ce3d020106082a8648ce3d030107034200";
    bytes32 private constant COMMON_NAME = hex"550403";
    bytes32 private constant BASIC_CONSTRAINTS = hex"551d13";
    bytes32 private constant KEY_USAGE = hex"551d0f";
    bytes32 private constant INTEL_SGX = hex"2a864886f84d010d01";
    uint256 private constant BYTES_MAX = 8192;

    function read(bytes memory der) internal view returns (Certificate memory found) {
        need(der.length <= BYTES_MAX, Refusal.Malformed);
        (uint256 at, uint256 end) = Der.expect(der, 0, der.length, Der.SEQUENCE);
        need(end == der.length, Refusal.Malformed);
        (uint256 from, uint256 to) = Der.expect(der, at, end, Der.SEQUENCE);
        found.signedHash = P256.sha256Of(der, at, to);
        readSigned(der, from, to, found);
        to = algorithm(der, to, end);
        (found.r, found.s) = Der.signature(der, to, end);
    }

    /// Passes the one algorithm that is taken.
    function algorithm(bytes memory der, uint256 at, uint256 limit) internal pure returns (uint256) {
        need(at + 12 <= limit, Refusal.Malformed);
        need(bytes12(bytes32(Der.word(der, at))) == bytes12(ECDSA_SHA256), Refusal.Unsupported);
        return at + 12;
    }

    function hashOf(bytes memory der, uint256 from, uint256 to) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            hash := keccak256(add(add(der, 32), from), sub(to, from))
        }
    }

    function readSigned(bytes memory der, uint256 at, uint256 end, Certificate memory found) private pure {
        // version 3, as [0] INTEGER 2
        need(at + 5 <= end && bytes5(bytes32(Der.word(der, at))) == 0xa003020102, Refusal.Malformed);
        uint256 from;
        uint256 to;
        (found.serial, at) = Der.number(der, at + 5, end);
        at = algorithm(der, at, end);
        (, to) = Der.expect(der, at, end, Der.SEQUENCE);
        found.issuer = hashOf(der, at, to);
        (from, at) = Der.expect(der, to, end, Der.SEQUENCE);
        (found.notBefore, from) = Der.time(der, from, at);
        (found.notAfter, from) = Der.time(der, from, at);
        need(from == at, Refusal.Malformed);
        (from, to) = Der.expect(der, at, end, Der.SEQUENCE);
        found.subject = hashOf(der, at, to);
        found.commonName = commonNameOf(der, from, to);
        need(to + 91 <= end, Refusal.Malformed);
        need(bytes26(bytes32(Der.word(der, to))) == bytes26(P256_KEY), Refusal.Unsupported);
        need(Der.byteAt(der, to + 26) == 4, Refusal.Malformed);
        (found.keyX, found.keyY) = (Der.word(der, to + 27), Der.word(der, to + 59));
        (from, at) = Der.expect(der, to + 91, end, 0xa3);
        need(at == end, Refusal.Malformed);
        readExtensions(der, from, at, found);
    }

    /// Of the first pair that is one; keccak256 of nothing if there is none.
    function commonNameOf(bytes memory der, uint256 at, uint256 end) private pure returns (bytes32) {
        while (at < end) {
            (uint256 set, uint256 next) = Der.expect(der, at, end, Der.SET);
            (uint256 from, uint256 to) = Der.expect(der, set, next, Der.SEQUENCE);
            (uint256 oid, uint256 value) = Der.expect(der, from, to, Der.OID);
            if (Der.isOid(der, oid, value, COMMON_NAME, 3)) {
                (, from, to) = Der.read(der, value, to);
                return hashOf(der, from, to);
            }
            at = next;
        }
        return keccak256("");
    }

    function readExtensions(bytes memory der, uint256 at, uint256 limit, Certificate memory found) private pure {
        uint256 end;
        (at, end) = Der.expect(der, at, limit, Der.SEQUENCE);
        need(end == limit, Refusal.Malformed);
        found.maySign = true;
        uint256 seen = 0;
        while (at < end) {
            uint256 next;
            (at, next) = Der.expect(der, at, end, Der.SEQUENCE);
            (uint256 oid, uint256 oidEnd) = Der.expect(der, at, next, Der.OID);
            bool isCritical = false;
            at = oidEnd;
            need(at < next, Refusal.Malformed);
            if (Der.byteAt(der, at) == Der.BOOLEAN) (isCritical, at) = Der.truth(der, at, next);
            (uint256 from, uint256 to) = Der.expect(der, at, next, Der.OCTET_STRING);
            need(to == next, Refusal.Malformed);
            uint256 kind = keep(der, oid, oidEnd, from, to, found);
            need(kind != 0 || !isCritical, Refusal.Unsupported);
            need(kind == 0 || seen & kind == 0, Refusal.Malformed);
            seen |= kind;
            at = next;
        }
    }

    /// @return kind a bit for each extension that is known
    function keep(bytes memory der, uint256 oid, uint256 oidEnd, uint256 from, uint256 to, Certificate memory found)
        private
        pure
        returns (uint256 kind)
    {
        if (Der.isOid(der, oid, oidEnd, BASIC_CONSTRAINTS, 3)) {
            (uint256 at, uint256 end) = Der.expect(der, from, to, Der.SEQUENCE);
            if (at < end) (found.isAuthority, at) = Der.truth(der, at, end);
            // how many may follow below: nobody does, chains have three certificates
            if (at < end) (, at) = Der.number(der, at, end);
            need(at == end && end == to, Refusal.Malformed);
            return 1;
        }
        if (Der.isOid(der, oid, oidEnd, KEY_USAGE, 3)) {
            (uint256 at, uint256 end) = Der.expect(der, from, to, Der.BIT_STRING);
            need(end == to, Refusal.Malformed);
            uint8 uses = end - at > 1 ? Der.byteAt(der, at + 1) : 0;
            (found.maySign, found.mayIssue, found.mayList) = (uses & 0x80 != 0, uses & 0x04 != 0, uses & 0x02 != 0);
            return 2;
        }
        if (Der.isOid(der, oid, oidEnd, INTEL_SGX, 9)) {
            (found.intelFrom, found.intelTo) = (from, to);
            return 0;
        }
    }
}
