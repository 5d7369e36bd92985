// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SoftFloat as F} from "../dispute/SoftFloat.sol";

/// The head is not in the one form that trainers of adapters write.
error HeadForeign(uint256 at);

/// What a state of an adapter's training says of itself.
/// @param digestAt where the digest of its data begins in it, as `0x` and 64 digits
/// @param settingsAt where its settings begin
/// @param alpha, rate binary64 @param targets bit t for target t: q, k, v, o, gate, up, down
struct TrainedHead {
    bytes32 program;
    uint256 step;
    uint256 digestAt;
    bytes32 seed;
    uint256 settingsAt;
    uint256 alpha;
    uint256 rate;
    uint256 rank;
    uint256 targets;
}

/// Reads heads of states: JSON in one form, byte by byte. Trainings that are sold have one schedule, one set of betas and
/// no decay; other settings have another form. Spec: training.md 6, finetuning.md 4.
library TrainedHeads {
    uint256 internal constant DIGEST_BYTES = 66;

    function read(bytes calldata head) internal pure returns (TrainedHead memory h) {
        uint256 at;
        (h.program, at) = word(head, pass(head, 0, '{"version":2,"program":"'));
        (h.step, at) = integer(head, pass(head, at, '","step":'));
        (, at) = integer(head, pass(head, at, ',"rowsSeen":'));
        h.digestAt = pass(head, at, ',"dataDigest":"');
        (, at) = word(head, h.digestAt);
        (, at) = integer(head, pass(head, at, '","values":'));
        (h.seed, at) = word(head, pass(head, at, ',"seed":"'));
        h.settingsAt = pass(head, at, '","settings":{"alpha":');
        (h.alpha, at) = decimal(head, h.settingsAt);
        at = pass(head, at, ',"beta1":0.9,"beta2":0.999,"clipNorm":1,"epsilon":1e-8,"learningRate":');
        (h.rate, at) = decimal(head, at);
        (h.rank, at) = integer(head, pass(head, at, ',"rank":'));
        (h.targets, at) = targetsAt(head, pass(head, at, ',"schedule":"constant","targets":['));
        at = pass(head, at, '],"totalSteps":0,"warmupSteps":0,"weightDecay":0}}');
        if (at != head.length) revert HeadForeign(at);
    }

    /// A number of JSON as the nearest binary64; of at most 17 digits, not negative.
    /// @return value its bits @return at what follows it
    function decimal(bytes calldata text, uint256 from) internal pure returns (uint256 value, uint256 at) {
        uint256 digits = 0;
        uint256 point = 0;
        for (at = from; at < text.length; at++) {
            bytes1 char = text[at];
            if (char == "." && point == 0 && at > from) {
                point = at;
            } else {
                uint256 digit = uint8(char) ^ 0x30;
                if (digit > 9) break;
                digits = digits * 10 + digit;
                if (digits >= 10 ** 17) revert HeadForeign(at);
            }
        }
        int256 exponent = point == 0 ? int256(0) : -int256(at - point - 1);
        if (at == from || point + 1 == at) revert HeadForeign(at);
        if (at < text.length && text[at] == "e") {
            bool isNegative = text[at + 1] == "-";
            uint256 power;
            (power, at) = integer(text, at + (isNegative || text[at + 1] == "+" ? 2 : 1));
            if (power > 40) revert HeadForeign(at);
            exponent += isNegative ? -int256(power) : int256(power);
        }
        value = nearest(digits, exponent, at);
    }

    /// digits · 10^exponent, rounded once.
    function nearest(uint256 digits, int256 exponent, uint256 at) private pure returns (uint256) {
        if (digits == 0) return 0;
        if (exponent > 40 || exponent < -40) revert HeadForeign(at);
        if (exponent >= 0) return F.fromInt64(int256(digits * 10 ** uint256(exponent)));
        uint256 divisor = 10 ** uint256(-exponent);
        uint256 quotient = (digits << 192) / divisor;
        // a remainder sets the lowest bit, far below the last place
        if (quotient * divisor != digits << 192) quotient |= 1;
        return F.fromInt64(int256(quotient)) - (uint256(192) << 52);
    }

    function targetsAt(bytes calldata head, uint256 at) private pure returns (uint256 targets, uint256) {
        bytes[7] memory names = [bytes("q"), "k", "v", "o", "gate", "up", "down"];
        for (uint256 t = 0; t < 7; t++) {
            bytes memory name = abi.encodePacked(targets == 0 ? '"' : ',"', names[t], '"');
            if (!stands(head, at, name)) continue;
            targets |= 1 << t;
            at += name.length;
        }
        if (targets == 0) revert HeadForeign(at);
        return (targets, at);
    }

    /// An integer below 2^53, without a leading zero.
    function integer(bytes calldata text, uint256 from) internal pure returns (uint256 value, uint256 at) {
        for (at = from; at < text.length; at++) {
            uint256 digit = uint8(text[at]) ^ 0x30;
            if (digit > 9) break;
            value = value * 10 + digit;
            if (value >= 1 << 53) revert HeadForeign(at);
        }
        if (at == from || (text[from] == "0" && at > from + 1)) revert HeadForeign(at);
    }

    /// `0x` and 64 digits, lower-case.
    function word(bytes calldata text, uint256 from) internal pure returns (bytes32, uint256 at) {
        at = pass(text, from, "0x");
        if (at + 64 > text.length) revert HeadForeign(at);
        uint256 value = 0;
        for (uint256 end = at + 64; at < end; at++) {
            uint256 char = uint8(text[at]);
            uint256 digit = char ^ 0x30;
            if (digit > 9) {
                if (char < 0x61 || char > 0x66) revert HeadForeign(at);
                digit = char - 0x57;
            }
            value = value << 4 | digit;
        }
        return (bytes32(value), at);
    }

    function pass(bytes calldata text, uint256 at, bytes memory known) private pure returns (uint256) {
        if (!stands(text, at, known)) revert HeadForeign(at);
        return at + known.length;
    }

    function stands(bytes calldata text, uint256 at, bytes memory known) private pure returns (bool) {
        uint256 end = at + known.length;
        return end <= text.length && keccak256(text[at:end]) == keccak256(known);
    }
}
