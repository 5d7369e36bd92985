// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Json} from "./Json.sol";
import {Refusal, need} from "./Refusals.sol";
import {TcbStatus, TcbStatuses} from "./TcbStatus.sol";
import {PartLevel} from "./TcbDocuments.sol";

/// The distinct advisories of a document, at most 256, so that a level names its own by bits.
struct AdvisoryList {
    string[] texts;
    bytes32[] hashes;
    uint256 count;
}

library Advisories {
    uint256 private constant COUNT_MAX = 256;
    uint256 private constant TEXT_BYTES_MAX = 64;

    function empty() internal pure returns (AdvisoryList memory list) {
        (list.texts, list.hashes) = (new string[](COUNT_MAX), new bytes32[](COUNT_MAX));
    }

    /// A list of texts. @return bits which of the document's advisories they are
    function read(bytes calldata text, uint256 at, AdvisoryList memory list)
        internal
        pure
        returns (uint256 bits, uint256)
    {
        bool more;
        for ((more, at) = Json.begin(text, at, "[", "]"); more;) {
            (uint256 from, uint256 to, uint256 behind) = Json.quoted(text, at);
            need(to - from <= TEXT_BYTES_MAX, Refusal.Malformed);
            bits |= 1 << indexOf(text[from:to], list);
            (more, at) = Json.next(text, behind, "]");
        }
        return (bits, at);
    }

    /// All of them, when the document was read.
    function finish(AdvisoryList memory list) internal pure returns (string[] memory texts) {
        texts = list.texts;
        uint256 count = list.count;
        assembly ("memory-safe") {
            mstore(texts, count)
        }
    }

    function indexOf(bytes calldata advisory, AdvisoryList memory list) private pure returns (uint256 index) {
        bytes32 hash = keccak256(advisory);
        for (; index < list.count; index++) {
            if (list.hashes[index] == hash) return index;
        }
        need(index < COUNT_MAX, Refusal.Malformed);
        (list.texts[index], list.hashes[index], list.count) = (string(advisory), hash, index + 1);
    }

    /// The levels of a quoting enclave or of a TDX module.
    function readPartLevels(bytes calldata text, uint256 at, AdvisoryList memory list)
        internal
        pure
        returns (PartLevel[] memory levels, uint256)
    {
        levels = new PartLevel[](Json.count(text, at));
        bool more;
        (more, at) = Json.begin(text, at, "[", "]");
        for (uint256 i = 0; more; i++) {
            at = readPartLevel(text, at, list, levels[i]);
            (more, at) = Json.next(text, at, "]");
        }
        return (levels, at);
    }

    function readPartLevel(bytes calldata text, uint256 at, AdvisoryList memory list, PartLevel memory level)
        private
        pure
        returns (uint256)
    {
        uint256 seen = 0;
        bool more;
        for ((more, at) = Json.begin(text, at, "{", "}"); more;) {
            bytes32 name;
            (name, at) = Json.name(text, at);
            if (name == "tcb") {
                (level.isvSvn, at) = readSvn(text, at, "isvsvn");
                seen |= 1;
            } else if (name == "tcbStatus") {
                (name, at) = Json.hashed(text, at);
                level.status = TcbStatuses.named(name);
                bool isOfPart = level.status == TcbStatus.UpToDate || level.status == TcbStatus.OutOfDate
                    || level.status == TcbStatus.Revoked;
                need(isOfPart, Refusal.Malformed);
                seen |= 2;
            } else if (name == "advisoryIDs") {
                (level.advisories, at) = read(text, at, list);
            } else {
                at = Json.skip(text, at);
            }
            (more, at) = Json.next(text, at, "}");
        }
        need(seen == 3, Refusal.Malformed);
        return at;
    }

    /// An object that has a number of this name.
    function readSvn(bytes calldata text, uint256 at, bytes32 wanted) internal pure returns (uint16 svn, uint256) {
        bool isThere;
        bool more;
        for ((more, at) = Json.begin(text, at, "{", "}"); more;) {
            bytes32 name;
            (name, at) = Json.name(text, at);
            if (name == wanted) {
                uint256 value;
                (value, at) = Json.number(text, at);
                need(value <= type(uint16).max, Refusal.Malformed);
                (svn, isThere) = (uint16(value), true);
            } else {
                at = Json.skip(text, at);
            }
            (more, at) = Json.next(text, at, "}");
        }
        need(isThere, Refusal.Malformed);
        return (svn, at);
    }
}
