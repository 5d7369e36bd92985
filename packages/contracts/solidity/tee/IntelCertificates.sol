// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Certificate, CertificateReader} from "./Certificate.sol";
import {CodeStore} from "./CodeStore.sol";
import {P256} from "./P256.sol";
import {Refusal, need, requireInForce} from "./Refusals.sol";
import {RevocationList, RevocationListReader} from "./RevocationList.sol";

/// What a certificate directly under the root is for.
enum Role {
    None,
    /// Signs PCK certificates and the list of those that were revoked.
    PckAuthority,
    /// Signs TCB infos and QE identities.
    TcbSigner
}

/// A certificate under the root whose signature was checked. Times are seconds since the Unix epoch.
struct KnownCertificate {
    Role role;
    bool mayIssue;
    bool mayList;
    uint64 notBefore;
    uint64 notAfter;
    uint256 serial;
    bytes32 subject;
    uint256 keyX;
    uint256 keyY;
}

/// Intel's certificates below the one root that is trusted, and its revocation lists: brought by anybody, checked once,
/// and good until they run out. Nobody owns it. Spec: attestation.md 8.1.
contract IntelCertificates {
    event CertificateKnown(bytes32 indexed id, Role role, uint64 notAfter);
    event ListKnown(bytes32 indexed issuer, uint64 thisUpdate, uint64 nextUpdate, uint256 revoked);

    /// A list of the same issuer is known that is as new.
    error NotNewer(uint64 known);

    struct KnownList {
        uint64 thisUpdate;
        uint64 nextUpdate;
        /// Codes that hold the serial numbers, one word each.
        address[] places;
    }

    /// Serial numbers in one code.
    uint256 private constant PLACE_SERIALS = 700;

    /// keccak256 of the root's DER.
    bytes32 public immutable rootHash;
    bytes32 private immutable rootSubject;
    uint256 private immutable rootX;
    uint256 private immutable rootY;
    uint256 private immutable rootSerial;
    uint64 private immutable rootNotBefore;
    uint64 private immutable rootNotAfter;

    mapping(bytes32 id => KnownCertificate) private certificates;
    /// By name and key of whom they are from: `issuerIdOf`.
    mapping(bytes32 issuer => KnownList) private lists;

    /// @param root DER; signed by itself, which also shows that the chain has the precompile
    constructor(bytes memory root) {
        Certificate memory found = CertificateReader.read(root);
        need(found.issuer == found.subject && found.isAuthority && found.mayIssue && found.mayList, Refusal.Chain);
        need(P256.verify(found.signedHash, found.r, found.s, found.keyX, found.keyY), Refusal.Signature);
        rootHash = keccak256(root);
        (rootSubject, rootX, rootY) = (found.subject, found.keyX, found.keyY);
        (rootSerial, rootNotBefore, rootNotAfter) = (found.serial, found.notBefore, found.notAfter);
    }

    /// Checks a certificate that the root issued, and keeps it.
    /// @param der an authority of PCK certificates, or the signer of Intel's documents
    /// @return id keccak256 of it
    function putCertificate(bytes calldata der) external returns (bytes32 id) {
        Certificate memory found = CertificateReader.read(der);
        need(found.issuer == rootSubject, Refusal.Chain);
        need(P256.verify(found.signedHash, found.r, found.s, rootX, rootY), Refusal.Chain);
        Role role = roleOf(found);
        requireInForce(found.notBefore, found.notAfter);
        id = keccak256(der);
        certificates[id] = KnownCertificate({
            role: role,
            mayIssue: found.mayIssue,
            mayList: found.mayList,
            notBefore: found.notBefore,
            notAfter: found.notAfter,
            serial: found.serial,
            subject: found.subject,
            keyX: found.keyX,
            keyY: found.keyY
        });
        emit CertificateKnown(id, role, found.notAfter);
    }

    /// Checks a revocation list and keeps it in place of the older one.
    /// @param issuer id of an authority that is known; 0 for the root
    function putList(bytes32 issuer, bytes calldata der) external {
        RevocationList memory found = RevocationListReader.read(der);
        (bytes32 subject, uint256 keyX, uint256 keyY) = (rootSubject, rootX, rootY);
        if (issuer != 0) {
            KnownCertificate memory authority = certificates[issuer];
            need(authority.role == Role.PckAuthority && authority.mayList, Refusal.Chain);
            (subject, keyX, keyY) = (authority.subject, authority.keyX, authority.keyY);
        }
        need(found.issuer == subject, Refusal.Chain);
        need(P256.verify(found.signedHash, found.r, found.s, keyX, keyY), Refusal.Signature);
        requireInForce(found.thisUpdate, found.nextUpdate);
        bytes32 id = issuerIdOf(subject, keyX, keyY);
        KnownList storage list = lists[id];
        if (found.thisUpdate <= list.thisUpdate) revert NotNewer(list.thisUpdate);
        (list.thisUpdate, list.nextUpdate) = (found.thisUpdate, found.nextUpdate);
        delete list.places;
        for (uint256 from = 0; from < found.serials.length; from += PLACE_SERIALS) {
            list.places.push(CodeStore.write(pack(found.serials, from)));
        }
        emit ListKnown(id, found.thisUpdate, found.nextUpdate, found.serials.length);
    }

    /// A certificate that is known, as it was checked; nothing about whether it still holds.
    function certificateOf(bytes32 id) external view returns (KnownCertificate memory) {
        return certificates[id];
    }

    /// Reverts unless the certificate holds now: known, of this role, in force, not revoked.
    /// @return known the certificate
    /// @return until how long all of that holds, in seconds
    function requireGood(bytes32 id, Role role) external view returns (KnownCertificate memory known, uint64 until) {
        known = certificates[id];
        need(known.role == role, Refusal.Collateral);
        requireInForce(rootNotBefore, rootNotAfter);
        requireInForce(known.notBefore, known.notAfter);
        bytes32 root = issuerIdOf(rootSubject, rootX, rootY);
        until = requireListed(root, rootSerial);
        requireListed(root, known.serial);
        until = least(until, least(rootNotAfter, known.notAfter));
    }

    /// Reverts unless the list of this authority is in force and does not have the serial number.
    /// @return until how long the list holds, in seconds
    function requireNotRevoked(bytes32 subject, uint256 keyX, uint256 keyY, uint256 serial)
        external
        view
        returns (uint64 until)
    {
        return requireListed(issuerIdOf(subject, keyX, keyY), serial);
    }

    /// When the list of an authority was issued, and until when it holds; 0 where none is known.
    /// @param issuer id of the authority; 0 for the root
    function listOf(bytes32 issuer) external view returns (uint64 thisUpdate, uint64 nextUpdate) {
        KnownCertificate memory known = certificates[issuer];
        KnownList storage list = issuer == 0
            ? lists[issuerIdOf(rootSubject, rootX, rootY)]
            : lists[issuerIdOf(known.subject, known.keyX, known.keyY)];
        return (list.thisUpdate, list.nextUpdate);
    }

    function requireListed(bytes32 issuer, uint256 serial) private view returns (uint64) {
        KnownList storage list = lists[issuer];
        need(list.thisUpdate != 0, Refusal.Collateral);
        requireInForce(list.thisUpdate, list.nextUpdate);
        for (uint256 i = 0; i < list.places.length; i++) {
            need(!has(CodeStore.read(list.places[i]), serial), Refusal.Revoked);
        }
        return list.nextUpdate;
    }

    function has(bytes memory serials, uint256 serial) private pure returns (bool found) {
        assembly ("memory-safe") {
            let end := add(add(serials, 32), mload(serials))
            for { let at := add(serials, 32) } lt(at, end) { at := add(at, 32) } {
                if eq(mload(at), serial) {
                    found := 1
                    break
                }
            }
        }
    }

    function pack(uint256[] memory serials, uint256 from) private pure returns (bytes memory packed) {
        uint256 count = serials.length - from < PLACE_SERIALS ? serials.length - from : PLACE_SERIALS;
        packed = new bytes(32 * count);
        assembly ("memory-safe") {
            mcopy(add(packed, 32), add(add(serials, 32), mul(from, 32)), mul(count, 32))
        }
    }

    /// By the common name; an authority has to be one, and a signer none.
    function roleOf(Certificate memory found) private pure returns (Role) {
        if (found.commonName == keccak256("Intel SGX TCB Signing")) {
            need(!found.isAuthority && found.maySign, Refusal.Chain);
            return Role.TcbSigner;
        }
        bool isAuthority = found.commonName == keccak256("Intel SGX PCK Platform CA")
            || found.commonName == keccak256("Intel SGX PCK Processor CA");
        need(isAuthority && found.isAuthority, Refusal.Chain);
        return Role.PckAuthority;
    }

    function issuerIdOf(bytes32 subject, uint256 keyX, uint256 keyY) private pure returns (bytes32) {
        return keccak256(abi.encode(subject, keyX, keyY));
    }

    function least(uint64 a, uint64 b) private pure returns (uint64) {
        return a < b ? a : b;
    }
}
