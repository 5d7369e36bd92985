// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PckPlatform} from "./PckPlatform.sol";
import {Refusal, need} from "./Refusals.sol";
import {PartLevel, QeIdentity, TcbInfo, TcbLevel, TdxModule} from "./TcbDocuments.sol";
import {TcbStatus, TcbStatuses} from "./TcbStatus.sol";

/// A state, and which advisories of its document belong to it.
struct Judgement {
    TcbStatus status;
    uint256 advisories;
}

/// Finds the state of a platform, a TDX module and a quoting enclave. Spec: attestation.md 3.4 and 3.5.
library TcbMatch {
    /// The highest bit of each lane.
    uint256 private constant TOPS = 0x8000800080008000800080008000800080008000800080008000800080008000;
    /// The module's own SVN and version, which its identity judges.
    uint256 private constant MODULE_LANES = 0xffffffff << 224;

    /// Whether no lane of `level` is above that of `svns`. Lanes have at most 8 bits.
    function covers(uint256 svns, uint256 level) internal pure returns (bool) {
        unchecked {
            return ((svns | TOPS) - level) & TOPS == TOPS;
        }
    }

    /// 16 bytes in lanes of 16 bits, the first one highest.
    function lanes(bytes16 svns) internal pure returns (uint256 x) {
        x = uint128(svns);
        x = (x | x << 64) & 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;
        x = (x | x << 32) & 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
        x = (x | x << 16) & 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
        x = (x | x << 8) & 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
    }

    /// The state of an SGX platform, or with `svn` that of a TDX platform without its module.
    function platform(TcbInfo memory info, PckPlatform memory pck, bytes16 svn) internal pure returns (Judgement memory) {
        uint256 tdx = lanes(svn);
        // from version 1 of the module on
        uint256 ignored = uint8(svn[1]) > 0 ? MODULE_LANES : 0;
        TcbLevel memory best;
        bool isFound = false;
        for (uint256 i = 0; i < info.levels.length; i++) {
            TcbLevel memory level = info.levels[i];
            bool isReached = pck.pceSvn >= level.pceSvn && covers(pck.sgx, level.sgx)
                && (!info.isTdx || (level.hasTdx && covers(tdx, level.tdx & ~ignored)));
            if (!isReached || (isFound && !isNewer(level, best))) continue;
            (best, isFound) = (level, true);
        }
        need(isFound, Refusal.TcbLevel);
        return Judgement(best.status, best.advisories);
    }

    /// By SGX components, PCESVN, TDX components.
    function isNewer(TcbLevel memory a, TcbLevel memory b) private pure returns (bool) {
        if (a.sgx != b.sgx) return a.sgx > b.sgx;
        if (a.pceSvn != b.pceSvn) return a.pceSvn > b.pceSvn;
        return a.tdx > b.tdx;
    }

    /// Judges the TDX module too, where its version is above 0.
    /// @param mrSigner keccak256 of MRSIGNERSEAM
    function tdxPlatform(
        TcbInfo memory info,
        PckPlatform memory pck,
        bytes16 svn,
        bytes32 mrSigner,
        bytes8 seamAttributes
    ) internal pure returns (Judgement memory judgement) {
        judgement = platform(info, pck, svn);
        TdxModule memory module = moduleOf(info, uint8(svn[1]));
        need(mrSigner == module.mrSigner, Refusal.TdxModule);
        need(seamAttributes & module.attributesMask == module.attributes, Refusal.TdxModule);
        if (module.version == 0) return judgement;
        (bool isFound, Judgement memory part) = partLevel(module.levels, uint8(svn[0]));
        need(isFound, Refusal.TdxModule);
        judgement.status = TcbStatuses.combine(judgement.status, part.status);
        judgement.advisories |= part.advisories;
    }

    function moduleOf(TcbInfo memory info, uint8 version) private pure returns (TdxModule memory found) {
        for (uint256 i = 0; i < info.modules.length; i++) {
            if (info.modules[i].version == version) return info.modules[i];
        }
        need(false, version == 0 ? Refusal.Collateral : Refusal.TdxModule);
    }

    /// The state of the highest level that the SVN reaches.
    function partLevel(PartLevel[] memory levels, uint256 svn)
        private
        pure
        returns (bool isFound, Judgement memory judgement)
    {
        uint256 best = 0;
        for (uint256 i = 0; i < levels.length; i++) {
            PartLevel memory level = levels[i];
            if (level.isvSvn > svn || (isFound && level.isvSvn <= best)) continue;
            (isFound, best) = (true, level.isvSvn);
            (judgement.status, judgement.advisories) = (level.status, level.advisories);
        }
    }

    /// The state of a quoting enclave by its report of 384 bytes.
    function quotingEnclave(QeIdentity memory identity, bytes calldata report, uint256 isvProdId, uint256 isvSvn)
        internal
        pure
        returns (Judgement memory)
    {
        bool isIntels = bytes32(report[128:160]) == identity.mrSigner && isvProdId == identity.isvProdId
            && (bytes4(report[16:20]) ^ identity.miscSelect) & identity.miscSelectMask == 0
            && (bytes16(report[48:64]) ^ identity.attributes) & identity.attributesMask == 0;
        need(isIntels, Refusal.QeIdentity);
        (bool isFound, Judgement memory part) = partLevel(identity.levels, isvSvn);
        need(isFound, Refusal.TcbLevel);
        return part;
    }
}
