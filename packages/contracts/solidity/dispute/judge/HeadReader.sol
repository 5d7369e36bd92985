// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The head of a model's file is not as `HeadReader` can read it.
error HeadUnreadable(uint256 at);

/// How far the head of a GGUF file was read, and what it said until then. Nothing is believed that the file's own
/// bytes do not say; what a reader off chain refuses as no model of ours need not be refused here.
struct Head {
    /// First byte that was not read.
    uint64 next;
    /// What is left: metadata entries, texts of the list that is being read, tensors.
    uint32 entries;
    uint32 texts;
    uint32 tensors;
    bool isLlama;
    uint32 alignment;
    uint32 layers;
    uint32 width;
    uint32 hidden;
    uint32 heads;
    uint32 keyHeads;
    uint32 headSize;
    uint32 rotated;
    uint32 vocab;
    /// binary32
    uint32 ropeBase;
    uint32 epsilon;
}

/// Reads the head of a GGUF file (tensor.md 2.1) from a part of it at a time.
library HeadReader {
    /// "GGUF" as a little-endian u32.
    uint256 private constant MAGIC = 0x46554747;
    uint256 private constant KEY_MAX = 65_535;
    uint256 private constant LIST_MAX = 1 << 22;
    uint256 private constant TEXT_MAX = 1 << 22;
    uint256 private constant LAYERS_MAX = 1024;
    uint256 private constant OFFSET_MAX = 1 << 48;
    uint256 private constant FLOAT = 6;
    uint256 private constant TEXT = 8;
    uint256 private constant LIST = 9;
    bytes32 private constant LLAMA = keccak256("llama");

    /// The first 24 bytes.
    function begin(Head memory head, bytes calldata part) internal pure {
        if (part.length < 24 || number(part, 0, 4) != MAGIC) revert HeadUnreadable(0);
        uint256 version = number(part, 4, 4);
        (uint256 tensors, uint256 entries) = (number(part, 8, 8), number(part, 16, 8));
        if (version < 2 || version > 3 || tensors > KEY_MAX + 1 || entries > KEY_MAX + 1) revert HeadUnreadable(4);
        (head.next, head.tensors, head.entries) = (24, uint32(tensors), uint32(entries));
        (head.alignment, head.ropeBase) = (32, floatOf(10_000));
    }

    /// Passes texts of a list as far as the part goes.
    /// @return at where the next one begins, which may lie behind the part
    /// @return left texts that are still to be passed
    function passTexts(bytes calldata part, uint256 at, uint256 left) internal pure returns (uint256, uint256) {
        assembly ("memory-safe") {
            let end := part.length
            let from := part.offset
            for {} and(gt(left, 0), iszero(gt(add(at, 8), end))) {} {
                let word := calldataload(add(from, at))
                // a length has three bytes that may be other than 0
                if and(shr(192, word), 0xffffffffff) { break }
                let length := or(or(byte(0, word), shl(8, byte(1, word))), shl(16, byte(2, word)))
                at := add(at, add(8, length))
                left := sub(left, 1)
            }
        }
        if (left > 0 && at + 8 <= part.length) revert HeadUnreadable(at);
        return (at, left);
    }

    /// One metadata entry, but for the texts of a list.
    /// @return end where it ends; 0 where the part has not all that is read of it
    function readEntry(Head memory head, bytes calldata part, uint256 at) internal pure returns (uint256 end) {
        if (at + 8 > part.length) return 0;
        uint256 length = number(part, at, 8);
        if (length > KEY_MAX) revert HeadUnreadable(at);
        uint256 value = at + 12 + length;
        if (value + 12 > part.length) return 0;
        bytes32 key = keccak256(part[at + 8:at + 8 + length]);
        uint256 kind = number(part, value - 4, 4);
        if (kind == LIST) return readList(head, part, value);
        if (kind == TEXT) {
            uint256 size = number(part, value, 8);
            if (size > TEXT_MAX) revert HeadUnreadable(value);
            end = value + 8 + size;
            if (key == keccak256("general.architecture")) {
                if (end > part.length) return 0;
                head.isLlama = keccak256(part[value + 8:end]) == LLAMA;
            }
            return end;
        }
        uint256 bytesOf = scalarBytes(kind, value);
        keep(head, key, kind, number(part, value, bytesOf), value);
        return value + bytesOf;
    }

    function readList(Head memory head, bytes calldata part, uint256 value) private pure returns (uint256) {
        (uint256 kind, uint256 count) = (number(part, value, 4), number(part, value + 4, 8));
        if (count > LIST_MAX) revert HeadUnreadable(value);
        if (kind != TEXT) return value + 12 + scalarBytes(kind, value) * count;
        head.texts = uint32(count);
        return value + 12;
    }

    /// Numbers of the architecture; others are passed over.
    function keep(Head memory head, bytes32 key, uint256 kind, uint256 value, uint256 at) private pure {
        if (key == keccak256("llama.rope.freq_base")) head.ropeBase = floatValue(kind, value, at);
        else if (key == keccak256("llama.attention.layer_norm_rms_epsilon")) head.epsilon = floatValue(kind, value, at);
        else if (key == keccak256("general.alignment")) head.alignment = whole(kind, value, at);
        else if (key == keccak256("llama.block_count")) head.layers = whole(kind, value, at);
        else if (key == keccak256("llama.embedding_length")) head.width = whole(kind, value, at);
        else if (key == keccak256("llama.feed_forward_length")) head.hidden = whole(kind, value, at);
        else if (key == keccak256("llama.attention.head_count")) head.heads = whole(kind, value, at);
        else if (key == keccak256("llama.attention.head_count_kv")) head.keyHeads = whole(kind, value, at);
        else if (key == keccak256("llama.attention.key_length")) head.headSize = whole(kind, value, at);
        else if (key == keccak256("llama.rope.dimension_count")) head.rotated = whole(kind, value, at);
    }

    /// @return end where the tensor's entry ends; 0 where the part has not all of it
    /// @return place where a judge's table has it (Model.sol), from 1 on; 0 where it has not
    /// @return packed offset from the start of the data times 256, plus GGUF's number of the encoding
    function readTensor(Head memory head, bytes calldata part, uint256 at)
        internal
        pure
        returns (uint256 end, uint256 place, uint256 packed)
    {
        if (at + 8 > part.length) return (0, 0, 0);
        uint256 length = number(part, at, 8);
        if (length > KEY_MAX) revert HeadUnreadable(at);
        uint256 shape = at + 12 + length;
        if (shape > part.length) return (0, 0, 0);
        uint256 dimensions = number(part, shape - 4, 4);
        if (dimensions == 0 || dimensions > 4) revert HeadUnreadable(at);
        uint256 behind = shape + 8 * dimensions;
        end = behind + 12;
        if (end > part.length) return (0, 0, 0);
        (uint256 encoding, uint256 offset) = (number(part, behind, 4), number(part, behind + 4, 8));
        if (encoding > type(uint8).max || offset >= OFFSET_MAX) revert HeadUnreadable(behind);
        bytes calldata name = part[at + 8:at + 8 + length];
        place = placeOf(name);
        packed = offset << 8 | encoding;
        if (place == 1 && dimensions == 2) {
            uint256 rows = number(part, shape + 8, 8);
            if (rows > type(uint32).max) revert HeadUnreadable(shape);
            head.vocab = uint32(rows);
        }
    }

    /// Where the table of Model.sol has a tensor, from 1 on; 0 for one that no judge asks for.
    function placeOf(bytes calldata name) private pure returns (uint256) {
        if (name.length < 5 || bytes4(name) != "blk.") return headPlace(keccak256(name));
        uint256 layer = 0;
        uint256 at = 4;
        for (; at < name.length && at < 8 && name[at] != "."; at++) {
            uint256 digit = uint8(name[at]);
            if (digit < 48 || digit > 57) return 0;
            layer = layer * 10 + digit - 48;
        }
        if (at == 4 || at == name.length || name[at] != "." || layer >= LAYERS_MAX) return 0;
        uint256 place = layerPlace(keccak256(name[at + 1:]));
        return place == 0 ? 0 : 4 + 9 * layer + place;
    }

    function headPlace(bytes32 name) private pure returns (uint256) {
        if (name == keccak256("token_embd.weight")) return 1;
        if (name == keccak256("output_norm.weight")) return 2;
        if (name == keccak256("output.weight")) return 3;
        return name == keccak256("rope_freqs.weight") ? 4 : 0;
    }

    function layerPlace(bytes32 name) private pure returns (uint256) {
        if (name == keccak256("attn_norm.weight")) return 1;
        if (name == keccak256("attn_q.weight")) return 2;
        if (name == keccak256("attn_k.weight")) return 3;
        if (name == keccak256("attn_v.weight")) return 4;
        if (name == keccak256("attn_output.weight")) return 5;
        if (name == keccak256("ffn_norm.weight")) return 6;
        if (name == keccak256("ffn_gate.weight")) return 7;
        if (name == keccak256("ffn_up.weight")) return 8;
        return name == keccak256("ffn_down.weight") ? 9 : 0;
    }

    function scalarBytes(uint256 kind, uint256 at) private pure returns (uint256) {
        if (kind == 0 || kind == 1 || kind == 7) return 1;
        if (kind == 2 || kind == 3) return 2;
        if (kind >= 4 && kind <= FLOAT) return 4;
        if (kind >= 10 && kind <= 12) return 8;
        revert HeadUnreadable(at);
    }

    /// Neither a float nor a truth value; a negative one is no dimension, and looks too large.
    function whole(uint256 kind, uint256 value, uint256 at) private pure returns (uint32) {
        if (kind == FLOAT || kind == 7 || kind == 12 || value > type(uint32).max) revert HeadUnreadable(at);
        return uint32(value);
    }

    /// A number as binary32. A binary64 may have none, and is not taken.
    function floatValue(uint256 kind, uint256 value, uint256 at) private pure returns (uint32) {
        if (kind == FLOAT) return uint32(value);
        if (kind == 7 || kind == 12 || value == 0 || value >= 1 << 24) revert HeadUnreadable(at);
        return floatOf(value);
    }

    /// @param value from 1 to 2^24 - 1
    function floatOf(uint256 value) private pure returns (uint32) {
        uint256 exponent = 23;
        for (; value < 1 << 23; exponent--) value <<= 1;
        return uint32((exponent + 127) << 23 | value & 0x7fffff);
    }

    /// A little-endian number of up to eight bytes, which are there.
    function number(bytes calldata part, uint256 at, uint256 count) private pure returns (uint256 value) {
        if (at + count > part.length) revert HeadUnreadable(at);
        for (uint256 i = count; i > 0; i--) value = value << 8 | uint8(part[at + i - 1]);
    }
}
