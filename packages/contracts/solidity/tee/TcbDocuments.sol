// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TcbStatus} from "./TcbStatus.sol";

/// A level of a platform. SVNs stand in 16 lanes of 16 bits, the first one highest, so that all are compared at once.
struct TcbLevel {
    uint256 sgx;
    uint256 tdx;
    bool hasTdx;
    uint16 pceSvn;
    TcbStatus status;
    /// Bit i: advisory i of the document.
    uint256 advisories;
}

/// A level of a quoting enclave or of a TDX module.
struct PartLevel {
    uint16 isvSvn;
    TcbStatus status;
    uint256 advisories;
}

struct TdxModule {
    /// 0: the one of the document's own field `tdxModule`, whose levels are the platform's.
    uint8 version;
    /// keccak256 of the 48 bytes.
    bytes32 mrSigner;
    bytes8 attributes;
    bytes8 attributesMask;
    PartLevel[] levels;
}

/// What Intel's TCB info says (attestation.md 3.5). Times are seconds since the Unix epoch.
struct TcbInfo {
    uint64 issued;
    uint64 nextUpdate;
    bytes6 fmspc;
    uint16 pceId;
    uint32 evaluation;
    bool isTdx;
    TdxModule[] modules;
    TcbLevel[] levels;
    string[] advisories;
}

/// What Intel's QE identity says (attestation.md 3.4).
struct QeIdentity {
    uint64 issued;
    uint64 nextUpdate;
    uint32 evaluation;
    bool isTdx;
    bytes4 miscSelect;
    bytes4 miscSelectMask;
    bytes16 attributes;
    bytes16 attributesMask;
    bytes32 mrSigner;
    uint16 isvProdId;
    PartLevel[] levels;
    string[] advisories;
}
