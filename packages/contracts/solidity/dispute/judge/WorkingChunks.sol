// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HashPath} from "./HashPath.sol";
import {Table} from "./Model.sol";
import {RowChain} from "../RowChain.sol";
import {Sha256Block} from "../Sha256Block.sol";
import {Run, WordMissing, Words} from "../Words.sol";

/// A chunk does not lead to the working's root.
error ChunkProofWrong(uint256 chunk);
/// A chunk that is read is not among those shown.
error ChunkMissing(uint256 chunk);
/// A chunk has not as many words as its table has there.
error ChunkLengthWrong(uint256 chunk);
error TooManyChunks();

/// One chunk and the hashes beside its way to the root, from below; none where a node rises alone.
struct Opening {
    uint256 chunk;
    bytes data;
    bytes32[] path;
}

/// The parts of a working that are shown.
struct Working {
    Table[] tables;
    uint256[] numbers;
    Run[] chunks;
}

using WorkingChunks for Working global;

/// Words of a working, each proved by its root. Spec: dispute.md 2, 4.
library WorkingChunks {
    uint256 private constant CHUNK_WORDS = 256;
    /// A rule reads two runs, of at most two chunks each, and another two words; the unit accused is one more.
    uint256 private constant OPENINGS_MAX = 8;

    function open(bytes32 root, Table[] memory tables, Opening[] calldata openings)
        internal
        pure
        returns (Working memory w)
    {
        uint256 count = openings.length;
        if (count > OPENINGS_MAX) revert TooManyChunks();
        (w.tables, w.numbers, w.chunks) = (tables, new uint256[](count), new Run[](count));
        Table memory last = tables[tables.length - 1];
        uint256 leaves = last.chunk + (last.words + CHUNK_WORDS - 1) / CHUNK_WORDS;
        for (uint256 i = 0; i < count; i++) {
            Opening calldata opening = openings[i];
            bytes32 leaf = HashPath.hashLeaf(opening.data);
            if (HashPath.rootFrom(leaf, opening.chunk, leaves, opening.path) != root) revert ChunkProofWrong(opening.chunk);
            (w.numbers[i], w.chunks[i]) = (opening.chunk, Words.open(opening.data));
        }
    }

    /// Words `from` to `from + count` of a table, which may lie in two chunks.
    function read(Working memory w, uint256 table, uint256 from, uint256 count) internal pure returns (Run run) {
        Table memory t = w.tables[table];
        if (from > t.words || count > t.words - from || count == 0) revert WordMissing();
        uint256 within = from % CHUNK_WORDS;
        run = w.chunkOf(t, from / CHUNK_WORDS);
        if (within + count <= CHUNK_WORDS) return run.slice(within, count);
        if (count > CHUNK_WORDS) revert WordMissing();
        uint256 head = CHUNK_WORDS - within;
        return join(run.slice(within, head), w.chunkOf(t, from / CHUNK_WORDS + 1).slice(0, count - head));
    }

    function word(Working memory w, uint256 table, uint256 i) internal pure returns (uint256) {
        return w.read(table, i, 1).word(0);
    }

    /// The binary64 `i` of a table of such.
    function double(Working memory w, uint256 table, uint256 i) internal pure returns (uint256) {
        return Words.double(w.read(table, 2 * i, 2), 0);
    }

    /// Up to eight words as one number, the first highest.
    function unit(Working memory w, uint256 table, uint256 from, uint256 count) internal pure returns (uint256 value) {
        Run run = w.read(table, from, count);
        for (uint256 i = 0; i < count; i++) value = value << 32 | run.word(i);
    }

    function chunkOf(Working memory w, Table memory t, uint256 place) internal pure returns (Run run) {
        uint256 chunk = t.chunk + place;
        for (uint256 i = 0; i < w.numbers.length; i++) {
            if (w.numbers[i] != chunk) continue;
            run = w.chunks[i];
            uint256 left = t.words - place * CHUNK_WORDS;
            if (run.length() != (left < CHUNK_WORDS ? left : CHUNK_WORDS)) revert ChunkLengthWrong(chunk);
            return run;
        }
        revert ChunkMissing(chunk);
    }

    function join(Run left, Run right) private pure returns (Run) {
        (uint256 size, uint256 rest) = (4 * left.length(), 4 * right.length());
        (uint256 a, uint256 b, uint256 to) = (left.start(), right.start(), 0);
        assembly ("memory-safe") {
            to := mload(0x40)
            mstore(0x40, add(to, and(add(add(size, rest), 63), not(31))))
            mcopy(to, a, size)
            mcopy(add(to, size), b, rest)
        }
        return Run.wrap(to << 64 | (size + rest) / 4);
    }

    /// State `index` of a chain, counted through its rows. Spec: dispute.md 4.
    function chainState(Working memory w, uint256 table, uint256 index, RowChain chains)
        internal
        pure
        returns (uint256)
    {
        (uint256 rows, uint256 rowWords) = (w.tables[table].a, w.tables[table].b);
        uint256 states = rowWords / CHUNK_WORDS + 1;
        uint256 state = index % states;
        bytes32 before = state == 0 ? Sha256Block.INITIAL : bytes32(w.unit(table, (index - 1) * 8, 8));
        uint256 from = index / states * rowWords + state * CHUNK_WORDS;
        uint256 count = state == states - 1 ? rowWords % CHUNK_WORDS : CHUNK_WORDS;
        bytes memory data = count > 0 ? Words.bytesOf(w.read(rows, from, count)) : new bytes(0);
        return uint256(chains.next(before, data, 4 * rowWords));
    }
}
