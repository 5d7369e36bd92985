// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Receipt, ReceiptTypes} from "../compute/ReceiptTypes.sol";
import {TrainingHeads} from "../compute/TrainingHeads.sol";
import {NotOfRun, RunState, TrainingRoot, TrainingRoots} from "../compute/TrainingRoots.sol";
import {TrainingStake} from "../compute/TrainingStake.sol";
import {ModelFacts} from "../dispute/ModelFacts.sol";
import {SoftFloat as F} from "../dispute/SoftFloat.sol";
import {FileProof} from "../dispute/WordJudge.sol";
import {Model} from "../dispute/judge/Model.sol";
import {TrainedHead, TrainedHeads} from "./TrainedHeads.sol";
import {TrainedParameters} from "./TrainedParameters.sol";
import {TrainedStep} from "./TrainingCase.sol";
import {TrainingJudge} from "./TrainingJudge.sol";
import {ShownPiece, ShownTable} from "./TrainingViews.sol";

/// A state of a run with its head, and the hash over its lists.
struct OpenedState {
    RunState state;
    bytes head;
    bytes32 top;
}

/// A step of a training that was sold, in its trainer's own words.
/// @param run, trace roots over the states and over the tables of the step @param rows its rows of tokens
struct StepExhibit {
    Receipt receipt;
    bytes signature;
    Model model;
    TrainingRoot run;
    TrainingRoot trace;
    OpenedState before;
    OpenedState afterwards;
    bytes rows;
}

/// Slashes a trainer for a word of a step that its rule does not give. Anybody shows it, in one transaction; a judge of
/// `TrainingStake`, without an owner. Spec: dispute.md 14.8.
contract TrainingGame {
    using TrainingRoots for TrainingRoot;

    event TrainingWrong(
        bytes32 indexed receiptHash,
        address indexed provider,
        address indexed accuser,
        uint256 step,
        uint256 table,
        uint256 index,
        uint256 expected,
        uint256 claimed
    );

    event SettingsWrong(
        bytes32 indexed receiptHash, address indexed provider, address indexed accuser, uint256 steps
    );

    error ReceiptForeign();
    error NotSignedByProvider(bytes32 receiptHash);
    /// Not states side by side, with the trace of the step between them.
    error StepForeign();
    /// The heads name another program, seed or settings than receipt and one another, or the parameters are not the receipt's.
    error HeadsDiffer();
    /// These are not the rows that the head after the step names.
    error RowsForeign();
    error NothingWrong();

    uint16 private constant RECEIPT_VERSION = 1;
    uint8 private constant FINE_TUNING = 3;
    uint8 private constant RE_EXECUTION = 1;
    bytes32 private constant PROGRAM_TAG = keccak256("weightless/receipt/v1/training-program");
    bytes32 private constant PARAMETERS_TAG = keccak256("weightless/receipt/v1/training-parameters");
    uint16 private constant TRAINING_VERSION = 2;

    TrainingStake public immutable stake;
    /// Contract in whose domain trainers sign.
    address public immutable serving;
    ModelFacts public immutable facts;
    TrainingJudge public immutable forward;
    TrainingJudge public immutable backward;

    constructor(
        TrainingStake stake_,
        address serving_,
        ModelFacts facts_,
        TrainingJudge forward_,
        TrainingJudge backward_
    ) {
        (stake, serving, facts, forward, backward) = (stake_, serving_, facts_, forward_, backward_);
    }

    /// Word `index` of the last of the tables shown is not what its rule gives.
    /// @param isBackward which judge knows the table: the other one refuses it
    /// @param tables rising @param pieces of the state before the step @param files of the model, as the rule reads them
    function proveWord(
        StepExhibit calldata exhibit,
        bool isBackward,
        uint256 index,
        ShownTable[] calldata tables,
        ShownPiece[] calldata pieces,
        FileProof[] calldata files
    ) external {
        (bytes32 receiptHash, TrainedStep memory step) = open(exhibit);
        (uint256 expected, uint256 claimed) =
            (isBackward ? backward : forward).compute(exhibit.model, step, index, tables, pieces, files);
        if (expected == claimed) revert NothingWrong();
        uint256 table = tables[tables.length - 1].table;
        address provider = exhibit.receipt.provider;
        emit TrainingWrong(receiptHash, provider, msg.sender, step.number, table, index, expected, claimed);
        punish(exhibit.receipt);
    }

    /// A state of a run has other settings in its head than the user asked for: learning rate, rank, alpha or targets.
    /// @param parameters open `Receipt.sampler`
    function proveSettings(
        Receipt calldata receipt,
        bytes calldata signature,
        TrainingRoot calldata run,
        OpenedState calldata opened,
        bytes calldata parameters
    ) external {
        bytes32 domain = ReceiptTypes.domainSeparatorOf(serving);
        bytes32 receiptHash = requireReceipt(receipt, domain, signature);
        run.requireSigned(domain, receiptHash, receipt.provider);
        requireState(run, opened);
        if (keccak256(abi.encode(PARAMETERS_TAG, string(parameters))) != receipt.sampler) revert HeadsDiffer();
        if (TrainedParameters.give(parameters, TrainedHeads.read(opened.head))) revert NothingWrong();
        emit SettingsWrong(receiptHash, receipt.provider, msg.sender, opened.state.steps);
        punish(receipt);
    }

    /// The step, as far as signatures and heads fix it.
    function open(StepExhibit calldata exhibit) private view returns (bytes32 receiptHash, TrainedStep memory step) {
        Receipt calldata receipt = exhibit.receipt;
        bytes32 domain = ReceiptTypes.domainSeparatorOf(serving);
        receiptHash = requireReceipt(receipt, domain, exhibit.signature);
        exhibit.run.requireSigned(domain, receiptHash, receipt.provider);
        exhibit.trace.requireSigned(domain, receiptHash, receipt.provider);
        requireState(exhibit.run, exhibit.before);
        requireState(exhibit.run, exhibit.afterwards);
        uint256 number = exhibit.before.state.steps;
        if (exhibit.afterwards.state.steps != number + 1 || exhibit.trace.place != number + 1) revert StepForeign();
        TrainedHead memory head = readHeads(exhibit);
        facts.requireKnown(receipt.modelRoot, head.program, keccak256(abi.encode(exhibit.model)));
        uint256 scale = F.narrow64(F.div64(head.alpha, F.fromInt64(int256(head.rank))));
        step = TrainedStep({
            modelRoot: receipt.modelRoot,
            trace: exhibit.trace.root,
            leaves: exhibit.trace.leaves,
            top: exhibit.before.top,
            number: number,
            targets: head.targets,
            rank: head.rank,
            scale: scale,
            rate: F.narrow64(head.rate),
            rows: exhibit.rows
        });
    }

    function requireReceipt(Receipt calldata receipt, bytes32 domain, bytes calldata signature)
        private
        view
        returns (bytes32 receiptHash)
    {
        if (receipt.version != RECEIPT_VERSION || receipt.chainId != block.chainid) revert ReceiptForeign();
        if (receipt.serviceClass != FINE_TUNING || receipt.check != RE_EXECUTION) revert ReceiptForeign();
        receiptHash = ReceiptTypes.digest(domain, ReceiptTypes.hash(receipt));
        address signer = ReceiptTypes.signerOf(domain, receiptHash, signature);
        if (signer == address(0) || signer != receipt.provider) revert NotSignedByProvider(receiptHash);
    }

    function requireState(TrainingRoot calldata run, OpenedState calldata opened) private pure {
        run.requireState(opened.state);
        if (TrainingHeads.stateHash(opened.head, opened.top) != opened.state.root) revert NotOfRun(opened.state.root);
    }

    /// Both heads are of the receipt and alike but for place and data, and the rows lead from one to the other.
    function readHeads(StepExhibit calldata exhibit) private pure returns (TrainedHead memory head) {
        (bytes calldata before, bytes calldata afterwards) = (exhibit.before.head, exhibit.afterwards.head);
        head = TrainedHeads.read(before);
        TrainedHead memory next = TrainedHeads.read(afterwards);
        Receipt calldata receipt = exhibit.receipt;
        bool isOf = keccak256(abi.encode(PROGRAM_TAG, head.program, TRAINING_VERSION)) == receipt.programId
            && head.seed == receipt.seed && head.step == exhibit.before.state.steps;
        bool isSame = next.program == head.program && next.seed == head.seed && next.step == head.step + 1
            && keccak256(before[head.settingsAt:]) == keccak256(afterwards[next.settingsAt:]);
        if (!isOf || !isSame) revert HeadsDiffer();
        uint256 size = TrainedHeads.DIGEST_BYTES;
        bytes32 digest = sha256(abi.encodePacked(before[head.digestAt:head.digestAt + size], exhibit.rows));
        (bytes32 named,) = TrainedHeads.word(afterwards, next.digestAt);
        if (digest != named) revert RowsForeign();
    }

    function punish(Receipt calldata receipt) private {
        stake.punishJob(receipt.provider, receipt.user, receipt.jobNonce, msg.sender);
    }
}
