// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Who is paid for which miner id. An id names one sealed copy of the data. Spec: mining.md 1.
abstract contract MinerRegistry {
    event NewMinerId(bytes32 indexed minerId, address indexed beneficiary);
    event UpdateMinerId(bytes32 indexed minerId, address indexed from, address indexed to);

    mapping(bytes32 minerId => address) public beneficiaries;

    /// A fresh id, which nobody could have sealed data for before this block.
    function requestMinerId(address beneficiary, uint64 seed) external {
        require(beneficiary != address(0), "Beneficiary cannot be zero");
        bytes32 minerId = keccak256(abi.encodePacked(blockhash(block.number - 1), msg.sender, seed));
        require(beneficiaries[minerId] == address(0), "MinerId has registered");
        beneficiaries[minerId] = beneficiary;
        emit NewMinerId(minerId, beneficiary);
    }

    /// Hands future rewards of an id on; only its beneficiary may.
    function transferBeneficial(address to, bytes32 minerId) external {
        require(beneficiaries[minerId] == msg.sender, "Sender does not own minerId");
        require(to != address(0), "Beneficiary cannot be zero");
        beneficiaries[minerId] = to;
        emit UpdateMinerId(minerId, msg.sender, to);
    }
}
