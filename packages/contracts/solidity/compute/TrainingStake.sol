// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Deliverable} from "./DeliverableRing.sol";
import {ProviderStake} from "./ProviderStake.sol";
import {Receipt, ReceiptTypes} from "./ReceiptTypes.sol";
import {TrainingHeads} from "./TrainingHeads.sol";
import {NotOfRun, RunState, TrainingRoot, TrainingRoots} from "./TrainingRoots.sol";

/// What it asks of FineTuningServing beyond the stakes.
interface IDeliveries {
    function acknowledgeSeconds() external view returns (uint256);
    function getDeliverable(address user, address provider, string calldata id)
        external
        view
        returns (Deliverable memory);
}

/// The provider's word which file it delivers for a receipt: the deliverable of this id has this storage root.
struct Delivery {
    string id;
    bytes32 root;
}

/// Slashes fine-tuning providers for what they signed of a training, its quote, its bill, its delivery and its run. Receipts and
/// acceptances are of the domain of FineTuningServing; a job's nonce is its task's. Spec: spec/settlement.md 9.13.
contract TrainingStake is ProviderStake {
    using TrainingRoots for TrainingRoot;

    error NotDeliveredByProvider(bytes32 receiptHash);
    error SameDelivery(bytes32 receiptHash);
    error DeliveryKept(bytes32 receiptHash);
    error SameRoot(bytes32 receiptHash);
    error EndIsRight(bytes32 receiptHash);
    error HeadIsRight(bytes32 receiptHash);

    bytes32 private constant DELIVERY_TYPEHASH = keccak256("Delivery(bytes32 receipt,string id,bytes32 root)");

    /// Shows a deliverable on the chain that is not the file of which its provider said that it delivers it for a receipt.
    function reportOtherDelivery(
        Receipt calldata receipt,
        bytes calldata signature,
        Delivery calldata delivery,
        bytes calldata deliverySignature
    ) external nonReentrant {
        bytes32 domain = receiptDomain();
        bytes32 receiptHash = checkSigned(domain, receipt, signature);
        checkDelivery(domain, receiptHash, receipt.provider, delivery, deliverySignature);
        bytes memory found =
            IDeliveries(address(serving)).getDeliverable(receipt.user, receipt.provider, delivery.id).modelRootHash;
        if (keccak256(found) == keccak256(abi.encodePacked(delivery.root))) revert DeliveryKept(receiptHash);
        punish(receipt.provider, receipt.user, receipt.jobNonce);
    }

    /// Shows two different files, or two ids, that a provider says it delivers for one receipt.
    function reportDoubleDelivery(
        Receipt calldata receipt,
        bytes calldata signature,
        Delivery calldata one,
        bytes calldata oneSignature,
        Delivery calldata other,
        bytes calldata otherSignature
    ) external nonReentrant {
        bytes32 domain = receiptDomain();
        bytes32 receiptHash = checkSigned(domain, receipt, signature);
        checkDelivery(domain, receiptHash, receipt.provider, one, oneSignature);
        checkDelivery(domain, receiptHash, receipt.provider, other, otherSignature);
        if (one.root == other.root && keccak256(bytes(one.id)) == keccak256(bytes(other.id))) {
            revert SameDelivery(receiptHash);
        }
        punish(receipt.provider, receipt.user, receipt.jobNonce);
    }

    /// Shows two different roots, or trees of two sizes, that a provider signed for one place of one training. Spec: dispute.md 14.7.
    function reportTwoRoots(
        Receipt calldata receipt,
        bytes calldata signature,
        TrainingRoot calldata one,
        TrainingRoot calldata other
    ) external nonReentrant {
        bytes32 domain = receiptDomain();
        bytes32 receiptHash = checkSigned(domain, receipt, signature);
        one.requireSigned(domain, receiptHash, receipt.provider);
        other.requireSigned(domain, receiptHash, receipt.provider);
        if (one.place != other.place || (one.leaves == other.leaves && one.root == other.root)) {
            revert SameRoot(receiptHash);
        }
        punish(receipt.provider, receipt.user, receipt.jobNonce);
    }

    /// Shows a run whose last state is not the one of the receipt.
    function reportOtherEnd(
        Receipt calldata receipt,
        bytes calldata signature,
        TrainingRoot calldata run,
        RunState calldata last
    ) external nonReentrant {
        bytes32 receiptHash = checkRun(receipt, signature, run, last);
        if (last.steps + 1 != run.leaves) revert NotOfRun(last.root);
        if (last.root == receipt.traceRoot) revert EndIsRight(receiptHash);
        punish(receipt.provider, receipt.user, receipt.jobNonce);
    }

    /// Shows a state of a run whose head names another program, step or seed than receipt and place do.
    /// @param top the hash over the state's lists
    function reportOtherHead(
        Receipt calldata receipt,
        bytes calldata signature,
        TrainingRoot calldata run,
        RunState calldata state,
        bytes calldata head,
        bytes32 top
    ) external nonReentrant {
        bytes32 receiptHash = checkRun(receipt, signature, run, state);
        if (TrainingHeads.stateHash(head, top) != state.root) revert NotOfRun(state.root);
        if (TrainingHeads.isOf(head, state.steps, receipt.programId, receipt.seed)) revert HeadIsRight(receiptHash);
        punish(receipt.provider, receipt.user, receipt.jobNonce);
    }

    /// A judge's verdict on a job, which counts as the fault that signatures could show of it: once, in either order.
    function punishJob(address provider, address user, uint256 jobNonce, address reporter) external nonReentrant {
        if (!isJudge[msg.sender]) revert CallerNotJudge(msg.sender);
        punish(provider, user, jobNonce, reporter);
    }

    /// As long as a refund, and a deliverable's wait before it.
    function unstakeSeconds() public view override returns (uint256) {
        return serving.lockTime() + IDeliveries(address(serving)).acknowledgeSeconds();
    }

    function receiptDomain() internal view override returns (bytes32) {
        return ReceiptTypes.domainSeparatorOf(address(serving));
    }

    /// As for receipts, only the provider's own key counts.
    function checkDelivery(
        bytes32 domain,
        bytes32 receiptHash,
        address provider,
        Delivery calldata delivery,
        bytes calldata signature
    ) private pure {
        bytes32 structHash =
            keccak256(abi.encode(DELIVERY_TYPEHASH, receiptHash, keccak256(bytes(delivery.id)), delivery.root));
        (address recovered,,) = ECDSA.tryRecoverCalldata(ReceiptTypes.digest(domain, structHash), signature);
        if (recovered == address(0) || recovered != provider) revert NotDeliveredByProvider(receiptHash);
    }

    /// The provider signed the receipt, and the run that has this state.
    function checkRun(
        Receipt calldata receipt,
        bytes calldata signature,
        TrainingRoot calldata run,
        RunState calldata state
    ) private view returns (bytes32 receiptHash) {
        bytes32 domain = receiptDomain();
        receiptHash = checkSigned(domain, receipt, signature);
        run.requireSigned(domain, receiptHash, receipt.provider);
        run.requireState(state);
    }
}
