// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ReceiptTypes} from "./ReceiptTypes.sol";
import {SessionKeys} from "./SessionKeys.sol";
import {VoucherBatch} from "./VoucherBatch.sol";

/// Where fees are drawn from. A charge is a user's address and, in the low 96 bits, wei; an answer is the wei drawn.
interface IFeeSource {
    function drawFees(address provider, address target, uint256[] calldata charges)
        external
        returns (uint256 sum, uint256[] memory drawn);
}

/// Cumulative vouchers, settled many at a time for few gas: one slot a pair, one event a batch, one transfer.
/// Spec: spec/settlement.md 3.
abstract contract VoucherSettlement is SessionKeys, ReentrancyGuardTransient {
    /// `receiptsRoot` is the keccak256 of the accepted vouchers' receipts roots in order; `outcomes` as in VoucherBatch.
    event VouchersSettled(address indexed provider, bytes32 indexed receiptsRoot, uint256 paid, bytes outcomes);
    event UnpaidCollected(address indexed user, address indexed provider, uint256 paid, uint256 stillUnpaid);

    error BatchSizeTooLarge(uint256 size, uint256 max);

    uint8 public constant PAID = 0;
    /// The balance was too small; the rest stays recorded as unpaid.
    uint8 public constant PARTIAL = 1;
    /// The fee or the job nonce does not exceed what was already settled: a replay, or an older voucher.
    uint8 public constant STALE = 2;
    uint8 public constant INVALID_SIGNATURE = 3;

    uint256 public constant VOUCHERS_MAX = 200;

    /// One slot per pair of user and provider.
    struct Pair {
        /// Wei drawn from the user for this provider, open claims included.
        uint96 paid;
        /// Wei that the user's word covers; never below `paid`.
        uint96 owed;
        /// Highest job settled or claimed.
        uint56 jobNonce;
        uint8 openClaims;
    }

    IFeeSource public serving;
    mapping(address user => mapping(address provider => Pair)) public pairs;
    /// Highest job nonce of a voucher accepted while claims were open: it covers those claims.
    mapping(address user => mapping(address provider => uint256)) public coveredUpTo;

    /// Pays the caller what its users' vouchers add; a bad voucher never blocks the others. Answers as the event does.
    function settleVouchers(bytes calldata batch) external nonReentrant returns (bytes memory outcomes) {
        uint256 countMax = batch.length / VoucherBatch.HEAD_BYTES;
        outcomes = new bytes(countMax * VoucherBatch.OUTCOME_BYTES + 32);
        uint256[] memory charges = new uint256[](countMax);
        uint256[] memory roots = new uint256[](countMax);
        (uint256 count, uint256 accepted) = acceptAll(batch, charges, roots, outcomes);
        if (count > VOUCHERS_MAX) revert BatchSizeTooLarge(count, VOUCHERS_MAX);
        VoucherBatch.shorten(charges, count);
        VoucherBatch.shorten(outcomes, count * VoucherBatch.OUTCOME_BYTES);
        (uint256 paid, uint256[] memory drawn) = serving.drawFees(msg.sender, msg.sender, charges);
        for (uint256 i = 0; i < count; i++) {
            if (drawn[i] != uint96(charges[i])) takeBack(outcomes, i, charges[i], drawn[i]);
        }
        emit VouchersSettled(msg.sender, VoucherBatch.rootOf(roots, accepted), paid, outcomes);
    }

    /// Draws for the caller what earlier vouchers left unpaid.
    function collectUnpaid(address[] calldata users) external nonReentrant returns (uint256[] memory drawn) {
        if (users.length > VOUCHERS_MAX) revert BatchSizeTooLarge(users.length, VOUCHERS_MAX);
        uint256[] memory charges = new uint256[](users.length);
        for (uint256 i = 0; i < users.length; i++) {
            Pair storage pair = pairs[users[i]][msg.sender];
            charges[i] = (uint256(uint160(users[i])) << 96) | (pair.owed - pair.paid);
            pair.paid = pair.owed;
        }
        (, drawn) = serving.drawFees(msg.sender, msg.sender, charges);
        for (uint256 i = 0; i < users.length; i++) {
            Pair storage pair = pairs[users[i]][msg.sender];
            pair.paid -= uint96(charges[i]) - uint96(drawn[i]);
            emit UnpaidCollected(users[i], msg.sender, drawn[i], pair.owed - pair.paid);
        }
    }

    /// Wei that the user's vouchers cover and the balance did not.
    function unpaid(address user, address provider) external view returns (uint256) {
        Pair storage pair = pairs[user][provider];
        return pair.owed - pair.paid;
    }

    /// Records every good voucher as if all of it were paid, and writes what to charge for it.
    function acceptAll(bytes calldata batch, uint256[] memory charges, uint256[] memory roots, bytes memory outcomes)
        private
        returns (uint256 count, uint256 accepted)
    {
        bytes32 domain = ReceiptTypes.domainSeparator();
        VoucherBatch.Item memory item;
        for (uint256 at = 0; at < batch.length; count++) {
            bytes calldata signature;
            bool isCompact;
            (signature, isCompact, at) = VoucherBatch.read(batch, at, item);
            (uint256 status, uint256 due) = accept(item, signature, isCompact, domain);
            charges[count] = (item.account & ~uint256(type(uint96).max)) | due;
            VoucherBatch.writeOutcome(outcomes, count, charges[count], item.jobNonce, status);
            if (status == PAID) roots[accepted++] = uint256(item.receiptsRoot);
        }
    }

    function accept(VoucherBatch.Item memory item, bytes calldata signature, bool isCompact, bytes32 domain)
        private
        returns (uint256 status, uint256 due)
    {
        address user = address(uint160(item.account >> 96));
        uint96 fee = uint96(item.account);
        Pair memory pair = pairs[user][msg.sender];
        if (fee <= pair.owed || item.jobNonce <= pair.jobNonce) return (STALE, 0);
        bytes32 digest = VoucherBatch.digest(item, msg.sender, domain);
        bool isSigned = isCompact
            ? isSignedCompactlyBy(user, digest, bytes32(signature[:32]), bytes32(signature[32:]))
            : isSignedBy(user, digest, signature);
        if (!isSigned) return (INVALID_SIGNATURE, 0);
        due = fee - pair.paid;
        if (pair.openClaims > 0) coveredUpTo[user][msg.sender] = item.jobNonce;
        (pair.paid, pair.owed, pair.jobNonce) = (fee, fee, uint56(item.jobNonce));
        pairs[user][msg.sender] = pair;
    }

    /// The balance gave `drawn` only: the outcome says so and the pair remembers the rest.
    function takeBack(bytes memory outcomes, uint256 index, uint256 charge, uint256 drawn) private {
        address user = address(uint160(charge >> 96));
        pairs[user][msg.sender].paid -= uint96(charge) - uint96(drawn);
        uint256 place = index * VoucherBatch.OUTCOME_BYTES;
        uint256 userAndPaid = (charge & ~uint256(type(uint96).max)) | drawn;
        assembly ("memory-safe") {
            let to := add(add(outcomes, 0x20), place)
            mstore(to, userAndPaid)
            mstore8(add(to, 39), 1)
        }
    }
}
