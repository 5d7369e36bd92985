// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Advisories, AdvisoryList} from "./Advisories.sol";
import {Json} from "./Json.sol";
import {Refusal, need} from "./Refusals.sol";
import {TcbInfo, TcbLevel, TdxModule} from "./TcbDocuments.sol";
import {TcbStatuses} from "./TcbStatus.sol";

/// Reads Intel's TCB info, version 3.
library TcbInfoReader {
    uint256 private constant ALL = (1 << 9) - 1;
    uint256 private constant MODULES_MAX = 64;

    function read(bytes calldata text) internal pure returns (TcbInfo memory info) {
        AdvisoryList memory list = Advisories.empty();
        TdxModule[] memory modules = new TdxModule[](MODULES_MAX);
        uint256 moduleCount = 0;
        (bool more, uint256 at) = Json.begin(text, 0, "{", "}");
        uint256 seen = 0;
        while (more) {
            bytes32 name;
            uint256 kind;
            (name, at) = Json.name(text, at);
            (kind, at) = field(text, at, name, info);
            if (name == "tcbLevels") {
                (info.levels, at) = readLevels(text, at, list);
                kind = 1;
            } else if (name == "tdxModule") {
                need(moduleCount < MODULES_MAX, Refusal.Malformed);
                at = readModule(text, at, list, modules[moduleCount++], false);
            } else if (name == "tdxModuleIdentities") {
                (moduleCount, at) = readModules(text, at, list, modules, moduleCount);
            } else if (kind == 0) {
                at = Json.skip(text, at);
            }
            seen |= kind;
            (more, at) = Json.next(text, at, "}");
        }
        need(seen == ALL, Refusal.Malformed);
        assembly ("memory-safe") {
            mstore(modules, moduleCount)
        }
        (info.modules, info.advisories) = (modules, Advisories.finish(list));
    }

    /// @return kind a bit for each field that has to be there; 0 for another one, which is not passed
    function field(bytes calldata text, uint256 at, bytes32 name, TcbInfo memory info)
        private
        pure
        returns (uint256 kind, uint256)
    {
        uint256 number;
        bytes32 word;
        if (name == "id") {
            (word, at) = Json.short(text, at);
            info.isTdx = word == "TDX";
            need(info.isTdx || word == "SGX", Refusal.Malformed);
            return (2, at);
        }
        if (name == "version") {
            (number, at) = Json.number(text, at);
            need(number == 3, Refusal.Malformed);
            return (4, at);
        }
        if (name == "tcbType") {
            (number, at) = Json.number(text, at);
            need(number == 0, Refusal.Malformed);
            return (8, at);
        }
        if (name == "issueDate") {
            (info.issued, at) = Json.time(text, at);
            return (16, at);
        }
        if (name == "nextUpdate") {
            (info.nextUpdate, at) = Json.time(text, at);
            return (32, at);
        }
        if (name == "tcbEvaluationDataNumber") {
            (number, at) = Json.number(text, at);
            info.evaluation = uint32(number);
            return (64, at);
        }
        if (name == "fmspc") {
            (word, at) = Json.hexOf(text, at, 6);
            info.fmspc = bytes6(word);
            return (128, at);
        }
        if (name == "pceId") {
            (word, at) = Json.hexOf(text, at, 2);
            info.pceId = uint16(bytes2(word));
            return (256, at);
        }
        return (0, at);
    }

    function readModules(
        bytes calldata text,
        uint256 at,
        AdvisoryList memory list,
        TdxModule[] memory modules,
        uint256 count
    ) private pure returns (uint256, uint256) {
        bool more;
        for ((more, at) = Json.begin(text, at, "[", "]"); more;) {
            need(count < MODULES_MAX, Refusal.Malformed);
            at = readModule(text, at, list, modules[count++], true);
            (more, at) = Json.next(text, at, "]");
        }
        return (count, at);
    }

    /// @param isNumbered whether it has a number and levels of its own
    function readModule(bytes calldata text, uint256 at, AdvisoryList memory list, TdxModule memory module, bool isNumbered)
        private
        pure
        returns (uint256)
    {
        uint256 seen = isNumbered ? 0 : 3;
        bool more;
        for ((more, at) = Json.begin(text, at, "{", "}"); more;) {
            bytes32 name;
            bytes32 word;
            (name, at) = Json.name(text, at);
            if (name == "id" && isNumbered) {
                (module.version, at) = readVersion(text, at);
                seen |= 1;
            } else if (name == "tcbLevels" && isNumbered) {
                (module.levels, at) = Advisories.readPartLevels(text, at, list);
                seen |= 2;
            } else if (name == "mrsigner") {
                (module.mrSigner, at) = Json.hexOf48(text, at);
                seen |= 4;
            } else if (name == "attributes") {
                (word, at) = Json.hexOf(text, at, 8);
                module.attributes = bytes8(word);
                seen |= 8;
            } else if (name == "attributesMask") {
                (word, at) = Json.hexOf(text, at, 8);
                module.attributesMask = bytes8(word);
                seen |= 16;
            } else {
                at = Json.skip(text, at);
            }
            (more, at) = Json.next(text, at, "}");
        }
        need(seen == 31, Refusal.Malformed);
        return at;
    }

    /// "TDX_03" is 3. Version 0 has no number of its own, and is not met here.
    function readVersion(bytes calldata text, uint256 at) private pure returns (uint8, uint256) {
        (uint256 from, uint256 to, uint256 behind) = Json.quoted(text, at);
        need(to - from == 6 && bytes4(text[from:]) == "TDX_", Refusal.Malformed);
        uint256 version = uint8(bytes1(Json.hexWord(text, from + 4, 1)));
        need(version > 0, Refusal.Malformed);
        return (uint8(version), behind);
    }

    function readLevels(bytes calldata text, uint256 at, AdvisoryList memory list)
        private
        pure
        returns (TcbLevel[] memory levels, uint256)
    {
        levels = new TcbLevel[](Json.count(text, at));
        bool more;
        (more, at) = Json.begin(text, at, "[", "]");
        for (uint256 i = 0; more; i++) {
            at = readLevel(text, at, list, levels[i]);
            (more, at) = Json.next(text, at, "]");
        }
        return (levels, at);
    }

    function readLevel(bytes calldata text, uint256 at, AdvisoryList memory list, TcbLevel memory level)
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
                at = readTcb(text, at, level);
                seen |= 1;
            } else if (name == "tcbStatus") {
                (name, at) = Json.hashed(text, at);
                level.status = TcbStatuses.named(name);
                seen |= 2;
            } else if (name == "advisoryIDs") {
                (level.advisories, at) = Advisories.read(text, at, list);
            } else {
                at = Json.skip(text, at);
            }
            (more, at) = Json.next(text, at, "}");
        }
        need(seen == 3, Refusal.Malformed);
        return at;
    }

    function readTcb(bytes calldata text, uint256 at, TcbLevel memory level) private pure returns (uint256) {
        uint256 seen = 0;
        bool more;
        for ((more, at) = Json.begin(text, at, "{", "}"); more;) {
            bytes32 name;
            (name, at) = Json.name(text, at);
            if (name == "sgxtcbcomponents") {
                (level.sgx, at) = readComponents(text, at);
                seen |= 1;
            } else if (name == "tdxtcbcomponents") {
                (level.tdx, at) = readComponents(text, at);
                level.hasTdx = true;
            } else if (name == "pcesvn") {
                uint256 svn;
                (svn, at) = Json.number(text, at);
                need(svn <= type(uint16).max, Refusal.Malformed);
                level.pceSvn = uint16(svn);
                seen |= 2;
            } else {
                at = Json.skip(text, at);
            }
            (more, at) = Json.next(text, at, "}");
        }
        need(seen == 3, Refusal.Malformed);
        return at;
    }

    /// 16 components, in lanes.
    function readComponents(bytes calldata text, uint256 at) private pure returns (uint256 lanes, uint256) {
        bool more;
        uint256 count = 0;
        for ((more, at) = Json.begin(text, at, "[", "]"); more; count++) {
            uint16 svn;
            (svn, at) = Advisories.readSvn(text, at, "svn");
            need(svn <= 255, Refusal.Malformed);
            lanes = lanes << 16 | svn;
            (more, at) = Json.next(text, at, "]");
        }
        need(count == 16, Refusal.Malformed);
        return (lanes, at);
    }
}
