// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FileSector} from "../dispute/FileSector.sol";

/// Opens bytes of files, for tests.
contract SectorHarness {
    function open(
        bytes32 root,
        uint256 fileBytes,
        uint256 from,
        uint256 count,
        bytes calldata sectors,
        bytes32[] calldata siblings
    ) external view returns (bytes memory data, uint256 gasUsed) {
        gasUsed = gasleft();
        bytes calldata opened = FileSector.open(root, fileBytes, from, count, sectors, siblings);
        gasUsed -= gasleft();
        return (opened, gasUsed);
    }

    function paddedSectors(uint256 fileBytes) external pure returns (uint256) {
        return FileSector.paddedSectors(fileBytes);
    }
}
