// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Receipt, ReceiptTypes} from "../../compute/ReceiptTypes.sol";
import {Adjust, Draw, Model, OperatorUnknown} from "./Model.sol";
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
            hash = keccak256(
                abi.encode(
                    ADJUSTED_TAG, hash, adjust.presenceBits, adjust.frequencyBits, adjust.biased, adjust.biasBits
                )
            );
        }
        if (hash != receipt.sampler || adjust.biased.length != adjust.biasBits.length) revert SamplerWrong();
    }

    /// What the sampler was told at a position.
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
            adjust: exhibit.adjust
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
