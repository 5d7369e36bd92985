// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CodeStore} from "./CodeStore.sol";
import {IntelCertificates, KnownCertificate, Role} from "./IntelCertificates.sol";
import {P256} from "./P256.sol";
import {QeIdentityReader} from "./QeIdentityReader.sol";
import {Refusal, need, requireInForce} from "./Refusals.sol";
import {QeIdentity, TcbInfo} from "./TcbDocuments.sol";
import {TcbInfoReader} from "./TcbInfoReader.sol";

/// What Intel says of platforms and quoting enclaves: brought by anybody, checked and read once, good until it runs out.
/// Only a newer document takes the place of an older one. Nobody owns it. Spec: attestation.md 8.2.
contract TcbRegistry {
    event TcbInfoKnown(bool indexed isTdx, bytes6 indexed fmspc, uint64 issued, uint64 nextUpdate, uint32 evaluation);
    event QeIdentityKnown(bool indexed isTdx, uint64 issued, uint64 nextUpdate, uint32 evaluation);

    /// A document about the same is known that is as new, or of a later evaluation.
    error NotNewer(uint64 issued, uint32 evaluation);

    struct Known {
        uint64 issued;
        uint32 evaluation;
        /// Code that holds the document, ABI-encoded.
        address place;
        /// Id of the certificate that signed it.
        bytes32 signer;
    }

    IntelCertificates public immutable certificates;
    mapping(bool isTdx => mapping(bytes6 fmspc => Known)) private tcbInfos;
    mapping(bool isTdx => Known) private qeIdentities;

    constructor(IntelCertificates certificates_) {
        certificates = certificates_;
    }

    /// Checks a TCB info and keeps it.
    /// @param text the very bytes that were signed
    /// @param signer id of a certificate that is known
    function putTcbInfo(bytes calldata text, uint256 r, uint256 s, bytes32 signer) external {
        requireSigned(text, r, s, signer);
        TcbInfo memory info = TcbInfoReader.read(text);
        requireInForce(info.issued, info.nextUpdate);
        bytes memory packed = abi.encode(info);
        keep(tcbInfos[info.isTdx][info.fmspc], info.issued, info.evaluation, packed, signer);
        emit TcbInfoKnown(info.isTdx, info.fmspc, info.issued, info.nextUpdate, info.evaluation);
    }

    /// Checks a QE identity and keeps it.
    /// @param text the very bytes that were signed
    /// @param signer id of a certificate that is known
    function putQeIdentity(bytes calldata text, uint256 r, uint256 s, bytes32 signer) external {
        requireSigned(text, r, s, signer);
        QeIdentity memory identity = QeIdentityReader.read(text);
        requireInForce(identity.issued, identity.nextUpdate);
        bytes memory packed = abi.encode(identity);
        keep(qeIdentities[identity.isTdx], identity.issued, identity.evaluation, packed, signer);
        emit QeIdentityKnown(identity.isTdx, identity.issued, identity.nextUpdate, identity.evaluation);
    }

    /// The TCB info about processors of this kind. Reverts unless it holds now, and who signed it does.
    /// @return info what it says
    /// @return until how long all of that holds, in seconds
    function tcbInfoOf(bool isTdx, bytes6 fmspc) external view returns (TcbInfo memory info, uint64 until) {
        Known memory known = tcbInfos[isTdx][fmspc];
        until = requireGood(known);
        info = abi.decode(CodeStore.read(known.place), (TcbInfo));
        requireInForce(info.issued, info.nextUpdate);
        if (info.nextUpdate < until) until = info.nextUpdate;
    }

    /// The identity of quoting enclaves of SGX or of TDX. Reverts unless it holds now, and who signed it does.
    /// @return identity what it says
    /// @return until how long all of that holds, in seconds
    function qeIdentityOf(bool isTdx) external view returns (QeIdentity memory identity, uint64 until) {
        Known memory known = qeIdentities[isTdx];
        until = requireGood(known);
        identity = abi.decode(CodeStore.read(known.place), (QeIdentity));
        requireInForce(identity.issued, identity.nextUpdate);
        if (identity.nextUpdate < until) until = identity.nextUpdate;
    }

    /// When the known TCB info was issued, and of which evaluation it is; 0 where none is known.
    function tcbInfoIssued(bool isTdx, bytes6 fmspc) external view returns (uint64 issued, uint32 evaluation) {
        Known memory known = tcbInfos[isTdx][fmspc];
        return (known.issued, known.evaluation);
    }

    /// The same of the QE identity.
    function qeIdentityIssued(bool isTdx) external view returns (uint64 issued, uint32 evaluation) {
        Known memory known = qeIdentities[isTdx];
        return (known.issued, known.evaluation);
    }

    function requireSigned(bytes calldata text, uint256 r, uint256 s, bytes32 signer) private view {
        (KnownCertificate memory known,) = certificates.requireGood(signer, Role.TcbSigner);
        need(P256.verify(sha256(text), r, s, known.keyX, known.keyY), Refusal.Signature);
    }

    function requireGood(Known memory known) private view returns (uint64 until) {
        need(known.issued != 0, Refusal.Collateral);
        (, until) = certificates.requireGood(known.signer, Role.TcbSigner);
    }

    function keep(Known storage known, uint64 issued, uint32 evaluation, bytes memory packed, bytes32 signer) private {
        if (issued <= known.issued || evaluation < known.evaluation) revert NotNewer(known.issued, known.evaluation);
        (known.issued, known.evaluation, known.signer) = (issued, evaluation, signer);
        known.place = CodeStore.write(packed);
    }
}
