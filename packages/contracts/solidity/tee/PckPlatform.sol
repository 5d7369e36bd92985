// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Der} from "./Der.sol";
import {Refusal, need} from "./Refusals.sol";

/// What a PCK certificate says of its platform: Intel's extension 1.2.840.113741.1.13.1.
struct PckPlatform {
    /// 16 component SVNs, in lanes of 16 bits.
    uint256 sgx;
    uint16 pceSvn;
    uint16 pceId;
    bytes6 fmspc;
}

library PckPlatformReader {
    bytes32 private constant BASE = hex"2a864886f84d010d01";
    uint256 private constant BASE_BYTES = 9;
    /// Components 1 to 16 and PCESVN; TCB, PCEID and FMSPC.
    uint256 private constant ALL_OF_TCB = ((1 << 17) - 1) << 1;
    uint256 private constant ALL = 1 << 2 | 1 << 3 | 1 << 4;

    /// @param der a certificate, whose extension's content stands at `from` and ends at `to`
    function read(bytes memory der, uint256 from, uint256 to) internal pure returns (PckPlatform memory platform) {
        need(to > from, Refusal.Chain);
        (uint256 at, uint256 end) = Der.expect(der, from, to, Der.SEQUENCE);
        need(end == to, Refusal.Malformed);
        uint256 seen = 0;
        while (at < end) {
            (uint256 next, uint256 value, uint256 arc) = pair(der, at, end, BASE_BYTES);
            need(seen & (1 << arc) == 0, Refusal.Malformed);
            seen |= 1 << arc;
            if (arc == 2) readTcb(der, value, next, platform);
            else if (arc == 3) platform.pceId = uint16(octets(der, value, next, 2));
            else if (arc == 4) platform.fmspc = bytes6(uint48(octets(der, value, next, 6)));
            at = next;
        }
        need(seen & ALL == ALL, Refusal.Malformed);
    }

    function readTcb(bytes memory der, uint256 at, uint256 limit, PckPlatform memory platform) private pure {
        uint256 end;
        (at, end) = Der.expect(der, at, limit, Der.SEQUENCE);
        need(end == limit, Refusal.Malformed);
        uint256 seen = 0;
        while (at < end) {
            (uint256 next, uint256 value, uint256 arc) = pair(der, at, end, BASE_BYTES + 1);
            need(seen & (1 << arc) == 0, Refusal.Malformed);
            seen |= 1 << arc;
            if (arc >= 1 && arc <= 17) {
                (uint256 svn, uint256 behind) = Der.number(der, value, next);
                need(behind == next && svn <= (arc == 17 ? type(uint16).max : 255), Refusal.Malformed);
                if (arc == 17) platform.pceSvn = uint16(svn);
                else platform.sgx |= svn << (256 - 16 * arc);
            }
            at = next;
        }
        need(seen & ALL_OF_TCB == ALL_OF_TCB, Refusal.Malformed);
    }

    /// An identifier below the base, `parent` bytes long, with one byte more, and its value.
    function pair(bytes memory der, uint256 at, uint256 limit, uint256 parent)
        private
        pure
        returns (uint256 next, uint256 value, uint256 arc)
    {
        uint256 oid;
        (at, next) = Der.expect(der, at, limit, Der.SEQUENCE);
        (oid, value) = Der.expect(der, at, next, Der.OID);
        need(value - oid == parent + 1 && Der.isOid(der, oid, oid + BASE_BYTES, BASE, BASE_BYTES), Refusal.Malformed);
        need(parent == BASE_BYTES || Der.byteAt(der, oid + BASE_BYTES) == 2, Refusal.Malformed);
        arc = Der.byteAt(der, value - 1);
        need(arc > 0 && arc < 128, Refusal.Malformed);
    }

    function octets(bytes memory der, uint256 at, uint256 limit, uint256 length) private pure returns (uint256) {
        (uint256 from, uint256 to) = Der.expect(der, at, limit, Der.OCTET_STRING);
        need(to == limit && to - from == length, Refusal.Malformed);
        return Der.word(der, from) >> (256 - 8 * length);
    }
}
