// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Advisories, AdvisoryList} from "./Advisories.sol";
import {Json} from "./Json.sol";
import {Refusal, need} from "./Refusals.sol";
import {QeIdentity} from "./TcbDocuments.sol";

/// Reads the identity of Intel's quoting enclaves, version 2.
library QeIdentityReader {
    uint256 private constant ALL = (1 << 12) - 1;

    function read(bytes calldata text) internal pure returns (QeIdentity memory identity) {
        AdvisoryList memory list = Advisories.empty();
        (bool more, uint256 at) = Json.begin(text, 0, "{", "}");
        uint256 seen = 0;
        while (more) {
            bytes32 name;
            uint256 kind;
            (name, at) = Json.name(text, at);
            (kind, at) = field(text, at, name, identity);
            if (name == "tcbLevels") {
                (identity.levels, at) = Advisories.readPartLevels(text, at, list);
                kind = 1;
            } else if (kind == 0) {
                at = Json.skip(text, at);
            }
            seen |= kind;
            (more, at) = Json.next(text, at, "}");
        }
        need(seen == ALL, Refusal.Malformed);
        identity.advisories = Advisories.finish(list);
    }

    /// @return kind a bit for each field that has to be there; 0 for another one, which is not passed
    function field(bytes calldata text, uint256 at, bytes32 name, QeIdentity memory identity)
        private
        pure
        returns (uint256 kind, uint256)
    {
        uint256 number;
        bytes32 word;
        if (name == "id") {
            (word, at) = Json.short(text, at);
            identity.isTdx = word == "TD_QE";
            need(identity.isTdx || word == "QE", Refusal.Malformed);
            return (2, at);
        }
        if (name == "version") {
            (number, at) = Json.number(text, at);
            need(number == 2, Refusal.Malformed);
            return (4, at);
        }
        if (name == "issueDate") {
            (identity.issued, at) = Json.time(text, at);
            return (8, at);
        }
        if (name == "nextUpdate") {
            (identity.nextUpdate, at) = Json.time(text, at);
            return (16, at);
        }
        if (name == "tcbEvaluationDataNumber") {
            (number, at) = Json.number(text, at);
            identity.evaluation = uint32(number);
            return (32, at);
        }
        if (name == "isvprodid") {
            (number, at) = Json.number(text, at);
            need(number <= type(uint16).max, Refusal.Malformed);
            identity.isvProdId = uint16(number);
            return (64, at);
        }
        uint256 length = name == "mrsigner" ? 32 : name == "attributes" || name == "attributesMask" ? 16 : 4;
        if (length == 4 && name != "miscselect" && name != "miscselectMask") return (0, at);
        (word, at) = Json.hexOf(text, at, length);
        if (name == "mrsigner") {
            identity.mrSigner = word;
            return (128, at);
        }
        if (name == "attributes") {
            identity.attributes = bytes16(word);
            return (256, at);
        }
        if (name == "attributesMask") {
            identity.attributesMask = bytes16(word);
            return (512, at);
        }
        if (name == "miscselect") {
            identity.miscSelect = bytes4(word);
            return (1024, at);
        }
        identity.miscSelectMask = bytes4(word);
        return (2048, at);
    }
}
