// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Lists of sub-accounts: all, by user, by provider. An account's three places share one slot, so that opening one costs
/// a slot for each list entry and one more, instead of two for each.
library AccountIndex {
    /// Places plus one.
    struct Places {
        uint64 all;
        uint64 user;
        uint64 provider;
    }

    struct Index {
        bytes32[] all;
        mapping(address user => bytes32[]) byUser;
        mapping(address provider => bytes32[]) byProvider;
        mapping(bytes32 key => Places) places;
    }

    /// `key` must be new.
    function add(Index storage index, bytes32 key, address user, address provider) internal {
        index.all.push(key);
        index.byUser[user].push(key);
        index.byProvider[provider].push(key);
        index.places[key] = Places(
            uint64(index.all.length), uint64(index.byUser[user].length), uint64(index.byProvider[provider].length)
        );
    }

    /// `key` must be there, under these two; the last of each list takes its place.
    function remove(Index storage index, bytes32 key, address user, address provider) internal {
        Places memory gone = index.places[key];
        index.places[cut(index.all, gone.all)].all = gone.all;
        index.places[cut(index.byUser[user], gone.user)].user = gone.user;
        index.places[cut(index.byProvider[provider], gone.provider)].provider = gone.provider;
        delete index.places[key];
    }

    /// A page of a list; `limit` 0 asks for all.
    function page(bytes32[] storage keys, uint256 offset, uint256 limit) internal view returns (bytes32[] memory chosen) {
        uint256 total = keys.length;
        uint256 end = limit == 0 || offset > total || limit > total - offset ? total : offset + limit;
        if (offset >= end) return chosen;
        chosen = new bytes32[](end - offset);
        for (uint256 i = 0; i < chosen.length; i++) chosen[i] = keys[offset + i];
    }

    function cut(bytes32[] storage keys, uint256 place) private returns (bytes32 last) {
        last = keys[keys.length - 1];
        keys[place - 1] = last;
        keys.pop();
    }
}
