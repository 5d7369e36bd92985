// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Words of 32 bits in a row in memory: their address times 2^64, plus their number.
type Run is uint256;

/// Bytes that are no whole words.
error WordsRagged();
/// A word is asked for that is not there.
error WordMissing();

using {word, slice, length, start} for Run global;

/// Word i.
function word(Run run, uint256 i) pure returns (uint256 value) {
    if (i >= run.length()) revert WordMissing();
    uint256 from = run.start();
    assembly ("memory-safe") {
        value := shr(224, mload(add(from, shl(2, i))))
    }
}

/// `count` words from word `first` on.
function slice(Run run, uint256 first, uint256 count) pure returns (Run) {
    if (first > run.length() || count > run.length() - first) revert WordMissing();
    return Run.wrap((run.start() + 4 * first) << 64 | count);
}

function length(Run run) pure returns (uint256) {
    return Run.unwrap(run) & type(uint64).max;
}

/// Address of word 0; every four bytes there is one, big-endian.
function start(Run run) pure returns (uint256) {
    return Run.unwrap(run) >> 64;
}

/// Makes runs of the bytes that a working's chunks have, and such bytes of runs. Spec: dispute.md 2.
library Words {
    uint256 private constant ODD_BYTES = 0xff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00;
    uint256 private constant EVEN_BYTES = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
    uint256 private constant HIGH_PAIRS = 0xffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000;
    uint256 private constant LOW_PAIRS = 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;

    /// Copies chunks of one table, laid end to end, and turns each word's bytes, which are little-endian.
    function open(bytes calldata chunks) internal pure returns (Run run) {
        if (chunks.length % 4 != 0) revert WordsRagged();
        uint256 to;
        assembly ("memory-safe") {
            to := mload(0x40)
            run := or(shl(64, to), shr(2, chunks.length))
            // whole 32 bytes: what is read behind the chunks is behind the run's last word
            let size := and(add(chunks.length, 31), not(31))
            mstore(0x40, add(to, size))
            calldatacopy(to, chunks.offset, size)
        }
        turn(to, chunks.length);
    }

    /// The run's words as a chunk has them.
    function bytesOf(Run run) internal pure returns (bytes memory data) {
        (uint256 from, uint256 size, uint256 to) = (run.start(), 4 * run.length(), 0);
        assembly ("memory-safe") {
            data := mload(0x40)
            to := add(data, 32)
            mstore(data, size)
            mstore(0x40, add(to, and(add(size, 31), not(31))))
            mcopy(to, from, size)
        }
        turn(to, size);
    }

    /// Turns the bytes of each word in memory, of whole 32 bytes.
    function turn(uint256 from, uint256 size) private pure {
        assembly ("memory-safe") {
            for { let end := add(from, size) } lt(from, end) { from := add(from, 32) } {
                let x := mload(from)
                // bytes of each pair, then pairs of each word
                x := or(and(shl(8, x), ODD_BYTES), and(shr(8, x), EVEN_BYTES))
                mstore(from, or(and(shl(16, x), HIGH_PAIRS), and(shr(16, x), LOW_PAIRS)))
            }
        }
    }

    /// A binary64 from words 2i, its low half, and 2i + 1.
    function double(Run run, uint256 i) internal pure returns (uint256) {
        return run.word(2 * i) | run.word(2 * i + 1) << 32;
    }
}
