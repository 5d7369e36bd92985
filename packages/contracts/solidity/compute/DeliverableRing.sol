// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

struct Deliverable {
    string id;
    bytes modelRootHash;
    bytes encryptedSecret;
    bool acknowledged;
    uint248 timestamp;
    bool settled;
}

/// The last twenty deliverables of an account, found by id; a new one takes the place of the oldest when all is full.
library DeliverableRing {
    uint256 internal constant CAPACITY = 20;

    struct Ring {
        Deliverable[] items;
        /// Place of the oldest once the ring is full.
        uint256 head;
        /// Place plus one.
        mapping(bytes32 idHash => uint256) placeOf;
    }

    /// The item with this id, which must be there.
    function find(Ring storage ring, string memory id) internal view returns (Deliverable storage) {
        return ring.items[ring.placeOf[keccak256(bytes(id))] - 1];
    }

    function has(Ring storage ring, string memory id) internal view returns (bool) {
        return ring.placeOf[keccak256(bytes(id))] > 0;
    }

    function newest(Ring storage ring) internal view returns (Deliverable storage) {
        uint256 count = ring.items.length;
        return ring.items[count < CAPACITY || ring.head == 0 ? count - 1 : ring.head - 1];
    }

    function isFull(Ring storage ring) internal view returns (bool) {
        return ring.items.length == CAPACITY;
    }

    function oldest(Ring storage ring) internal view returns (Deliverable storage) {
        return ring.items[ring.head];
    }

    /// Appends, or overwrites the oldest, which the caller has found fit to go.
    function put(Ring storage ring, Deliverable memory item) internal {
        uint256 place = ring.items.length;
        if (place < CAPACITY) {
            ring.items.push(item);
        } else {
            place = ring.head;
            delete ring.placeOf[keccak256(bytes(ring.items[place].id))];
            ring.items[place] = item;
            ring.head = (place + 1) % CAPACITY;
        }
        ring.placeOf[keccak256(bytes(item.id))] = place + 1;
    }

    /// Oldest first.
    function list(Ring storage ring) internal view returns (Deliverable[] memory items) {
        uint256 count = ring.items.length;
        items = new Deliverable[](count);
        for (uint256 i = 0; i < count; i++) items[i] = ring.items[(ring.head + i) % count];
    }

    function clear(Ring storage ring) internal {
        while (ring.items.length > 0) {
            delete ring.placeOf[keccak256(bytes(ring.items[ring.items.length - 1].id))];
            ring.items.pop();
        }
        ring.head = 0;
    }
}
