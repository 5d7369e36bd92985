// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FileSector} from "../dispute/FileSector.sol";
import {TensorWeights} from "../dispute/TensorWeights.sol";
import {FileProof} from "../dispute/WordJudge.sol";
import {Run} from "../dispute/Words.sol";
import {ABSENT, Model} from "../dispute/judge/Model.sol";
import {TrainingRules} from "./TrainingRules.sol";
import {TrainingViews} from "./TrainingViews.sol";

/// The file has no such tensor.
error TensorAbsent(uint256 tensor);
/// Sectors are shown that the rule does not read, or not all that it reads.
error FilesWrong();

/// Which file, and how many of the parts that are shown were read: rules read them in their order.
struct Weights {
    TrainingRules rules;
    bytes32 root;
    uint256 used;
}

using TrainingWeights for Weights global;

/// Elements of the model's file, widened to binary32. Spec: tensor.md 2.2, dispute.md 14.1.
library TrainingWeights {
    uint256 internal constant EMBEDDING = 0;
    uint256 internal constant LAST_NORM = 1;
    uint256 internal constant OUTPUT = 2;
    uint256 internal constant ATTENTION_NORM = 4;
    uint256 internal constant FFN_NORM = 9;

    /// Tensor of a target's matrix.
    function matrixOf(uint256 layer, uint256 target) internal pure returns (uint256) {
        return 4 + 9 * layer + (target < 4 ? 1 + target : 2 + target);
    }

    /// Elements `from` to `from + count` of a tensor, row after row.
    function elements(
        Weights memory w,
        Model calldata model,
        FileProof[] calldata files,
        uint256 tensor,
        uint256 from,
        uint256 count
    ) internal pure returns (Run) {
        (uint256 offset, uint256 encoding) = entryOf(model, tensor);
        uint256 values = encoding < TensorWeights.Q4_0 ? 1 : 32;
        uint256 each = TensorWeights.blockBytes(encoding);
        uint256 first = from / values;
        uint256 blocks = (from + count - 1) / values - first + 1;
        bytes calldata data = open(w, model, files, offset + first * each, blocks * each);
        return TrainingViews.runOf(w.rules.widen(data, encoding)).slice(from - first * values, count);
    }

    /// Column `index` of a matrix of so many rows and columns: all of its bytes are shown.
    function column(
        Weights memory w,
        Model calldata model,
        FileProof[] calldata files,
        uint256 tensor,
        uint256 rows,
        uint256 columns,
        uint256 index
    ) internal pure returns (Run) {
        (uint256 offset, uint256 encoding) = entryOf(model, tensor);
        uint256 blocks = encoding < TensorWeights.Q4_0 ? rows * columns : rows * columns / 32;
        uint256 count = blocks * TensorWeights.blockBytes(encoding);
        bytes calldata data = open(w, model, files, offset, count);
        return TrainingViews.runOf(w.rules.widenColumn(data, encoding, rows, columns, index));
    }

    function entryOf(Model calldata model, uint256 tensor) private pure returns (uint256 offset, uint256 encoding) {
        uint256 packed = uint64(bytes8(model.tensors[8 * tensor:8 * tensor + 8]));
        // without an output matrix logits are products with the embedding
        if (packed == ABSENT && tensor == OUTPUT) packed = uint64(bytes8(model.tensors[:8]));
        if (packed == ABSENT) revert TensorAbsent(tensor);
        return (packed >> 8, packed & 0xff);
    }

    function open(Weights memory w, Model calldata model, FileProof[] calldata files, uint256 from, uint256 count)
        private
        pure
        returns (bytes calldata)
    {
        if (w.used >= files.length) revert FilesWrong();
        FileProof calldata file = files[w.used++];
        return FileSector.open(w.root, model.fileBytes, from, count, file.sectors, file.siblings);
    }
}
