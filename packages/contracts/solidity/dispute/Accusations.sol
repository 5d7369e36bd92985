// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Administered} from "../compute/Administered.sol";
import {IReceiptDomain} from "../compute/IProviderStake.sol";
import {ProviderStake} from "../compute/ProviderStake.sol";
import {Receipt} from "../compute/ReceiptTypes.sol";
import {ModelFacts} from "./ModelFacts.sol";
import {SampleJudge} from "./SampleJudge.sol";
import {AccusedRow, StepJudge} from "./StepJudge.sol";
import {FileProof, WordJudge} from "./WordJudge.sol";
import {Accused} from "./judge/AccusedUnit.sol";
import {Exhibit, Exhibits, SignedRoot} from "./judge/Exhibit.sol";
import {Draw, Model} from "./judge/Model.sol";
import {Step, Trace} from "./judge/StepProof.sol";
import {Opening} from "./judge/WorkingChunks.sol";

/// What a provider's own signatures show against it: the receipt, and the root of one operator's working. Anybody shows
/// it, in one transaction. Spec: dispute.md 12.
abstract contract Accusations is Administered, ReentrancyGuardTransient {
    /// `kind`: 1 word, 2 bound, 3 count, 4 token, 5 two roots.
    event AnswerWrong(
        bytes32 indexed receiptHash,
        address indexed provider,
        address indexed accuser,
        uint8 kind,
        uint256 position,
        uint256 operator,
        uint256 expected,
        uint256 claimed
    );

    /// What is claimed is what must be.
    error NothingWrong();

    ProviderStake public stake;
    IReceiptDomain public receipts;
    ModelFacts public facts;
    WordJudge public words;
    StepJudge public steps;

    /// What one accusation found.
    struct Found {
        uint8 kind;
        uint256 position;
        uint256 operator;
        uint256 expected;
        uint256 claimed;
    }

    /// The unit that begins at word `index` of table `table` is not what its rule gives.
    function proveWord(
        Exhibit calldata exhibit,
        Step calldata step,
        SignedRoot calldata root,
        uint256 table,
        uint256 index,
        Opening[] calldata openings,
        FileProof calldata file
    ) external nonReentrant {
        (bytes32 receiptHash, Trace memory trace) = open(exhibit);
        step.requireOf(trace);
        requireRoot(exhibit.receipt, receiptHash, step.position, root);
        Accused memory accused = Accused({
            modelRoot: exhibit.receipt.modelRoot,
            workingRoot: root.root,
            operator: root.operator,
            position: step.position,
            token: step.token,
            table: table,
            index: index
        });
        (uint256 expected, uint256 claimed) = isSample(exhibit.model, root.operator)
            ? choose(exhibit, accused, openings)
            : words.compute(exhibit.model, accused, openings, file);
        convict(exhibit.receipt, receiptHash, Found(1, step.position, root.operator, expected, claimed));
    }

    /// The last state of row `row` of chain `table` is not the digest that the step `source` has of that row.
    function proveBound(
        Exhibit calldata exhibit,
        Step calldata step,
        SignedRoot calldata root,
        uint256 table,
        uint256 row,
        Step calldata source,
        Opening[] calldata openings
    ) external nonReentrant {
        (bytes32 receiptHash, Trace memory trace) = open(exhibit);
        requireRoot(exhibit.receipt, receiptHash, step.position, root);
        AccusedRow memory accused =
            AccusedRow({workingRoot: root.root, operator: root.operator, table: table, row: row});
        Draw memory draw;
        if (isSample(exhibit.model, root.operator)) draw = Exhibits.drawOf(exhibit, step.position);
        (bytes32 expected, bytes32 claimed) = steps.bound(exhibit.model, trace, accused, draw, step, source, openings);
        Found memory found = Found(2, step.position, root.operator, uint256(expected), uint256(claimed));
        convict(exhibit.receipt, receiptHash, found);
    }

    /// The step has not as many operators as the model.
    function proveCount(Exhibit calldata exhibit, Step calldata step) external nonReentrant {
        (bytes32 receiptHash, Trace memory trace) = open(exhibit);
        (uint256 expected, uint256 claimed) = steps.count(exhibit.model, trace, step);
        convict(exhibit.receipt, receiptHash, Found(3, step.position, 0, expected, claimed));
    }

    /// The step behind `step` does not go on with the token that was chosen.
    function proveToken(Exhibit calldata exhibit, Step calldata step, Step calldata next, bytes calldata record)
        external
        nonReentrant
    {
        (bytes32 receiptHash, Trace memory trace) = open(exhibit);
        (uint256 expected, uint256 claimed) = steps.token(exhibit.model, trace, step, next, record);
        convict(exhibit.receipt, receiptHash, Found(4, next.position, 0, expected, claimed));
    }

    /// The provider signed two roots for one place. Needs nothing of the model.
    function proveTwoRoots(
        Receipt calldata receipt,
        bytes calldata signature,
        uint32 choice,
        uint32 position,
        SignedRoot calldata one,
        SignedRoot calldata other
    ) external nonReentrant {
        bytes32 domain = receipts.domainSeparator();
        bytes32 receiptHash = Exhibits.requireSigned(receipt, domain, signature);
        if (one.operator != other.operator) revert NothingWrong();
        Exhibits.requireRoot(receipt.provider, domain, receiptHash, choice, position, one);
        Exhibits.requireRoot(receipt.provider, domain, receiptHash, choice, position, other);
        Found memory found = Found(5, position, one.operator, uint256(one.root), uint256(other.root));
        convict(receipt, receiptHash, found);
    }

    /// The case of a receipt: one job is one fault, however it is shown.
    function reasonOf(Receipt calldata receipt) public pure returns (bytes32) {
        return keccak256(abi.encode(receipt.user, receipt.jobNonce));
    }

    function open(Exhibit calldata exhibit) internal view returns (bytes32 receiptHash, Trace memory trace) {
        Receipt calldata receipt = exhibit.receipt;
        receiptHash = Exhibits.requireSigned(receipt, receipts.domainSeparator(), exhibit.signature);
        Exhibits.requireSampler(receipt, exhibit.sampler, exhibit.adjust);
        trace = Exhibits.traceOf(receipt);
        facts.requireKnown(receipt.modelRoot, receipt.programId, keccak256(abi.encode(exhibit.model)));
    }

    function sampleJudge() internal view virtual returns (SampleJudge);

    /// Whether the operator is the one that chooses the token.
    function isSample(Model calldata model, uint256 operator) internal pure returns (bool) {
        return operator == 7 * model.layers + 3;
    }

    /// The unit by how the token was chosen.
    function choose(Exhibit calldata exhibit, Accused memory accused, Opening[] calldata openings)
        private
        view
        returns (uint256, uint256)
    {
        Draw memory draw = Exhibits.drawOf(exhibit, accused.position);
        draw.bias = Exhibits.biasOf(exhibit.adjust, accused.index);
        return sampleJudge().compute(exhibit.model.vocab, draw, accused, openings);
    }

    function requireRoot(Receipt calldata receipt, bytes32 receiptHash, uint256 position, SignedRoot calldata root)
        private
        view
    {
        Exhibits.requireRoot(receipt.provider, receipts.domainSeparator(), receiptHash, 0, position, root);
    }

    function convict(Receipt calldata receipt, bytes32 receiptHash, Found memory found) private {
        if (found.expected == found.claimed) revert NothingWrong();
        address provider = receipt.provider;
        emit AnswerWrong(
            receiptHash,
            provider,
            msg.sender,
            found.kind,
            found.position,
            found.operator,
            found.expected,
            found.claimed
        );
        punish(provider, receipt.user, reasonOf(receipt), msg.sender);
    }

    /// A wrong answer costs what a fault costs that signatures show.
    function punish(address provider, address user, bytes32 reason, address accuser) internal {
        uint256 amount = stake.slashableOf(provider) * stake.faultPercent() / 100;
        stake.slash(provider, amount, reason, user, accuser);
    }

    /// Whether this case was decided.
    function isConvicted(address provider, bytes32 reason) internal view returns (bool) {
        return stake.isCounted(keccak256(abi.encode(address(this), provider, reason)));
    }
}
