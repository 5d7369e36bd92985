// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Accusations} from "./Accusations.sol";
import {OperatorPlans} from "./OperatorPlans.sol";
import {SampleJudge} from "./SampleJudge.sol";
import {Credits} from "../compute/Credits.sol";
import {Receipt} from "../compute/ReceiptTypes.sol";
import {Exhibit, Exhibits, SignedRoot} from "./judge/Exhibit.sol";
import {HashPath} from "./judge/HashPath.sol";
import {Draw, Model, Table} from "./judge/Model.sol";
import {SampleTables} from "./judge/SampleTables.sol";
import {Step, Trace} from "./judge/StepProof.sol";

/// Makes a provider that withholds answer in public: what it is asked about its own commitments it shows in time, or it
/// has shown that it cannot. The challenger puts up a bond, and loses it to the provider by asking no more. Spec: dispute.md 13.
abstract contract Challenges is Accusations, Credits {
    event Challenged(
        bytes32 indexed gameId,
        bytes32 indexed receiptHash,
        address indexed provider,
        address challenger,
        uint256 bond
    );
    event Asked(bytes32 indexed gameId, address indexed provider, bytes32 indexed receiptHash, Question question);
    event HashesShown(bytes32 indexed gameId, bytes32[] hashes);
    event StepShown(bytes32 indexed gameId, Step step);
    event RootShown(bytes32 indexed gameId, bytes32 root, bytes signature);
    /// There is no working of `sample`.
    event ShapeShown(bytes32 indexed gameId);
    event ChunkShown(bytes32 indexed gameId, bytes data);
    /// `winner` has the bond as a credit.
    event GameOver(bytes32 indexed gameId, address indexed winner, bool isGuilty);

    error BondWrong(uint256 bond);
    error ReceiptTooOld(uint256 until);
    error GameKnown(bytes32 gameId);
    error NotToMove(bytes32 gameId);
    error TooLate(uint256 deadline);
    error NotYet(uint256 deadline);
    error TooManyQuestions();
    error QuestionWrong();
    error AnswerWrongForm();
    error NotExcused();
    error AlreadyShown();

    enum Turn {
        None,
        Challenger,
        Provider,
        Over
    }

    enum Ask {
        Nothing,
        /// Of the trace's tree.
        Trace,
        Step,
        Root,
        /// Of a working's tree.
        Hashes,
        Chunk
    }

    /// What the provider is asked. `expected`: the hash that the answer must come to, of Trace, Hashes and Chunk.
    struct Question {
        Ask ask;
        uint32 position;
        uint32 operator;
        uint8 level;
        uint32 index;
        /// How many hashes are due.
        uint8 count;
        bytes32 expected;
    }

    struct Game {
        address challenger;
        Turn turn;
        uint64 deadline;
        uint16 asked;
        address provider;
        address user;
        uint128 bond;
        uint32 steps;
        uint32 promptTokens;
        bytes32 traceRoot;
        bytes32 receiptHash;
        bytes32 factsId;
        bytes32 reason;
        bytes32 inputHash;
        /// What the layout of `sample` depends on; of no draw in particular.
        uint32 temperature;
        uint64 topP;
        uint32 sample;
        /// Of penalties and biases, whether there are some.
        bool isPenalised;
        bool isBiased;
        /// The provider showed that masks had a part in the choice of tokens.
        bool isShaped;
    }

    /// Opens `Receipt.inputHash` of a request that has a shape. Spec: receipt.md 4.3.1, 4.4.
    struct Shape {
        bytes32 salt;
        bytes32 request;
        uint32 choices;
        uint16 grammarVersion;
        string schema;
        string tools;
        string toolChoice;
        uint32 callsMax;
    }

    /// Levels between a node that is asked about and the hashes that answer. Spec: dispute.md 8.
    uint256 private constant LEVELS_AT_ONCE = 4;
    uint256 private constant QUESTIONS_MAX = 128;
    bytes32 private constant ROOTS_TAG = keccak256("weightless/receipt/v1/trace-roots");
    /// As binary64.
    uint64 private constant ONE = 0x3ff0000000000000;
    bytes32 private constant INPUT_TAG = keccak256("weightless/receipt/v1/input");
    bytes32 private constant SHAPED_TAG = keccak256("weightless/receipt/v1/request-shaped");

    OperatorPlans public plans;
    uint256 public bondWei;
    /// How long each move may take.
    uint256 public answerSeconds;
    mapping(bytes32 gameId => Game) private games;
    mapping(bytes32 gameId => Question) private questions;
    /// Games that a provider has to answer in. The clock runs slower, the more there are: it takes one after the other.
    mapping(address provider => uint256) public openGames;
    SampleJudge public samples;

    function gameOf(bytes32 gameId) external view returns (Game memory) {
        return games[gameId];
    }

    function questionOf(bytes32 gameId) external view returns (Question memory) {
        return questions[gameId];
    }

    function gameIdOf(bytes32 receiptHash, address challenger) public pure returns (bytes32) {
        return keccak256(abi.encode(receiptHash, challenger));
    }

    /// Begins a game about an answer whose stake can still be slashed; each challenger has one for a receipt.
    function challenge(Exhibit calldata exhibit) external payable nonReentrant returns (bytes32 gameId) {
        if (msg.value != bondWei) revert BondWrong(bondWei);
        (bytes32 receiptHash, Trace memory trace) = open(exhibit);
        Receipt calldata receipt = exhibit.receipt;
        uint256 until = receipt.timestamp + stake.unstakeSeconds();
        if (block.timestamp > until) revert ReceiptTooOld(until);
        if (isConvicted(receipt.provider, reasonOf(receipt))) revert AlreadyShown();
        gameId = gameIdOf(receiptHash, msg.sender);
        if (games[gameId].turn != Turn.None) revert GameKnown(gameId);
        Game storage game = games[gameId];
        (game.challenger, game.provider, game.user) = (msg.sender, receipt.provider, receipt.user);
        (game.turn, game.bond) = (Turn.Challenger, uint128(msg.value));
        (game.traceRoot, game.steps, game.promptTokens) =
            (trace.root, uint32(trace.steps), uint32(trace.promptTokens));
        game.receiptHash = receiptHash;
        (game.factsId, game.reason) = (keccak256(abi.encode(exhibit.model)), reasonOf(receipt));
        Draw memory draw = Exhibits.drawOf(exhibit, trace.promptTokens);
        (game.inputHash, game.temperature, game.topP) = (receipt.inputHash, uint32(draw.temperature), uint64(draw.topP));
        game.isPenalised = SampleTables.hasPenalty(draw.presenceBits, draw.frequencyBits);
        game.isBiased = draw.isBiased;
        game.sample = uint32(7 * exhibit.model.layers + 3);
        openGames[receipt.provider]++;
        begin(game);
        emit Challenged(gameId, receiptHash, receipt.provider, msg.sender, msg.value);
    }

    /// Asks for the hashes four levels below node `index` of `level` of the trace's tree, which `path` proves to be in it.
    function askTrace(bytes32 gameId, uint8 level, uint32 index, bytes32 hash, bytes32[] calldata path) external {
        Game storage game = toMove(gameId);
        if (rootOf(hash, level, index, game.steps, path) != game.traceRoot) revert QuestionWrong();
        ask(gameId, game, nodeQuestion(Ask.Trace, 0, 0, level, index, game.steps, hash));
    }

    function askStep(bytes32 gameId, uint32 position) external {
        Game storage game = toMove(gameId);
        if (position >= game.steps) revert QuestionWrong();
        ask(gameId, game, Question(Ask.Step, position, 0, 0, 0, 0, 0));
    }

    /// Asks for the root of the working of an operator that the step has and a contract lays out.
    function askRoot(bytes32 gameId, uint32 position, uint32 operator, Model calldata model) external {
        Game storage game = toMove(gameId);
        chunksOf(game, position, operator, model);
        ask(gameId, game, Question(Ask.Root, position, operator, 0, 0, 0, 0));
    }

    /// Asks for hashes of a working's tree as `askTrace` does, at level 0 for the chunk.
    function askWorking(
        bytes32 gameId,
        uint32 position,
        SignedRoot calldata root,
        Model calldata model,
        uint8 level,
        uint32 index,
        bytes32 hash,
        bytes32[] calldata path
    ) external {
        Game storage game = toMove(gameId);
        Exhibits.requireRoot(game.provider, receipts.domainSeparator(), game.receiptHash, 0, position, root);
        uint256 leaves = chunksOf(game, position, root.operator, model);
        if (rootOf(hash, level, index, leaves, path) != root.root) revert QuestionWrong();
        Question memory question = level == 0
            ? Question(Ask.Chunk, position, root.operator, 0, index, 0, hash)
            : nodeQuestion(Ask.Hashes, position, root.operator, level, index, leaves, hash);
        ask(gameId, game, question);
    }

    /// Answers are anybody's to bring: each is held to what the provider committed to.
    function showHashes(bytes32 gameId, bytes32[] calldata hashes) external {
        Question storage question = asked(gameId, Ask.Trace, Ask.Hashes);
        if (hashes.length != question.count) revert AnswerWrongForm();
        if (foldOf(hashes) != question.expected) revert AnswerWrongForm();
        emit HashesShown(gameId, hashes);
        giveTurn(gameId);
    }

    function showStep(bytes32 gameId, Step calldata step) external {
        Question storage question = asked(gameId, Ask.Step, Ask.Step);
        if (step.position != question.position) revert AnswerWrongForm();
        Game storage game = games[gameId];
        step.requireOf(Trace({root: game.traceRoot, steps: game.steps, promptTokens: game.promptTokens}));
        emit StepShown(gameId, step);
        giveTurn(gameId);
    }

    function showRoot(bytes32 gameId, bytes32 root, bytes calldata signature) external {
        Question storage question = asked(gameId, Ask.Root, Ask.Root);
        Game storage game = games[gameId];
        bytes32 word = Exhibits.wordOf(game.receiptHash, 0, question.position, question.operator, root);
        Exhibits.requireWord(game.provider, receipts.domainSeparator(), word, root, signature);
        emit RootShown(gameId, root, signature);
        giveTurn(gameId);
    }

    function showChunk(bytes32 gameId, bytes calldata data) external {
        Question storage question = asked(gameId, Ask.Chunk, Ask.Chunk);
        if (HashPath.hashLeaf(data) != question.expected) revert AnswerWrongForm();
        emit ChunkShown(gameId, data);
        giveTurn(gameId);
    }

    /// The receipt is of several answers: its root is none of a trace.
    function excuseAnswers(bytes32 gameId, bytes32[] calldata roots) external {
        Game storage game = excusable(gameId);
        if (keccak256(abi.encode(ROOTS_TAG, roots)) != game.traceRoot) revert NotExcused();
        close(gameId, game, game.provider, false);
    }

    /// The request held its answer to texts: which token is chosen does not follow from the logits, and there is no working
    /// of `sample`. If that is what was asked for, the challenger asks on; it cannot ask for it again.
    function excuseShape(bytes32 gameId, Shape calldata shape) external {
        Game storage game = excusable(gameId);
        if (bytes(shape.schema).length + bytes(shape.tools).length == 0 || game.isShaped) revert NotExcused();
        if (inputHashOf(shape) != game.inputHash) revert NotExcused();
        game.isShaped = true;
        Question storage question = questions[gameId];
        if (game.turn != Turn.Provider || question.ask != Ask.Root || question.operator != game.sample) return;
        if (block.timestamp > game.deadline) revert TooLate(game.deadline);
        emit ShapeShown(gameId);
        giveTurn(gameId);
    }

    /// Ends a game whose time is over, or whose answer was shown wrong meanwhile. Who did not move has lost.
    function finish(bytes32 gameId) external nonReentrant {
        Game storage game = running(gameId);
        if (isConvicted(game.provider, game.reason)) return close(gameId, game, game.challenger, true);
        if (block.timestamp <= game.deadline) revert NotYet(game.deadline);
        bool isGuilty = game.turn == Turn.Provider;
        close(gameId, game, isGuilty ? game.challenger : game.provider, isGuilty);
        if (isGuilty && stake.slashableOf(game.provider) > 0) {
            punish(game.provider, game.user, game.reason, game.challenger);
        }
    }

    function ask(bytes32 gameId, Game storage game, Question memory question) private {
        if (++game.asked > QUESTIONS_MAX) revert TooManyQuestions();
        questions[gameId] = question;
        game.turn = Turn.Provider;
        begin(game);
        emit Asked(gameId, game.provider, game.receiptHash, question);
    }

    function giveTurn(bytes32 gameId) private {
        Game storage game = games[gameId];
        game.turn = Turn.Challenger;
        begin(game);
    }

    /// The clock of a move, through which the stake stays.
    function begin(Game storage game) private {
        uint256 time = answerSeconds * openGames[game.provider];
        game.deadline = uint64(block.timestamp + time);
        stake.hold(game.provider, block.timestamp + 3 * time);
    }

    function close(bytes32 gameId, Game storage game, address winner, bool isGuilty) private {
        game.turn = Turn.Over;
        openGames[game.provider]--;
        credits[winner] += game.bond;
        emit GameOver(gameId, winner, isGuilty);
    }

    function sampleJudge() internal view override returns (SampleJudge) {
        return samples;
    }

    function inputHashOf(Shape calldata shape) private pure returns (bytes32) {
        bytes32 request = keccak256(
            abi.encode(
                SHAPED_TAG,
                shape.request,
                shape.choices,
                shape.grammarVersion,
                shape.schema,
                shape.tools,
                shape.toolChoice,
                shape.callsMax
            )
        );
        return keccak256(abi.encode(INPUT_TAG, shape.salt, request));
    }

    function toMove(bytes32 gameId) private view returns (Game storage game) {
        game = games[gameId];
        if (game.turn != Turn.Challenger || msg.sender != game.challenger) revert NotToMove(gameId);
        if (block.timestamp > game.deadline) revert TooLate(game.deadline);
    }

    function asked(bytes32 gameId, Ask one, Ask other) private view returns (Question storage question) {
        Game storage game = games[gameId];
        question = questions[gameId];
        bool isAsked = game.turn == Turn.Provider && (question.ask == one || question.ask == other);
        if (!isAsked) revert NotToMove(gameId);
        if (block.timestamp > game.deadline) revert TooLate(game.deadline);
    }

    function running(bytes32 gameId) private view returns (Game storage game) {
        game = games[gameId];
        if (game.turn != Turn.Challenger && game.turn != Turn.Provider) revert NotToMove(gameId);
    }

    function excusable(bytes32 gameId) private view returns (Game storage game) {
        game = running(gameId);
        if (isConvicted(game.provider, game.reason)) revert NotExcused();
    }

    /// Chunks of a working that the step has; a working whose operator is not laid out reverts.
    function chunksOf(Game storage game, uint256 position, uint256 operator, Model calldata model)
        private
        view
        returns (uint256)
    {
        if (keccak256(abi.encode(model)) != game.factsId || position >= game.steps) revert QuestionWrong();
        if (operator > 7 * model.layers && position + 1 < game.promptTokens) revert QuestionWrong();
        if (operator == game.sample && game.isShaped) revert QuestionWrong();
        Table[] memory tables = operator == game.sample
            ? plans.planSample(model.vocab, operator - 1, position, layoutOf(game, position))
            : plans.plan(model, operator, position, 0);
        Table memory last = tables[tables.length - 1];
        return last.chunk + (last.words + 255) / 256;
    }

    /// A draw whose working is laid out as that at a position is.
    function layoutOf(Game storage game, uint256 position) private view returns (Draw memory draw) {
        (draw.temperature, draw.topP) = (game.temperature, game.topP);
        draw.index = position + 1 - game.promptTokens;
        if (game.isPenalised) draw.presenceBits = ONE;
        draw.isBiased = game.isBiased;
    }

    function nodeQuestion(
        Ask kind,
        uint32 position,
        uint32 operator,
        uint8 level,
        uint32 index,
        uint256 leaves,
        bytes32 hash
    ) private pure returns (Question memory) {
        // Below there is more than one node: else it is a chunk, or lies above the root.
        if (level == 0 || widthAt(leaves, level - 1) < 2) revert QuestionWrong();
        uint256 down = level < LEVELS_AT_ONCE ? level : LEVELS_AT_ONCE;
        uint256 width = widthAt(leaves, level - down);
        uint256 first = uint256(index) << down;
        uint256 end = first + (1 << down);
        uint256 count = (end < width ? end : width) - first;
        return Question(kind, position, operator, level, index, uint8(count), hash);
    }

    /// Root that a node of a level leads to, in a tree of that many leaves.
    function rootOf(bytes32 hash, uint256 level, uint256 index, uint256 leaves, bytes32[] calldata path)
        private
        pure
        returns (bytes32)
    {
        return HashPath.rootFrom(hash, index, widthAt(leaves, level), path);
    }

    function widthAt(uint256 leaves, uint256 level) private pure returns (uint256) {
        return level > 32 ? 1 : (leaves + (1 << level) - 1) >> level;
    }

    /// The node over neighbouring hashes, an odd one of which rises.
    function foldOf(bytes32[] calldata hashes) private pure returns (bytes32) {
        bytes32[] memory nodes = hashes;
        uint256 count = nodes.length;
        for (; count > 1; count = (count + 1) / 2) {
            for (uint256 i = 0; i < count; i += 2) {
                nodes[i / 2] = i + 1 < count ? HashPath.hashPair(nodes[i], nodes[i + 1]) : nodes[i];
            }
        }
        return nodes[0];
    }
}
