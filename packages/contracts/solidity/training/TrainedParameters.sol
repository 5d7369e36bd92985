// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SoftFloat as F} from "../dispute/SoftFloat.sol";
import {Json} from "../tee/Json.sol";
import {TrainedHead, TrainedHeads} from "./TrainedHeads.sol";

/// A name stands twice, or the training is of no adapter.
error ParametersForeign(bytes32 name);

/// What a user asked of a training, as far as heads of its states say it: JSON in the words of Hugging Face's trainer, of
/// which absent names have defaults and unknown ones no effect. Spec: finetuning.md 4.
library TrainedParameters {
    uint256 private constant RATE = 0x3f2a36e2eb1c432d; // 2e-4
    uint256 private constant ALPHA = 0x4030000000000000; // 16
    uint256 private constant RANK = 0x4020000000000000; // 8
    uint256 private constant TARGETS = 5; // q, v

    /// Whether a head has the settings that these parameters give.
    function give(bytes calldata text, TrainedHead memory head) internal pure returns (bool) {
        (uint256 rate, uint256 alpha, uint256 rank, uint256 targets) = (RATE, ALPHA, RANK, TARGETS);
        uint256 seen = 0;
        (bool more, uint256 at) = Json.begin(text, 0, "{", "}");
        while (more) {
            bytes32 name;
            (name, at) = Json.name(text, at);
            while (at < text.length && (text[at] == " " || text[at] == "\n" || text[at] == "\r" || text[at] == "\t")) at++;
            uint256 place = placeOf(name);
            if (place > 0 && seen >> place & 1 == 1) revert ParametersForeign(name);
            seen |= 1 << place;
            if (place == 1) (rate, at) = TrainedHeads.decimal(text, at);
            else if (place == 2) (alpha, at) = TrainedHeads.decimal(text, at);
            else if (place == 3) (rank, at) = TrainedHeads.decimal(text, at);
            else if (place == 4) (targets, at) = targetsAt(text, at);
            else if (place == 5) at = requireAdapter(text, at);
            else at = Json.skip(text, at);
            (more, at) = Json.next(text, at, "}");
        }
        return rate == head.rate && alpha == head.alpha && targets == head.targets
            && rank == F.fromInt64(int256(head.rank));
    }

    function placeOf(bytes32 name) private pure returns (uint256) {
        if (name == "learning_rate") return 1;
        if (name == "lora_alpha") return 2;
        if (name == "lora_r") return 3;
        if (name == "target_modules") return 4;
        return name == "method" ? 5 : 0;
    }

    function targetsAt(bytes calldata text, uint256 at) private pure returns (uint256 targets, uint256) {
        bool more;
        for ((more, at) = Json.begin(text, at, "[", "]"); more;) {
            bytes32 name;
            (name, at) = Json.short(text, at);
            uint256 target = targetOf(name);
            targets |= 1 << target;
            (more, at) = Json.next(text, at, "]");
        }
        return (targets, at);
    }

    function targetOf(bytes32 name) private pure returns (uint256) {
        if (name == "q_proj") return 0;
        if (name == "k_proj") return 1;
        if (name == "v_proj") return 2;
        if (name == "o_proj") return 3;
        if (name == "gate_proj") return 4;
        if (name == "up_proj") return 5;
        if (name == "down_proj") return 6;
        revert ParametersForeign(name);
    }

    function requireAdapter(bytes calldata text, uint256 at) private pure returns (uint256) {
        bytes32 method;
        (method, at) = Json.short(text, at);
        if (method != "lora") revert ParametersForeign(method);
        return at;
    }
}
