// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/// What users and providers sign, and its EIP-712 hashes. Spec: spec/settlement.md 2, spec/receipt.md.

/// The user's word before a job: it may cost up to `maxFee` wei at the price behind `priceId`.
struct Authorization {
    address user;
    address provider;
    uint256 jobNonce;
    bytes32 requestHash;
    bytes32 priceId;
    uint256 maxFee;
    uint256 deadline;
}

/// The provider's word after a job: this went in, this came out, so much it cost.
struct Receipt {
    uint16 version;
    uint8 serviceClass;
    uint8 check;
    uint256 chainId;
    address user;
    address provider;
    bytes32 modelRoot;
    bytes32 programId;
    bytes32 tokenizerRoot;
    bytes32 sampler;
    bytes32 seed;
    bytes32 inputHash;
    bytes32 outputHash;
    bytes32 traceRoot;
    uint64 promptTokens;
    uint64 completionTokens;
    bytes32 priceId;
    uint256 fee;
    uint256 jobNonce;
    uint64 timestamp;
}

/// What a price id commits to, beside the provider: keccak256 of the model's name, and wei per token.
struct Price {
    bytes32 modelHash;
    uint256 inputPrice;
    uint256 outputPrice;
    uint256 updatedAt;
}

library ReceiptTypes {
    uint256 private constant SIGNATURE_BYTES = 65;
    /// Levels of a batch's tree.
    uint256 private constant PROOF_MAX = 16;
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant AUTHORIZATION_TYPEHASH = keccak256(
        "Authorization(address user,address provider,uint256 jobNonce,bytes32 requestHash,bytes32 priceId,uint256 maxFee,uint256 deadline)"
    );
    bytes32 private constant RECEIPT_TYPEHASH = keccak256(
        "Receipt(uint16 version,uint8 serviceClass,uint8 check,uint256 chainId,address user,address provider,bytes32 modelRoot,bytes32 programId,bytes32 tokenizerRoot,bytes32 sampler,bytes32 seed,bytes32 inputHash,bytes32 outputHash,bytes32 traceRoot,uint64 promptTokens,uint64 completionTokens,bytes32 priceId,uint256 fee,uint256 jobNonce,uint64 timestamp)"
    );
    bytes32 private constant ACCEPTANCE_TYPEHASH = keccak256("Acceptance(bytes32 authorization)");
    bytes32 private constant BATCH_TYPEHASH = keccak256("ReceiptBatch(bytes32 root)");
    bytes32 private constant NAME_HASH = keccak256("Weightless Receipt");
    bytes32 private constant VERSION_HASH = keccak256("1");

    function domainSeparator() internal view returns (bytes32) {
        return domainSeparatorOf(address(this));
    }

    function domainSeparatorOf(address verifier) internal view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, block.chainid, verifier));
    }

    function hash(Authorization calldata authorization) internal pure returns (bytes32) {
        return keccak256(abi.encode(AUTHORIZATION_TYPEHASH, authorization));
    }

    function hash(Receipt calldata receipt) internal pure returns (bytes32) {
        return keccak256(abi.encode(RECEIPT_TYPEHASH, receipt));
    }

    /// The provider's word before a job: it takes the one with this authorization, and no other under its number.
    function acceptanceHash(bytes32 authorizationDigest) internal pure returns (bytes32) {
        return keccak256(abi.encode(ACCEPTANCE_TYPEHASH, authorizationDigest));
    }

    function digest(bytes32 domain, bytes32 structHash) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked("\x19\x01", domain, structHash));
    }

    /// What was signed where a receipt has this signature: the receipt itself, or, when the hashes beside a receipt's way to
    /// a root follow the 65 bytes, the batch with that root. Spec: spec/receipt.md 3.1
    function signedDigest(bytes32 domain, bytes32 receiptHash, bytes calldata signature)
        internal
        pure
        returns (bytes32 signed, bytes calldata plain)
    {
        if (signature.length <= SIGNATURE_BYTES) return (receiptHash, signature);
        plain = signature[:SIGNATURE_BYTES];
        bytes calldata proof = signature[SIGNATURE_BYTES:];
        // Nobody's signature: whoever asks for the signer gets none.
        if (proof.length % 32 != 0 || proof.length > 32 * PROOF_MAX) return (receiptHash, signature);
        bytes32 node = receiptHash;
        for (uint256 at = 0; at < proof.length; at += 32) {
            node = Hashes.commutativeKeccak256(node, bytes32(proof[at:at + 32]));
        }
        signed = digest(domain, keccak256(abi.encode(BATCH_TYPEHASH, node)));
    }

    /// Whose own key made a receipt's signature, alone or of a batch; 0 for nobody's. @param receiptHash its digest
    function signerOf(bytes32 domain, bytes32 receiptHash, bytes calldata signature)
        internal
        pure
        returns (address signer)
    {
        (bytes32 signed, bytes calldata plain) = signedDigest(domain, receiptHash, signature);
        (signer,,) = ECDSA.tryRecoverCalldata(signed, plain);
    }

    function priceId(address provider, Price calldata price) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(provider, price.modelHash, price.inputPrice, price.outputPrice, price.updatedAt)
        );
    }
}
