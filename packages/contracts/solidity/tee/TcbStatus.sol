// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Refusal, Refused} from "./Refusals.sol";

/// States of a trusted computing base as Intel names them, in the order of the verifier off chain.
enum TcbStatus {
    UpToDate,
    SWHardeningNeeded,
    ConfigurationNeeded,
    ConfigurationAndSWHardeningNeeded,
    OutOfDate,
    OutOfDateConfigurationNeeded,
    Revoked,
    TDRelaunchAdvised,
    TDRelaunchAdvisedConfigurationNeeded
}

library TcbStatuses {
    /// By the keccak256 of the name.
    function named(bytes32 name) internal pure returns (TcbStatus) {
        if (name == keccak256("UpToDate")) return TcbStatus.UpToDate;
        if (name == keccak256("SWHardeningNeeded")) return TcbStatus.SWHardeningNeeded;
        if (name == keccak256("ConfigurationNeeded")) return TcbStatus.ConfigurationNeeded;
        if (name == keccak256("ConfigurationAndSWHardeningNeeded")) return TcbStatus.ConfigurationAndSWHardeningNeeded;
        if (name == keccak256("OutOfDate")) return TcbStatus.OutOfDate;
        if (name == keccak256("OutOfDateConfigurationNeeded")) return TcbStatus.OutOfDateConfigurationNeeded;
        if (name == keccak256("Revoked")) return TcbStatus.Revoked;
        revert Refused(Refusal.Malformed);
    }

    /// A part that is out of date, or revoked, makes the whole so; otherwise the platform's state stands.
    function combine(TcbStatus platform, TcbStatus part) internal pure returns (TcbStatus) {
        if (platform == TcbStatus.Revoked || part == TcbStatus.Revoked) return TcbStatus.Revoked;
        if (part != TcbStatus.OutOfDate) return platform;
        return needsConfiguration(platform) ? TcbStatus.OutOfDateConfigurationNeeded : TcbStatus.OutOfDate;
    }

    /// A domain launched on an old platform that has been updated under it.
    function adviseRelaunch(TcbStatus launched, TcbStatus current) internal pure returns (TcbStatus) {
        if (!isOutOfDate(launched) || isOutOfDate(current) || current == TcbStatus.Revoked) return launched;
        bool needs = needsConfiguration(launched) || needsConfiguration(current);
        return needs ? TcbStatus.TDRelaunchAdvisedConfigurationNeeded : TcbStatus.TDRelaunchAdvised;
    }

    function isOutOfDate(TcbStatus status) private pure returns (bool) {
        return status == TcbStatus.OutOfDate || status == TcbStatus.OutOfDateConfigurationNeeded;
    }

    function needsConfiguration(TcbStatus status) private pure returns (bool) {
        return status == TcbStatus.ConfigurationNeeded || status == TcbStatus.ConfigurationAndSWHardeningNeeded
            || status == TcbStatus.OutOfDateConfigurationNeeded;
    }
}
