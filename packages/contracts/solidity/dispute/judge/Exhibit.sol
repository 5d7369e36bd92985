// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Receipt, ReceiptTypes} from "../../compute/ReceiptTypes.sol";
import {Adjust, Draw, Model, NO_BIAS, OperatorUnknown} from "./Model.sol";
import {Trace} from "./StepProof.sol";
import {SoftFloat} from "../SoftFloat.sol";

/// The receipt is of another version, chain or kind of service, or of no answer that can be executed again.
error ReceiptForeign();
error NotSignedByProvider(bytes32 receiptHash);
/// These are not the parameters of the request.
error SamplerWrong();
/// The root of the working is not the provider's word.
error RootNotSigned(bytes32 root);

/// Opens `Receipt.sampler`: the bits of two binary64. Spec: receipt.md 4.2.
struct Sampler {
    uint64 temperatureBits;
    uint64 topPBits;
    uint32 maxTokens;
}

/// The provider's word for the root of a working of the first answer of a receipt. Spec: dispute.md 9.2.
struct SignedRoot {
    uint32 operator;
    bytes32 root;
    bytes signature;
}

/// What every accusation begins with: the receipt, signed by its provider, and the facts of its model.
/// @param adjust opens `Receipt.sampler` with `sampler`; all empty of a request that does not change logits
struct Exhibit {
    Receipt receipt;
    bytes signature;
    Sampler sampler;
    Adjust adjust;
    Model model;
}

/// What a receipt says and who says it. Spec: dispute.md 10.1.
library Exhibits {
    uint16 private constant RECEIPT_VERSION = 1;
    uint8 private constant CHAT = 1;
    uint8 private constant RE_EXECUTION = 1;
    uint256 private constant NOT_FINITE = 0x7ff0000000000000;
    bytes32 private constant SAMPLER_TAG = keccak256("weightless/receipt/v1/sampler");
    bytes32 private constant ADJUSTED_TAG = keccak256("weightless/receipt/v1/sampler-adjusted");
    bytes32 private constant WORKING_TYPEHASH =
        keccak256("Working(bytes32 receipt,uint32 choice,uint32 position,uint32 operator,bytes32 root)");

    /// @return receiptHash the receipt's digest
    function requireSigned(Receipt calldata receipt, bytes32 domain, bytes calldata signature)
        internal
        view
        returns (bytes32 receiptHash)
    {
        if (receipt.version != RECEIPT_VERSION || receipt.chainId != block.chainid) revert ReceiptForeign();
        if (receipt.serviceClass != CHAT || receipt.check != RE_EXECUTION) revert ReceiptForeign();
        receiptHash = ReceiptTypes.digest(domain, ReceiptTypes.hash(receipt));
        address signer = ReceiptTypes.signerOf(domain, receiptHash, signature);
        if (signer == address(0) || signer != receipt.provider) revert NotSignedByProvider(receiptHash);
    }

    function requireSampler(Receipt calldata receipt, Sampler calldata sampler, Adjust calldata adjust) internal pure {
        bytes32 hash = keccak256(abi.encode(SAMPLER_TAG, sampler));
        if (adjust.presenceBits != 0 || adjust.frequencyBits != 0 || adjust.biased.length > 0) {
            hash = adjustedHash(hash, adjust);
        }
        if (hash != receipt.sampler || adjust.biased.length != adjust.biasBits.length) revert SamplerWrong();
    }

    /// keccak256 of the ABI encoding, whose lists lie in the calldata as they are.
    function adjustedHash(bytes32 plain, Adjust calldata adjust) private pure returns (bytes32 hash) {
        (bytes32 tag, uint256 presence, uint256 frequency) = (ADJUSTED_TAG, adjust.presenceBits, adjust.frequencyBits);
        (uint32[] calldata biased, uint64[] calldata bits) = (adjust.biased, adjust.biasBits);
        assembly ("memory-safe") {
            let from := mload(0x40)
            let behind := add(0xe0, shl(5, biased.length))
            mstore(from, tag)
            mstore(add(from, 0x20), plain)
            mstore(add(from, 0x40), presence)
            mstore(add(from, 0x60), frequency)
            mstore(add(from, 0x80), 0xc0)
            mstore(add(from, 0xa0), behind)
            mstore(add(from, 0xc0), biased.length)
            calldatacopy(add(from, 0xe0), biased.offset, shl(5, biased.length))
            mstore(add(from, behind), bits.length)
            calldatacopy(add(from, add(behind, 0x20)), bits.offset, shl(5, bits.length))
            hash := keccak256(from, add(behind, add(0x20, shl(5, bits.length))))
        }
    }

    /// The bias of a token as binary64, or `NO_BIAS`. Tokens rise.
    function biasOf(Adjust calldata adjust, uint256 token) internal pure returns (uint256) {
        (uint256 from, uint256 to) = (0, adjust.biased.length);
        while (from < to) {
            uint256 middle = (from + to) / 2;
            if (adjust.biased[middle] < token) from = middle + 1;
            else to = middle;
        }
        bool isThere = from < adjust.biased.length && adjust.biased[from] == token;
        return isThere ? adjust.biasBits[from] : NO_BIAS;
    }

    /// What the sampler was told at a position; of a token's bias nothing (`biasOf`).
    function drawOf(Exhibit calldata exhibit, uint256 position) internal pure returns (Draw memory) {
        Receipt calldata receipt = exhibit.receipt;
        Sampler calldata sampler = exhibit.sampler;
        if (position + 1 < receipt.promptTokens) revert OperatorUnknown();
        // negative, infinite, NaN
        if (sampler.temperatureBits >= NOT_FINITE || sampler.topPBits >= NOT_FINITE) revert SamplerWrong();
        return Draw({
            temperature: SoftFloat.narrow64(sampler.temperatureBits),
            topP: sampler.topPBits,
            seed: receipt.seed,
            index: position + 1 - receipt.promptTokens,
            presenceBits: exhibit.adjust.presenceBits,
            frequencyBits: exhibit.adjust.frequencyBits,
            isBiased: exhibit.adjust.biased.length > 0,
            bias: NO_BIAS
        });
    }

    function traceOf(Receipt calldata receipt) internal pure returns (Trace memory) {
        if (receipt.promptTokens == 0 || receipt.completionTokens == 0) revert ReceiptForeign();
        uint256 steps = uint256(receipt.promptTokens) + receipt.completionTokens - 1;
        if (steps > type(uint32).max) revert ReceiptForeign();
        return Trace({root: receipt.traceRoot, steps: steps, promptTokens: receipt.promptTokens});
    }

    function requireRoot(
        address provider,
        bytes32 domain,
        bytes32 receiptHash,
        uint256 choice,
        uint256 position,
        SignedRoot calldata signed
    ) internal pure {
        bytes32 word = wordOf(receiptHash, choice, position, signed.operator, signed.root);
        requireWord(provider, domain, word, signed.root, signed.signature);
    }

    /// What a provider signs of a working.
    function wordOf(bytes32 receiptHash, uint256 choice, uint256 position, uint256 operator, bytes32 root)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(WORKING_TYPEHASH, receiptHash, choice, position, operator, root));
    }

    function requireWord(address provider, bytes32 domain, bytes32 word, bytes32 root, bytes calldata signature)
        internal
        pure
    {
        (address signer,,) = ECDSA.tryRecoverCalldata(ReceiptTypes.digest(domain, word), signature);
        if (signer == address(0) || signer != provider) revert RootNotSigned(root);
    }
}
