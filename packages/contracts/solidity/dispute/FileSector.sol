// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// No byte is asked for, or one behind the file's end, or other sectors are shown than those that hold them.
error SectorRangeWrong();
/// The sectors do not lead to the file's root.
error SectorProofWrong();

/// Bytes of a stored file, proved by its root. Spec: storage.md 1, 2.
///
/// The file's tree has its padded sectors as leaves, paired from the left, an odd last node carried up: segments are
/// nodes of it. So neighbouring sectors need the siblings at the two borders of their range alone.
library FileSector {
    uint256 private constant SECTOR_BYTES = 256;
    /// 2^48 bytes, the largest file.
    uint256 private constant FILE_BYTES_MAX = 1 << 48;

    /// Bytes `from` to `from + count` of a file.
    /// @param root the file's storage root
    /// @param fileBytes its size, which the root holds to: another one has another tree
    /// @param sectors all bytes of the sectors that these bytes lie in, the last padded with zeros
    /// @param siblings level by level from below, on each the left border's, then the right one's, where it has one
    function open(
        bytes32 root,
        uint256 fileBytes,
        uint256 from,
        uint256 count,
        bytes calldata sectors,
        bytes32[] calldata siblings
    ) internal pure returns (bytes calldata) {
        if (count == 0 || count > fileBytes || from > fileBytes - count || fileBytes > FILE_BYTES_MAX) {
            revert SectorRangeWrong();
        }
        uint256 first = from / SECTOR_BYTES;
        uint256 last = (from + count - 1) / SECTOR_BYTES;
        if (sectors.length != (last - first + 1) * SECTOR_BYTES) revert SectorRangeWrong();
        if (climb(hashSectors(sectors), first, last, paddedSectors(fileBytes), siblings) != root) {
            revert SectorProofWrong();
        }
        from -= first * SECTOR_BYTES;
        return sectors[from:from + count];
    }

    /// Sectors after padding: a file is as large as the next multiple of a sixteenth of the power of two above it.
    function paddedSectors(uint256 fileBytes) internal pure returns (uint256) {
        uint256 count = (fileBytes + SECTOR_BYTES - 1) / SECTOR_BYTES;
        uint256 power = 1;
        while (power < count) power *= 2;
        uint256 unit = power == count || power < 16 ? 1 : power / 16;
        return (count + unit - 1) / unit * unit;
    }

    /// Address of the sectors' hashes in fresh memory.
    function hashSectors(bytes calldata sectors) private pure returns (uint256 nodes) {
        assembly ("memory-safe") {
            nodes := mload(0x40)
            let to := nodes
            for { let seen := 0 } lt(seen, sectors.length) { seen := add(seen, SECTOR_BYTES) } {
                // hashed where it then is overwritten: a hash is shorter than a sector
                calldatacopy(to, add(sectors.offset, seen), SECTOR_BYTES)
                mstore(to, keccak256(to, SECTOR_BYTES))
                to := add(to, 32)
            }
            mstore(0x40, to)
        }
    }

    /// Root over `count` leaves, of which `first` to `last` have their hashes at `nodes`.
    function climb(uint256 nodes, uint256 first, uint256 last, uint256 count, bytes32[] calldata siblings)
        private
        pure
        returns (bytes32 root)
    {
        unchecked {
            uint256 used = 0;
            for (; count > 1; count = (count + 1) >> 1) {
                uint256 to = nodes;
                uint256 next = nodes;
                uint256 end = nodes + 32 * (last - first + 1);
                if (first & 1 == 1) {
                    (to, next) = (hashPair(to, take(siblings, used++), load(next)), next + 32);
                }
                for (; next + 32 < end; next += 64) to = hashPair(to, load(next), load(next + 32));
                if (next < end) {
                    // the last node alone: with its sibling, or carried up
                    if (last + 1 < count) to = hashPair(to, load(next), take(siblings, used++));
                    else store(to, load(next));
                }
                first >>= 1;
                last >>= 1;
            }
            if (used != siblings.length) revert SectorProofWrong();
            return load(nodes);
        }
    }

    function take(bytes32[] calldata siblings, uint256 i) private pure returns (bytes32) {
        if (i >= siblings.length) revert SectorProofWrong();
        return siblings[i];
    }

    /// Writes the hash of a pair, which may stand where it is written. @return where the next one goes
    function hashPair(uint256 to, bytes32 left, bytes32 right) private pure returns (uint256) {
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            mstore(to, keccak256(0x00, 0x40))
        }
        return to + 32;
    }

    function load(uint256 from) private pure returns (bytes32 node) {
        assembly ("memory-safe") {
            node := mload(from)
        }
    }

    function store(uint256 to, bytes32 node) private pure {
        assembly ("memory-safe") {
            mstore(to, node)
        }
    }
}
