// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Blake2b} from "./Blake2b.sol";
import {LOAD_SEALS, LOAD_SECTORS, PoraAnswer, RecallRange, SEAL_SECTORS} from "./PoraAnswer.sol";

/// The arithmetic of one answer: where its nonce recalls from, how good it is, and which flow root it leads to.
/// Everything here is bit-exact with the network's puzzle. Spec: mining.md 2, 4.
library PoraPuzzle {
    /// keccak256 over the range as four words.
    function digestOf(RecallRange calldata range) internal pure returns (bytes32) {
        return keccak256(abi.encode(range.startPosition, range.mineLength, range.shardId, range.shardMask));
    }

    /// Quality of an answer, smaller is better. Reverts where the nonce does not recall that seal.
    function quality(PoraAnswer calldata answer, bytes32 subtaskDigest) internal view returns (uint256) {
        require(answer.sealOffset < LOAD_SEALS, "Invalid seal offset");
        uint256 message = messageSpace();
        seedPad(answer, subtaskDigest, message);
        (uint256 pad, bytes32 recallSeed) = fillPad(message);
        require(answer.recallPosition == recallPosition(answer, recallSeed), "Incorrect recall position");
        mix(answer, message, pad);
        (bytes32 high,) = Blake2b.hash(message, 4224);
        return uint256(high);
    }

    /// Root of the flow that holds the answer's data at its place.
    function flowRoot(PoraAnswer calldata answer, bool isSealed) internal pure returns (bytes32) {
        return climb(sealRoot(plainAt(answer, isSealed)), answer.merkleProof, answer.recallPosition / SEAL_SECTORS);
    }

    /// The answer's data without its mask.
    function unseal(PoraAnswer calldata answer) internal pure returns (bytes32[128] memory plain) {
        uint256 from = plainAt(answer, true);
        assembly ("memory-safe") {
            mcopy(plain, from, 4096)
        }
    }

    /// Room for index, pad seed, a zero word and 128 words.
    function messageSpace() private pure returns (uint256 message) {
        assembly ("memory-safe") {
            message := mload(0x40)
            mstore(0x40, add(message, 4224))
            mstore(add(message, 96), 0)
        }
    }

    /// Writes the seal's index and the 64 bytes from which the pad grows.
    function seedPad(PoraAnswer calldata answer, bytes32 subtaskDigest, uint256 message) private view {
        bytes memory seed = abi.encode(answer.minerId, answer.nonce, subtaskDigest, digestOf(answer.range));
        uint256 start;
        assembly ("memory-safe") {
            start := add(seed, 32)
        }
        (bytes32 high, bytes32 low) = Blake2b.hash(start, 128);
        uint256 index = answer.sealOffset;
        assembly ("memory-safe") {
            mstore(message, index)
            mstore(add(message, 32), high)
            mstore(add(message, 64), low)
        }
    }

    /// 256 cells of 64 bytes: each half is the hash of the cell as it stands. The last cell's hash says what to recall.
    function fillPad(uint256 message) private pure returns (uint256 pad, bytes32 recallSeed) {
        assembly ("memory-safe") {
            pad := mload(0x40)
            let end := add(pad, 16384)
            mstore(0x40, end)
            mstore(0x00, mload(add(message, 32)))
            mstore(0x20, mload(add(message, 64)))
            for { let cell := pad } lt(cell, end) { cell := add(cell, 64) } {
                let half := keccak256(0x00, 0x40)
                mstore(0x00, half)
                mstore(cell, half)
                half := keccak256(0x00, 0x40)
                mstore(0x20, half)
                mstore(add(cell, 32), half)
            }
            recallSeed := keccak256(0x00, 0x40)
        }
    }

    function recallPosition(PoraAnswer calldata answer, bytes32 recallSeed) private pure returns (uint256) {
        RecallRange calldata range = answer.range;
        uint64 drawn = uint64(uint256(recallSeed) % (range.mineLength / LOAD_SECTORS));
        uint256 load = (drawn & range.shardMask) | range.shardId;
        require((load + 1) * LOAD_SECTORS <= range.mineLength, "Recall position out of bound");
        return range.startPosition + load * LOAD_SECTORS + answer.sealOffset * SEAL_SECTORS;
    }

    /// Writes the sealed words, masked by their quarter of the pad, behind the message's head.
    function mix(PoraAnswer calldata answer, uint256 message, uint256 pad) private pure {
        bytes32[128] calldata words = answer.sealedData;
        uint256 mask = pad + (answer.sealOffset % 4) * 4096;
        assembly ("memory-safe") {
            let out := add(message, 128)
            for { let at := 0 } lt(at, 4096) { at := add(at, 32) } {
                mstore(add(out, at), xor(calldataload(add(words, at)), mload(add(mask, at))))
            }
        }
    }

    /// Address of 4,096 bytes of memory with the answer's data, unsealed unless it was not sealed.
    function plainAt(PoraAnswer calldata answer, bool isSealed) private pure returns (uint256 plain) {
        bytes32[128] calldata words = answer.sealedData;
        bytes32 mask;
        if (isSealed) {
            mask = keccak256(abi.encode(answer.minerId, answer.sealedContextDigest, answer.recallPosition));
        }
        assembly ("memory-safe") {
            plain := mload(0x40)
            mstore(0x40, add(plain, 4096))
            for { let at := 0 } lt(at, 4096) { at := add(at, 32) } {
                let word := calldataload(add(words, at))
                mstore(add(plain, at), xor(word, mask))
                if isSealed {
                    mstore(0x00, word)
                    mask := keccak256(0x00, 0x20)
                }
            }
        }
    }

    /// Root of the tree over the 16 sectors at `plain`, which it overwrites.
    function sealRoot(uint256 plain) private pure returns (bytes32 root) {
        assembly ("memory-safe") {
            for { let i := 0 } lt(i, 16) { i := add(i, 1) } {
                mstore(add(plain, shl(5, i)), keccak256(add(plain, shl(8, i)), 256))
            }
            for { let count := 8 } gt(count, 0) { count := shr(1, count) } {
                for { let i := 0 } lt(i, count) { i := add(i, 1) } {
                    mstore(add(plain, shl(5, i)), keccak256(add(plain, shl(6, i)), 64))
                }
            }
            root := mload(plain)
        }
    }

    function climb(bytes32 node, bytes32[] calldata proof, uint256 index) private pure returns (bytes32) {
        for (uint256 i = 0; i < proof.length; i++) {
            bytes32 sibling = proof[i];
            uint256 isRight = (index >> i) & 1;
            assembly ("memory-safe") {
                mstore(shl(5, isRight), node)
                mstore(shl(5, iszero(isRight)), sibling)
                node := keccak256(0x00, 0x40)
            }
        }
        return node;
    }
}
