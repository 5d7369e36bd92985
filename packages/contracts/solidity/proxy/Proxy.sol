// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Names OpenZeppelin's ERC-1967 proxy and its admin as artefacts of this project; nothing of its own.
import {ProxyAdmin} from "@openzeppelin/contracts/proxy/transparent/ProxyAdmin.sol";
import {TransparentUpgradeableProxy} from "@openzeppelin/contracts/proxy/transparent/TransparentUpgradeableProxy.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
