// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Exercises what a client asks of JSON-RPC: events, storage, every kind of revert, gas that depends on state.
contract Sample {
    event Stored(address indexed who, uint256 indexed key, uint256 value);

    error TooLarge(uint256 given, uint256 limit);

    mapping(uint256 => uint256) public values;
    uint256 public counter;

    constructor(uint256 first) payable {
        counter = first;
    }

    function store(uint256 key, uint256 value) external payable returns (uint256) {
        if (value > 1000) revert TooLarge(value, 1000);
        values[key] = value;
        counter += 1;
        emit Stored(msg.sender, key, value);
        return counter;
    }

    function storeMany(uint256 count) external {
        for (uint256 i = 0; i < count; i++) {
            values[i] = i + 1;
            emit Stored(msg.sender, i, i + 1);
        }
    }

    function refuse() external pure {
        require(false, "refused for a reason");
    }

    function underflow(uint256 a) external pure returns (uint256) {
        return a - 1;
    }

    function spin() external pure {
        while (true) {}
    }

    function clock() external view returns (uint256 number, uint256 time, uint256 chain) {
        return (block.number, block.timestamp, block.chainid);
    }
}
