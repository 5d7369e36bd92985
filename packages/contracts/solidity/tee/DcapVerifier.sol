// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Certificate, CertificateReader} from "./Certificate.sol";
import {DcapQuote, DcapQuoteReader} from "./DcapQuote.sol";
import {IntelCertificates, KnownCertificate, Role} from "./IntelCertificates.sol";
import {P256} from "./P256.sol";
import {PckPlatform, PckPlatformReader} from "./PckPlatform.sol";
import {Pem} from "./Pem.sol";
import {Refusal, need, requireInForce} from "./Refusals.sol";
import {QeIdentity, TcbInfo} from "./TcbDocuments.sol";
import {Judgement, TcbMatch} from "./TcbMatch.sol";
import {TcbRegistry} from "./TcbRegistry.sol";
import {TcbStatus, TcbStatuses} from "./TcbStatus.sol";

/// What a quote says whose every signature leads to Intel's root.
struct Attested {
    uint16 version;
    bool isTdx;
    TcbStatus status;
    /// Until when the collateral holds that was used, in seconds since the Unix epoch.
    uint64 validUntil;
    /// What the hardware reports of the enclave or domain: attestation.md 3.2.
    bytes body;
    bytes32 reportDataHigh;
    bytes32 reportDataLow;
    /// MRENCLAVE; of a domain, SHA-256 of MRTD, MRCONFIGID, MROWNER, MROWNERCONFIG and the four RTMRs.
    bytes32 measurement;
    string[] advisories;
}

/// Verifies DCAP quotes of Intel SGX and TDX, versions 3, 4 and 5, with collateral that was cached before. Nobody owns
/// it. The order of the checks, and what each refusal means, is attestation.md 3.3 and 8.3.
contract DcapVerifier {
    IntelCertificates public immutable certificates;
    TcbRegistry public immutable registry;
    bytes32 private immutable rootHash;

    /// Bits of TDATTRIBUTES (attestation.md 3.6), the first byte's lowest bit being bit 0.
    uint64 private constant TD_DEFINED = 0xc0000000f87f0071;
    uint64 private constant TD_DEBUG = 0x71;
    uint64 private constant TD_SERVICE_EXTENDED = 1 << 17;
    uint64 private constant TD_SEPT_VE_DISABLE = 1 << 28;
    uint64 private constant TD_MIGRATABLE = 1 << 29;

    constructor(TcbRegistry registry_) {
        registry = registry_;
        certificates = registry_.certificates();
        rootHash = registry_.certificates().rootHash();
    }

    /// Reverts with the first thing that is wrong. A state short of `UpToDate` is not: the caller looks at it; `Revoked` is.
    function verify(bytes calldata quote) external view returns (Attested memory found) {
        DcapQuote memory parts = DcapQuoteReader.read(quote);
        bool isSigned = P256.verify(sha256(quote[:parts.signedBytes]), parts.r, parts.s, parts.keyX, parts.keyY);
        need(isSigned, Refusal.Signature);
        (Certificate memory leaf, bytes memory leafDer, bytes32 authorityId) = readChain(quote[parts.pemFrom:parts.pemTo]);
        checkQuotingEnclave(quote, parts, leaf);
        found.validUntil = checkChain(leaf, authorityId);
        found.version = parts.version;
        found.isTdx = parts.isTdx;
        found.body = quote[parts.bodyFrom:parts.signedBytes];
        judge(quote, parts, PckPlatformReader.read(leafDer, leaf.intelFrom, leaf.intelTo), found);
        need(found.status != TcbStatus.Revoked, Refusal.TcbStatus);
        describe(quote[parts.bodyFrom:parts.signedBytes], found);
    }

    /// Leaf, authority, and Intel's root or nothing.
    function readChain(bytes calldata pem)
        private
        view
        returns (Certificate memory leaf, bytes memory leafDer, bytes32 authorityId)
    {
        uint256 values = Pem.table();
        uint256 at = 0;
        (leafDer, at) = Pem.read(pem, at, values);
        leaf = CertificateReader.read(leafDer);
        need(at < pem.length, Refusal.Chain);
        bytes memory der;
        (der, at) = Pem.read(pem, at, values);
        authorityId = keccak256(der);
        if (at < pem.length) {
            (der, at) = Pem.read(pem, at, values);
            need(at == pem.length && keccak256(der) == rootHash, Refusal.Chain);
        }
    }

    /// The platform vouches for the quoting enclave, whose report vouches for the key that signed the quote.
    function checkQuotingEnclave(bytes calldata quote, DcapQuote memory parts, Certificate memory leaf) private view {
        bytes calldata report = quote[parts.qeReport:parts.qeReport + DcapQuoteReader.SGX_REPORT_BYTES];
        need(P256.verify(sha256(report), parts.qeR, parts.qeS, leaf.keyX, leaf.keyY), Refusal.Signature);
        bytes32 bound = sha256(abi.encodePacked(parts.keyX, parts.keyY, quote[parts.authFrom:parts.authTo]));
        need(bytes32(report[320:352]) == bound && bytes32(report[352:384]) == 0, Refusal.Binding);
        need(uint8(report[48]) & 2 == 0, Refusal.Debug);
    }

    /// @return until how long the chain holds, in seconds
    function checkChain(Certificate memory leaf, bytes32 authorityId) private view returns (uint64 until) {
        KnownCertificate memory authority;
        (authority, until) = certificates.requireGood(authorityId, Role.PckAuthority);
        need(!leaf.isAuthority && leaf.maySign && leaf.issuer == authority.subject && authority.mayIssue, Refusal.Chain);
        need(P256.verify(leaf.signedHash, leaf.r, leaf.s, authority.keyX, authority.keyY), Refusal.Chain);
        need(leaf.commonName == keccak256("Intel SGX PCK Certificate"), Refusal.Chain);
        requireInForce(leaf.notBefore, leaf.notAfter);
        if (leaf.notAfter < until) until = leaf.notAfter;
        uint64 listed =
            certificates.requireNotRevoked(authority.subject, authority.keyX, authority.keyY, leaf.serial);
        if (listed < until) until = listed;
    }

    /// Finds state and advisories.
    function judge(bytes calldata quote, DcapQuote memory parts, PckPlatform memory platform, Attested memory found)
        private
        view
    {
        (QeIdentity memory identity, uint64 identityUntil) = registry.qeIdentityOf(parts.isTdx);
        (TcbInfo memory info, uint64 infoUntil) = registry.tcbInfoOf(parts.isTdx, platform.fmspc);
        if (identityUntil < found.validUntil) found.validUntil = identityUntil;
        if (infoUntil < found.validUntil) found.validUntil = infoUntil;
        need(info.pceId == platform.pceId, Refusal.Collateral);
        bytes calldata report = quote[parts.qeReport:parts.qeReport + DcapQuoteReader.SGX_REPORT_BYTES];
        Judgement memory ofQe = TcbMatch.quotingEnclave(
            identity, report, DcapQuoteReader.little(report, 256, 2), DcapQuoteReader.little(report, 258, 2)
        );
        Judgement memory whole = judgePlatform(info, platform, quote[parts.bodyFrom:parts.signedBytes], ofQe.status);
        found.status = whole.status;
        found.advisories = merge(info.advisories, whole.advisories, identity.advisories, ofQe.advisories);
    }

    function judgePlatform(TcbInfo memory info, PckPlatform memory platform, bytes calldata body, TcbStatus ofQe)
        private
        pure
        returns (Judgement memory whole)
    {
        if (!info.isTdx) {
            whole = TcbMatch.platform(info, platform, 0);
            whole.status = TcbStatuses.combine(whole.status, ofQe);
            return whole;
        }
        bytes32 mrSigner = keccak256(body[64:112]);
        bytes8 seam = bytes8(body[112:120]);
        whole = TcbMatch.tdxPlatform(info, platform, bytes16(body[0:16]), mrSigner, seam);
        whole.status = TcbStatuses.combine(whole.status, ofQe);
        // TDX 1.5 says what runs now, beside what was launched
        if (body.length < 648) return whole;
        Judgement memory current = TcbMatch.tdxPlatform(info, platform, bytes16(body[584:600]), mrSigner, seam);
        whole.status = TcbStatuses.adviseRelaunch(whole.status, TcbStatuses.combine(current.status, ofQe));
    }

    /// Each advisory once.
    function merge(string[] memory first, uint256 firstBits, string[] memory second, uint256 secondBits)
        private
        pure
        returns (string[] memory all)
    {
        all = new string[](first.length + second.length);
        uint256 count = 0;
        for (uint256 i = 0; i < first.length; i++) {
            if (firstBits >> i & 1 == 1) all[count++] = first[i];
        }
        uint256 known = count;
        for (uint256 i = 0; i < second.length; i++) {
            if (secondBits >> i & 1 == 0) continue;
            bool isNew = true;
            for (uint256 j = 0; j < known; j++) {
                if (keccak256(bytes(all[j])) == keccak256(bytes(second[i]))) isNew = false;
            }
            if (isNew) all[count++] = second[i];
        }
        assembly ("memory-safe") {
            mstore(all, count)
        }
    }

    /// Refuses what its host can read or reach into; says what runs and to what it is bound.
    function describe(bytes calldata body, Attested memory found) private pure {
        uint256 data = found.isTdx ? 520 : 320;
        (found.reportDataHigh, found.reportDataLow) = (bytes32(body[data:data + 32]), bytes32(body[data + 32:data + 64]));
        if (!found.isTdx) {
            need(uint8(body[48]) & 2 == 0, Refusal.Debug);
            found.measurement = bytes32(body[64:96]);
            return;
        }
        uint64 attributes = uint64(DcapQuoteReader.little(body, 120, 8));
        need(attributes & ~TD_DEFINED == 0, Refusal.Attributes);
        need(attributes & TD_DEBUG == 0, Refusal.Debug);
        need(attributes & TD_SEPT_VE_DISABLE != 0 && attributes & TD_MIGRATABLE == 0, Refusal.Attributes);
        bool isAlone = attributes & TD_SERVICE_EXTENDED == 0
            && (body.length < 648 || (bytes32(body[600:632]) == 0 && bytes16(body[632:648]) == 0));
        need(isAlone, Refusal.Attributes);
        found.measurement = sha256(body[136:520]);
    }
}
