// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Deliverable} from "./DeliverableRing.sol";
import {ProviderStake} from "./ProviderStake.sol";
import {Receipt, ReceiptTypes} from "./ReceiptTypes.sol";

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

/// Slashes fine-tuning providers for what they signed of a training, its quote, its bill and its delivery. Receipts and
/// acceptances are of the domain of FineTuningServing; a job's nonce is its task's. Spec: spec/settlement.md 9.13.
contract TrainingStake is ProviderStake {
    error NotDeliveredByProvider(bytes32 receiptHash);
    error SameDelivery(bytes32 receiptHash);
    error DeliveryKept(bytes32 receiptHash);

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
}
