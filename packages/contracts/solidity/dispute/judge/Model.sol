// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What a judge knows of a model's file. Whoever decides by it must have had it vouched for: nothing here does.
/// @param ropeBase, epsilon binary32
/// @param tensors eight bytes each, offset in the file times 256 plus GGUF's number of the encoding: token_embd,
/// output_norm, output, rope_freqs, and of each layer attn_norm, attn_q, attn_k, attn_v, attn_output, ffn_norm,
/// ffn_gate, ffn_up, ffn_down; `ABSENT` where the file has none
struct Model {
    uint256 layers;
    uint256 width;
    uint256 hidden;
    uint256 heads;
    uint256 keyHeads;
    uint256 headSize;
    uint256 rotated;
    uint256 vocab;
    uint256 ropeBase;
    uint256 epsilon;
    uint256 fileBytes;
    bytes tensors;
}

/// One table of a working: its words, the number of its first chunk, and what its rule is told.
/// Tables are named by their index. Spec: dispute.md 2, 3, 5.
struct Table {
    Rule rule;
    uint256 words;
    uint256 chunk;
    uint256 a;
    uint256 b;
    uint256 c;
    uint256 d;
    uint256 e;
    uint256 tensor;
}

/// With what `a` to `e` say; `tensor` is what the rule reads of the file.
enum Rule {
    Source, // operator, first position, words of a row
    Chain, // of, words of a row
    FoldSum, // of, words of a group
    FoldMax,
    FoldSquare,
    FoldDot, // weights, values, words of a group, head size, heads for each key head
    FoldWeights, // x, columns
    InverseRms, // sum, count
    Norm, // x, inverse
    Quantise, // x
    Scale, // x
    Sum, // q
    Term, // q, scale, sum, columns
    Join, // table, its end in this one, table, its end, table
    Embed, // token, columns
    Guess, // degree
    Power, // guess, which of them
    Angle, // power
    Turn, // angle, pairs, position
    Rotate, // raw, turn, words that are of heads, head size, rotated
    Score, // rows, words of a row, positions
    Exp, // score, top, positions
    Gather, // rows, words of a row, positions
    Mix, // sum, total, head size
    Add, // x, y
    Gate, // both, width
    // of `sample`: judge/SampleTables.sol
    Best, // top, words, best of the stage before + 1
    Draw,
    Weight, // logits, top
    WeightSum, // of, words, cut + 1, bit (0: all weights)
    Cut, // reached, all, cut before + 1, bit
    Kept, // of, words, cut + 1 of those that are counted
    Tie, // of, words, tie above + 1, cut, over, all
    Keep, // weights, cut, tie
    Walk, // of, words, walk above + 1, total, draw
    Record, // token, 1 where there was a draw, total, draw, kept
    Times, // of, words of a group
    Adjusted // logits, times + 1
}

// The operator whose rows are the tokens that steps consume, a word each, without a chain.
uint256 constant TOKEN_OF_STEP = type(uint256).max;

/// What the sampler is told for one token. Spec: tensor.md 7.
/// @param temperature binary32
/// @param topP, presenceBits, frequencyBits binary64
/// @param index which output token
/// @param isBiased whether the request has biases
/// @param bias of the token whose word is accused, binary64, or `NO_BIAS`: a word is made from no other's
struct Draw {
    uint256 temperature;
    uint256 topP;
    bytes32 seed;
    uint256 index;
    uint256 presenceBits;
    uint256 frequencyBits;
    bool isBiased;
    uint256 bias;
}

uint256 constant NO_BIAS = type(uint256).max;

/// What a request does to the logits before a token is chosen. Spec: tensor.md 7.1, receipt.md 4.2.
/// @param presenceBits, frequencyBits, biasBits binary64
/// @param biased tokens with a bias, rising
struct Adjust {
    uint64 presenceBits;
    uint64 frequencyBits;
    uint32[] biased;
    uint64[] biasBits;
}

uint64 constant ABSENT = type(uint64).max;

/// The model has no such operator, or none whose working is laid out in a contract.
error OperatorUnknown();
