// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HashPath} from "../dispute/judge/HashPath.sol";
import {Run, Words} from "../dispute/Words.sol";

/// What is shown does not lead to what its trainer committed to, stands in no order, or has another length.
error ShownWrong(uint256 source);
/// What the word is made from is not shown.
error NotShown(uint256 source, uint256 chunk);

/// A chunk of a table, of 1,024 words unless it is the last, with the hashes beside its way to the table's root.
struct ShownChunk {
    uint32 chunk;
    bytes data;
    bytes32[] path;
}

/// Chunks of a table in rising order, and how the table's root leads to the trace's.
struct ShownTable {
    uint32 table;
    bytes32 root;
    bytes32[] path;
    ShownChunk[] chunks;
}

/// A piece of the state before the step. @param groups level by level the hashes among which its own stands
struct ShownPiece {
    uint8 list;
    uint32 piece;
    bytes data;
    bytes[] groups;
}

/// Runs of 1,024 words by source and number, rising. A source is a table, or `LISTS` + 0, 1, 2 for the values and both
/// moments of the state before.
struct Views {
    uint256[] keys;
    Run[] runs;
    uint256 many;
    uint256 last;
}

using TrainingViews for Views global;

/// Words that an accuser shows, each held to its trainer's roots. Spec: dispute.md 11.2, training.md 6.2.
library TrainingViews {
    uint256 internal constant LISTS = 1 << 40;
    uint256 private constant FAN_IN = 128;
    uint256 private constant CHUNK_BYTES = 4096;

    function create(ShownTable[] calldata tables, ShownPiece[] calldata pieces) internal pure returns (Views memory v) {
        uint256 room = pieces.length;
        for (uint256 i = 0; i < tables.length; i++) room += tables[i].chunks.length;
        v.keys = new uint256[](room);
        v.runs = new Run[](room);
    }

    /// Takes in a table. @param leaves tables of the trace @param words of the table
    /// @return ragged whether its only chunk has another length than it must: an honest trainer's has not
    function addTable(Views memory v, ShownTable calldata shown, bytes32 trace, uint256 leaves, uint256 words)
        internal
        pure
        returns (bool ragged)
    {
        bytes32 leaf = HashPath.hashLeaf(abi.encodePacked(shown.root));
        if (HashPath.rootFrom(leaf, shown.table, leaves, shown.path) != trace) revert ShownWrong(shown.table);
        uint256 count = (words + 1023) / 1024;
        for (uint256 i = 0; i < shown.chunks.length; i++) {
            ShownChunk calldata chunk = shown.chunks[i];
            leaf = HashPath.hashLeaf(abi.encodePacked(sha256(chunk.data)));
            if (HashPath.rootFrom(leaf, chunk.chunk, count, chunk.path) != shown.root) revert ShownWrong(shown.table);
            uint256 right = chunk.chunk + 1 < count ? CHUNK_BYTES : 4 * (words - 1024 * uint256(chunk.chunk));
            if (chunk.data.length != right) ragged = true;
            else add(v, shown.table, chunk.chunk, chunk.data);
        }
    }

    /// Takes in a piece of the state. @param top the hash over the state's lists @param pieces of each list
    function addPiece(Views memory v, ShownPiece calldata shown, bytes32 top, uint256 pieces) internal pure {
        uint256 source = LISTS + shown.list;
        if (shown.list > 2 || shown.piece >= pieces || shown.data.length != CHUNK_BYTES) revert ShownWrong(source);
        bytes32 hash = sha256(shown.data);
        uint256 at = shown.list * pieces + shown.piece;
        uint256 count = 3 * pieces;
        uint256 level = 0;
        do {
            if (level == shown.groups.length) revert ShownWrong(source);
            bytes calldata group = shown.groups[level++];
            uint256 size = count - at / FAN_IN * FAN_IN;
            if (size > FAN_IN) size = FAN_IN;
            uint256 from = at % FAN_IN * 32;
            if (group.length != 32 * size || bytes32(group[from:from + 32]) != hash) revert ShownWrong(source);
            hash = sha256(group);
            at /= FAN_IN;
            count = (count + FAN_IN - 1) / FAN_IN;
        } while (count > 1);
        if (level != shown.groups.length || hash != top) revert ShownWrong(source);
        add(v, source, shown.piece, shown.data);
    }

    function add(Views memory v, uint256 source, uint256 chunk, bytes calldata data) private pure {
        uint256 key = source << 32 | chunk;
        if (v.many > 0 && v.keys[v.many - 1] >= key) revert ShownWrong(source);
        v.keys[v.many] = key;
        v.runs[v.many++] = Words.open(data);
    }

    function word(Views memory v, uint256 source, uint256 i) internal pure returns (uint256) {
        return chunkOf(v, source, i >> 10).word(i & 1023);
    }

    /// `count` words from `from` on, end to end in fresh memory.
    function row(Views memory v, uint256 source, uint256 from, uint256 count) internal pure returns (Run run) {
        if (from >> 10 == (from + count - 1) >> 10) return chunkOf(v, source, from >> 10).slice(from & 1023, count);
        run = allocate(count);
        uint256 to = run.start();
        for (uint256 end = from + count; from < end;) {
            uint256 part = 1024 - (from & 1023);
            if (part > end - from) part = end - from;
            uint256 source_ = chunkOf(v, source, from >> 10).slice(from & 1023, part).start();
            assembly ("memory-safe") {
                mcopy(to, source_, shl(2, part))
            }
            to += 4 * part;
            from += part;
        }
    }

    /// `count` words, each `apart` from the one before.
    function column(Views memory v, uint256 source, uint256 from, uint256 apart, uint256 count)
        internal
        pure
        returns (Run run)
    {
        run = allocate(count);
        for (uint256 i = 0; i < count; i++) put(run, i, word(v, source, from + i * apart));
    }

    /// Room for so many words.
    function allocate(uint256 count) internal pure returns (Run run) {
        assembly ("memory-safe") {
            let from := mload(0x40)
            run := or(shl(64, from), count)
            // a word is written 32 bytes at a time
            mstore(0x40, add(from, and(add(shl(2, count), 63), not(31))))
        }
    }

    /// The same words as bytes of their own.
    function bytesOf(Run run) internal pure returns (bytes memory all) {
        (uint256 from, uint256 size) = (run.start(), 4 * run.length());
        all = new bytes(size);
        assembly ("memory-safe") {
            mcopy(add(all, 32), from, size)
        }
    }

    function runOf(bytes memory words) internal pure returns (Run run) {
        assembly ("memory-safe") {
            run := or(shl(64, add(words, 32)), shr(2, mload(words)))
        }
    }

    /// Writes word i; those behind it are written later, or are not read.
    function put(Run run, uint256 i, uint256 value) internal pure {
        uint256 from = run.start();
        assembly ("memory-safe") {
            let to := add(from, shl(2, i))
            mstore(to, or(shl(224, value), shr(32, shl(32, mload(to)))))
        }
    }

    function chunkOf(Views memory v, uint256 source, uint256 chunk) private pure returns (Run) {
        uint256 key = source << 32 | chunk;
        uint256 at = v.last;
        if (at >= v.many || v.keys[at] != key) {
            if (at + 1 < v.many && v.keys[at + 1] == key) {
                at++;
            } else {
                at = find(v, key);
                if (at == v.many) revert NotShown(source, chunk);
            }
            v.last = at;
        }
        return v.runs[at];
    }

    /// Where a key stands; `many` where it does not.
    function find(Views memory v, uint256 key) private pure returns (uint256) {
        uint256 low = 0;
        uint256 high = v.many;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (v.keys[middle] < key) low = middle + 1;
            else high = middle;
        }
        return low < v.many && v.keys[low] == key ? low : v.many;
    }
}
