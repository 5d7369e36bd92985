// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Why evidence is refused: attestation.md 2 says what each means. The order is the ABI's.
enum Refusal {
    Malformed,
    Unsupported,
    Collateral,
    Chain,
    Revoked,
    Expired,
    NotYetValid,
    Signature,
    Binding,
    QeIdentity,
    TdxModule,
    TcbLevel,
    TcbStatus,
    Debug,
    Attributes,
    ReportData
}

error Refused(Refusal code);

function need(bool holds, Refusal code) pure {
    if (!holds) revert Refused(code);
}

/// Both in seconds since the Unix epoch, both included.
function requireInForce(uint64 from, uint64 to) view {
    need(block.timestamp >= from, Refusal.NotYetValid);
    need(block.timestamp <= to, Refusal.Expired);
}
