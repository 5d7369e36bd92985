// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IReward} from "./StorageFees.sol";

/// Keeps storage fees by pricing chunk until the mine contract pays them out; no other way leads out but `migrate`.
contract RewardPool is IReward, Ownable {
    event RewardFilled(uint256 indexed chunk, uint256 amount);
    event Migrated(address indexed next, uint256 amount);
    error CallerNotMarket(address caller);
    error MarketAlreadySet(address market);
    error MigrationFailed();

    /// Sectors per pricing chunk: 2^25 (8 GiB) upstream, a deployment parameter here.
    uint256 public immutable chunkSectors;
    address public market;
    mapping(uint256 chunk => uint256) public rewards;

    constructor(address owner, uint256 chunkSectors_) Ownable(owner) {
        chunkSectors = chunkSectors_;
    }

    /// Binds the market, once.
    function setMarket(address market_) external onlyOwner {
        if (market != address(0)) revert MarketAlreadySet(market);
        market = market_;
    }

    /// Spreads the value over the chunks that the sectors lie in, in proportion; the last one takes the rounding.
    function fillReward(uint256 beforeLength, uint256 rewardSectors) external payable {
        if (msg.sender != market) revert CallerNotMarket(msg.sender);
        uint256 rest = msg.value;
        uint256 position = beforeLength;
        uint256 end = beforeLength + rewardSectors;
        while (position < end) {
            uint256 chunk = position / chunkSectors;
            uint256 chunkEnd = (chunk + 1) * chunkSectors;
            uint256 part = chunkEnd >= end ? rest : (msg.value * (chunkEnd - position)) / rewardSectors;
            rewards[chunk] += part;
            rest -= part;
            position = chunkEnd;
            emit RewardFilled(chunk, part);
        }
    }

    /// Hands all fees to the pool that succeeds this one.
    function migrate(address payable next) external onlyOwner {
        uint256 amount = address(this).balance;
        (bool ok,) = next.call{value: amount}("");
        if (!ok) revert MigrationFailed();
        emit Migrated(next, amount);
    }
}
