// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The packed form of a batch of vouchers and of its outcomes. Spec: spec/settlement.md 3.
///
/// Item: user 20 | cumulativeFee 12 | jobNonce 7 | signatureBytes 2 | receiptsRoot 32 | signature.
/// `signatureBytes` 0x8000 stands for a plain ECDSA signature in its compact form (EIP-2098, 64 bytes).
/// Outcome: user 20 | paid 12 | jobNonce 7 | status 1.
library VoucherBatch {
    uint256 internal constant HEAD_BYTES = 73;
    uint256 internal constant OUTCOME_BYTES = 40;

    error BatchMalformed(uint256 at);

    bytes32 private constant VOUCHER_TYPEHASH = keccak256(
        "Voucher(address user,address provider,uint256 cumulativeFee,uint256 jobNonce,bytes32 receiptsRoot)"
    );

    /// One item without its signature: `account` is user and cumulative fee in one word.
    struct Item {
        uint256 account;
        uint256 jobNonce;
        bytes32 receiptsRoot;
    }

    /// Reads the item at `at` into `item`; `next` is where the one after it begins.
    function read(bytes calldata batch, uint256 at, Item memory item)
        internal
        pure
        returns (bytes calldata signature, bool isCompact, uint256 next)
    {
        if (at + HEAD_BYTES > batch.length) revert BatchMalformed(at);
        assembly ("memory-safe") {
            let from := add(batch.offset, at)
            mstore(item, calldataload(from))
            let tail := calldataload(add(from, 32))
            mstore(add(item, 32), shr(200, tail))
            mstore(add(item, 64), calldataload(add(from, 41)))
            signature.offset := add(from, HEAD_BYTES)
            signature.length := and(shr(184, tail), 0xffff)
            isCompact := eq(signature.length, 0x8000)
            if isCompact { signature.length := 64 }
            next := add(add(at, HEAD_BYTES), signature.length)
        }
        if (next > batch.length) revert BatchMalformed(at);
    }

    /// EIP-712 digest of the voucher over `item` for `provider`.
    function digest(Item memory item, address provider, bytes32 domain) internal pure returns (bytes32 hash) {
        bytes32 typeHash = VOUCHER_TYPEHASH;
        assembly ("memory-safe") {
            let free := mload(0x40)
            let account := mload(item)
            mstore(free, typeHash)
            mstore(add(free, 0x20), shr(96, account))
            mstore(add(free, 0x40), shr(96, shl(96, provider)))
            mstore(add(free, 0x60), and(account, 0xffffffffffffffffffffffff))
            mstore(add(free, 0x80), mload(add(item, 32)))
            mstore(add(free, 0xa0), mload(add(item, 64)))
            let structHash := keccak256(free, 0xc0)
            mstore(free, shl(240, 0x1901))
            mstore(add(free, 0x02), domain)
            mstore(add(free, 0x22), structHash)
            hash := keccak256(free, 0x42)
        }
    }

    /// Writes outcome number `index`; `outcomes` has 32 bytes to spare at its end.
    function writeOutcome(bytes memory outcomes, uint256 index, uint256 userAndPaid, uint256 jobNonce, uint256 status)
        internal
        pure
    {
        assembly ("memory-safe") {
            let to := add(add(outcomes, 0x20), mul(index, OUTCOME_BYTES))
            mstore(to, userAndPaid)
            mstore(add(to, 0x20), shl(192, or(shl(8, jobNonce), status)))
        }
    }

    /// Cuts an array or bytes down to `length`.
    function shorten(bytes memory data, uint256 length) internal pure {
        assembly ("memory-safe") {
            mstore(data, length)
        }
    }

    function shorten(uint256[] memory words, uint256 length) internal pure {
        assembly ("memory-safe") {
            mstore(words, length)
        }
    }

    /// keccak256 over the first `count` words: the batch's aggregate of receipts roots.
    function rootOf(uint256[] memory words, uint256 count) internal pure returns (bytes32 root) {
        assembly ("memory-safe") {
            root := keccak256(add(words, 0x20), shl(5, count))
        }
    }
}
