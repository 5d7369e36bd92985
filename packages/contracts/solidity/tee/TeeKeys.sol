// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Attested, DcapVerifier} from "./DcapVerifier.sol";
import {Refusal, need} from "./Refusals.sol";
import {TcbStatus} from "./TcbStatus.sol";

/// A key that trusted hardware has shown to be its own. Times are seconds since the Unix epoch.
struct TeeKey {
    /// The quote was made after this: the time of the mark that it carries.
    uint64 madeAfter;
    uint64 attestedAt;
    /// Until when the record is good; 0 for a key that nothing is known of.
    uint64 freshUntil;
    TcbStatus status;
    bool isTdx;
    uint16 quoteVersion;
    /// As `DcapVerifier` says: MRENCLAVE, or the hash of a domain's registers.
    bytes32 measurement;
}

/// Which keys of providers live in trusted hardware, by quotes that this contract had verified. Anybody submits; nobody
/// approves, and nobody owns it. Spec: attestation.md 9.
contract TeeKeys {
    event Marked(bytes32 indexed mark, uint64 time);
    event KeyAttested(
        address indexed provider,
        address indexed key,
        bytes32 indexed measurement,
        TcbStatus status,
        uint64 freshUntil,
        bool isTdx,
        bytes body,
        string[] advisories
    );

    /// The quote carries no mark that is known.
    error MarkUnknown(bytes32 mark);
    /// Its mark is too old, or the collateral runs out.
    error Stale(uint64 freshUntil);
    /// A quote about this key is known that is as young.
    error NotNewer(uint64 madeAfter);

    DcapVerifier public immutable verifier;
    /// How long a key is fresh after its quote was made.
    uint64 public immutable freshSeconds;

    mapping(bytes32 mark => uint64 time) public markedAt;
    mapping(address provider => mapping(address key => TeeKey)) private keys;
    /// The key of each provider that was attested last.
    mapping(address provider => address key) public latestOf;

    constructor(DcapVerifier verifier_, uint64 freshSeconds_) {
        (verifier, freshSeconds) = (verifier_, freshSeconds_);
    }

    /// Keeps the hash of the last block, which nobody could know before, so that a quote can show that it is young.
    function mark() external returns (bytes32 made) {
        made = blockhash(block.number - 1);
        if (markedAt[made] == 0) {
            markedAt[made] = uint64(block.timestamp);
            emit Marked(made, uint64(block.timestamp));
        }
    }

    /// The first half of the report data that binds a key to a provider; the second one is a mark.
    function bindingOf(address provider, address key) public view returns (bytes32) {
        return keccak256(abi.encode("weightless/tee-key/1", block.chainid, address(this), provider, key));
    }

    /// Has a quote verified and records the key that it is bound to.
    function submit(address provider, address key, bytes calldata quote) external {
        Attested memory found = verifier.verify(quote);
        need(found.reportDataHigh == bindingOf(provider, key), Refusal.ReportData);
        uint64 madeAfter = markedAt[found.reportDataLow];
        if (madeAfter == 0) revert MarkUnknown(found.reportDataLow);
        uint64 freshUntil = madeAfter + freshSeconds;
        if (found.validUntil < freshUntil) freshUntil = found.validUntil;
        if (freshUntil <= block.timestamp) revert Stale(freshUntil);
        if (madeAfter <= keys[provider][key].madeAfter) revert NotNewer(keys[provider][key].madeAfter);
        keys[provider][key] = TeeKey({
            madeAfter: madeAfter,
            attestedAt: uint64(block.timestamp),
            freshUntil: freshUntil,
            status: found.status,
            isTdx: found.isTdx,
            quoteVersion: found.version,
            measurement: found.measurement
        });
        latestOf[provider] = key;
        emit KeyAttested(
            provider, key, found.measurement, found.status, freshUntil, found.isTdx, found.body, found.advisories
        );
    }

    /// What is known of a key; all zero for nothing.
    function keyOf(address provider, address key) external view returns (TeeKey memory) {
        return keys[provider][key];
    }

    /// Whether the record of a key is good now. Which states and measurements are good enough, the caller says.
    function isFresh(address provider, address key) external view returns (bool) {
        return keys[provider][key].freshUntil >= block.timestamp;
    }
}
