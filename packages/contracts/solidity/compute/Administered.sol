// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Ownership and one-time initialisation behind a proxy, with the messages, events and errors of the v1.1 ABI.
abstract contract Administered {
    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);
    event Initialized(uint8 version);
    error AlreadyInitialized();

    address public owner;
    bool public initialized;

    modifier onlyOwner() {
        require(msg.sender == owner, "Ownable: caller is not the owner");
        _;
    }

    modifier initializer() {
        if (initialized) revert AlreadyInitialized();
        initialized = true;
        _;
        emit Initialized(1);
    }

    /// An implementation behind proxies belongs to nobody.
    constructor() {
        initialized = true;
    }

    function renounceOwnership() external onlyOwner {
        setOwner(address(0));
    }

    function transferOwnership(address newOwner) external onlyOwner {
        require(newOwner != address(0), "Ownable: new owner is the zero address");
        setOwner(newOwner);
    }

    function setOwner(address newOwner) internal {
        emit OwnershipTransferred(owner, newOwner);
        owner = newOwner;
    }
}
