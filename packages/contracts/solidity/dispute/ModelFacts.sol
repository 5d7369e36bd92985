// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FileSector} from "./FileSector.sol";
import {Head, HeadReader} from "./judge/HeadReader.sol";
import {ABSENT, Model} from "./judge/Model.sol";

/// What judges know of models' files: read from the files' own bytes, so that nobody has to be believed. Anybody brings
/// them, a part at a time, and anybody goes on where somebody stopped. Spec: dispute.md 12.
contract ModelFacts {
    using HeadReader for Head;

    event HeadRead(bytes32 indexed modelRoot, uint256 fileBytes, uint256 next, uint256 left);
    event FactsKnown(bytes32 indexed modelRoot, bytes32 indexed factsId, uint256 fileBytes);
    event ProgramKnown(bytes32 indexed programId);

    /// The part shown has no whole entry: more sectors are needed.
    error NothingRead(uint256 next);
    error HeadIncomplete(uint256 entries, uint256 tensors);
    error NotLlama();
    error ProgramForeign();
    error FactsUnknown(bytes32 modelRoot, bytes32 factsId);
    error ProgramUnknown(bytes32 programId);

    bytes private constant PROGRAM_BEGIN = "weightless/program/1\nsemantics 1\narchitecture llama\n";
    bytes private constant PROGRAM_END = "\nsampler 1\n";
    uint256 private constant LAYERS_MAX = 1024;

    mapping(bytes32 file => Head) private heads;
    /// Four tensors a word, each by what `HeadReader.readTensor` gives, plus 1; 0 for what was not met.
    mapping(bytes32 file => mapping(uint256 word => uint256)) private tensors;
    mapping(bytes32 modelRoot => mapping(bytes32 factsId => bool)) public isKnown;
    /// Programs of this semantics and sampler, without an adapter.
    mapping(bytes32 programId => bool) public isProgram;

    /// Reads on from where the head was left.
    /// @param fileBytes the file's size
    /// @param sectors whole sectors from the one that has the next byte on; texts that are passed over need not be there
    /// @param siblings as FileSector.sol says
    /// @return next the first byte that was not read
    function read(bytes32 modelRoot, uint256 fileBytes, bytes calldata sectors, bytes32[] calldata siblings)
        external
        returns (uint256 next)
    {
        bytes32 file = fileOf(modelRoot, fileBytes);
        Head memory head = heads[file];
        uint256 from = head.next;
        uint256 count = sectors.length - from % 256;
        if (count > fileBytes - from) count = fileBytes - from;
        bytes calldata part = FileSector.open(modelRoot, fileBytes, from, count, sectors, siblings);
        if (from == 0) head.begin(part);
        next = from + readPart(file, head, part, head.next - from);
        if (next == from) revert NothingRead(next);
        head.next = uint64(next);
        heads[file] = head;
        emit HeadRead(modelRoot, fileBytes, next, uint256(head.entries) + head.tensors);
    }

    /// Vouches for the facts of a file whose head was read to its end.
    function finish(bytes32 modelRoot, uint256 fileBytes) external returns (bytes32 factsId) {
        bytes32 file = fileOf(modelRoot, fileBytes);
        Head memory head = heads[file];
        if (head.next == 0 || head.entries > 0 || head.tensors > 0) revert HeadIncomplete(head.entries, head.tensors);
        if (!head.isLlama || head.heads == 0 || head.alignment == 0 || head.layers > LAYERS_MAX) revert NotLlama();
        uint256 headSize = head.headSize == 0 ? head.width / head.heads : head.headSize;
        Model memory model = Model({
            layers: head.layers,
            width: head.width,
            hidden: head.hidden,
            heads: head.heads,
            keyHeads: head.keyHeads == 0 ? head.heads : head.keyHeads,
            headSize: headSize,
            rotated: head.rotated == 0 ? headSize : head.rotated,
            vocab: head.vocab,
            ropeBase: head.ropeBase,
            epsilon: head.epsilon,
            fileBytes: fileBytes,
            tensors: tableOf(file, head)
        });
        factsId = keccak256(abi.encode(model));
        isKnown[modelRoot][factsId] = true;
        emit FactsKnown(modelRoot, factsId, fileBytes);
    }

    /// Learns that a program id is of this semantics, by the text that it is the SHA-256 of. Spec: tensor.md 9.
    function openProgram(bytes calldata text) external returns (bytes32 programId) {
        (uint256 begin, uint256 end) = (PROGRAM_BEGIN.length, PROGRAM_END.length);
        if (text.length < begin + end) revert ProgramForeign();
        bool isOurs = keccak256(text[:begin]) == keccak256(PROGRAM_BEGIN)
            && keccak256(text[text.length - end:]) == keccak256(PROGRAM_END);
        if (!isOurs) revert ProgramForeign();
        programId = sha256(text);
        isProgram[programId] = true;
        emit ProgramKnown(programId);
    }

    /// How far the head of a file was read, and how many entries are left.
    function progress(bytes32 modelRoot, uint256 fileBytes) external view returns (uint256 next, uint256 left) {
        Head storage head = heads[fileOf(modelRoot, fileBytes)];
        return (head.next, uint256(head.entries) + head.tensors);
    }

    /// By which name facts are known.
    function idOf(Model calldata model) external pure returns (bytes32 factsId) {
        return keccak256(abi.encode(model));
    }

    /// Reverts unless the model's facts are known to be these, and the program to be one that they decide.
    function requireKnown(bytes32 modelRoot, bytes32 programId, bytes32 factsId) external view {
        if (!isKnown[modelRoot][factsId]) revert FactsUnknown(modelRoot, factsId);
        if (!isProgram[programId]) revert ProgramUnknown(programId);
    }

    /// As far as whole entries go. @return at where the first one begins that was not read
    function readPart(bytes32 file, Head memory head, bytes calldata part, uint256 at) private returns (uint256) {
        while (at < part.length) {
            uint256 end = 0;
            if (head.texts > 0) {
                uint256 left = 0;
                (end, left) = HeadReader.passTexts(part, at, head.texts);
                head.texts = uint32(left);
                if (left == 0) head.entries--;
                if (end == at) break;
            } else if (head.entries > 0) {
                end = head.readEntry(part, at);
                if (end == 0) break;
                if (head.texts == 0) head.entries--;
            } else if (head.tensors > 0) {
                uint256 place = 0;
                uint256 packed = 0;
                (end, place, packed) = head.readTensor(part, at);
                if (end == 0) break;
                head.tensors--;
                if (place > 0) keep(file, place - 1, packed);
            } else {
                break;
            }
            at = end;
        }
        return at;
    }

    function keep(bytes32 file, uint256 place, uint256 packed) private {
        uint256 shift = 64 * (place % 4);
        mapping(uint256 => uint256) storage table = tensors[file];
        table[place / 4] = table[place / 4] & ~(uint256(type(uint64).max) << shift) | (packed + 1) << shift;
    }

    /// With offsets from the start of the file: the data begin behind the head, aligned.
    function tableOf(bytes32 file, Head memory head) private view returns (bytes memory table) {
        uint256 alignment = head.alignment;
        uint256 start = (uint256(head.next) + alignment - 1) / alignment * alignment;
        uint256 count = 4 + 9 * uint256(head.layers);
        table = new bytes(8 * count);
        uint256 word = 0;
        for (uint256 i = 0; i < count; i++) {
            word = i % 4 == 0 ? tensors[file][i / 4] : word >> 64;
            uint64 packed = uint64(word);
            packed = packed == 0 ? ABSENT : packed - 1 + uint64(start << 8);
            assembly ("memory-safe") {
                mstore(add(add(table, 32), shl(3, i)), shl(192, packed))
            }
        }
    }

    function fileOf(bytes32 modelRoot, uint256 fileBytes) private pure returns (bytes32) {
        return keccak256(abi.encode(modelRoot, fileBytes));
    }
}
