// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Administered} from "./Administered.sol";
import {Authorization, Price, Receipt, ReceiptTypes} from "./ReceiptTypes.sol";
import {IFeeSource, VoucherSettlement} from "./VoucherSettlement.sol";

/// Pays providers what users signed: cumulative vouchers in batches, and single jobs that were authorised before and
/// receipted after. Nobody can overdraw, replay, underpay or overbill. Spec: spec/settlement.md.
contract ReceiptSettlement is Administered, VoucherSettlement {
    using ReceiptTypes for Authorization;
    using ReceiptTypes for Receipt;

    event ClaimOpened(
        bytes32 indexed receiptHash,
        address indexed user,
        address indexed provider,
        uint256 jobNonce,
        uint256 fee,
        uint256 held,
        uint256 readyAt
    );
    event ClaimContested(bytes32 indexed receiptHash, address indexed user);
    event ClaimPaid(bytes32 indexed receiptHash, address indexed provider, uint256 amount);
    event ClaimResolved(bytes32 indexed receiptHash, uint256 toProvider, uint256 toUser);
    event ResolverUpdated(address indexed resolver);

    error CallerNotProvider(address caller, address provider);
    error CallerNotUser(address caller, address user);
    error CallerNotResolver(address caller);
    error ParticipantsDiffer();
    error UnsupportedReceipt(uint16 version, uint256 chainId);
    error JobNonceStale(uint256 jobNonce, uint256 last);
    error AuthorizationExpired(uint256 deadline);
    error RequestMismatch(bytes32 authorized, bytes32 receipted);
    error PriceMismatch(bytes32 authorized, bytes32 receipted, bytes32 computed);
    error FeeMismatch(uint256 computed, uint256 receipted);
    error FeeAboveMaximum(uint256 fee, uint256 maxFee);
    error InvalidUserSignature();
    error InvalidProviderSignature();
    error TooManyOpenClaims(uint256 max);
    error ClaimNotPayable(bytes32 receiptHash);
    error ClaimNotContestable(bytes32 receiptHash);
    error ClaimNotContested(bytes32 receiptHash);
    error AwardTooLarge(uint256 award, uint256 held);
    error TransferFailed();

    uint16 public constant RECEIPT_VERSION = 1;
    uint256 public constant OPEN_CLAIMS_MAX = 200;

    enum ClaimState {
        None,
        Open,
        Contested,
        Closed
    }

    struct Claim {
        address user;
        uint88 held;
        ClaimState state;
        address provider;
        uint40 readyAt;
        uint56 jobNonce;
    }

    /// Seconds in which a user may contest a claim.
    uint256 public challengeWindow;
    /// Decides contested claims; none before the dispute contracts exist.
    address public resolver;
    mapping(bytes32 receiptHash => Claim) public claims;
    /// Wei that resolved claims gave back to users.
    mapping(address user => uint256) public credits;

    function initialize(address owner_, IFeeSource serving_, uint256 challengeWindow_, uint256 revokeDelay_)
        external
        initializer
    {
        setOwner(owner_);
        serving = serving_;
        challengeWindow = challengeWindow_;
        revokeDelay = revokeDelay_;
    }

    function setResolver(address resolver_) external onlyOwner {
        resolver = resolver_;
        emit ResolverUpdated(resolver_);
    }

    /// Only the serving contract pays in.
    receive() external payable {
        if (msg.sender != address(serving)) revert TransferFailed();
    }

    /// Claims one job that the user authorised and never vouched for: the fee is drawn now and held for the window.
    function claim(
        Authorization calldata authorization,
        bytes calldata userSignature,
        Receipt calldata receipt,
        bytes calldata providerSignature,
        Price calldata price
    ) external nonReentrant returns (bytes32 receiptHash) {
        if (msg.sender != receipt.provider) revert CallerNotProvider(msg.sender, receipt.provider);
        checkMatch(authorization, receipt);
        uint256 fee = checkFee(authorization, receipt, price);
        bytes32 domain = ReceiptTypes.domainSeparator();
        receiptHash = ReceiptTypes.digest(domain, receipt.hash());
        if (!isSignedBy(receipt.user, ReceiptTypes.digest(domain, authorization.hash()), userSignature)) {
            revert InvalidUserSignature();
        }
        if (!isSignedBy(receipt.provider, receiptHash, providerSignature)) revert InvalidProviderSignature();
        Pair storage pair = pairs[receipt.user][receipt.provider];
        if (receipt.jobNonce <= pair.jobNonce) revert JobNonceStale(receipt.jobNonce, pair.jobNonce);
        if (pair.openClaims >= OPEN_CLAIMS_MAX) revert TooManyOpenClaims(OPEN_CLAIMS_MAX);
        uint256 held = hold(receipt.user, fee);
        pair.paid += uint96(held);
        pair.owed += uint96(held);
        pair.jobNonce = uint56(receipt.jobNonce);
        pair.openClaims += 1;
        uint256 readyAt = block.timestamp + challengeWindow;
        claims[receiptHash] = Claim(
            receipt.user, uint88(held), ClaimState.Open, receipt.provider, uint40(readyAt), uint56(receipt.jobNonce)
        );
        emit ClaimOpened(receiptHash, receipt.user, receipt.provider, receipt.jobNonce, fee, held, readyAt);
    }

    /// Freezes a claim until the resolver decides it. The user's fee stays held, so that contesting saves nothing.
    function contest(bytes32 receiptHash) external {
        Claim storage one = claims[receiptHash];
        if (msg.sender != one.user) revert CallerNotUser(msg.sender, one.user);
        if (one.state != ClaimState.Open || block.timestamp >= one.readyAt || isCovered(one)) {
            revert ClaimNotContestable(receiptHash);
        }
        one.state = ClaimState.Contested;
        emit ClaimContested(receiptHash, one.user);
    }

    /// Pays a claim whose window is over, or that a later voucher of the user covers. Anybody may call.
    function payClaim(bytes32 receiptHash) external nonReentrant {
        Claim storage one = claims[receiptHash];
        bool isDue = one.state == ClaimState.Open && block.timestamp >= one.readyAt;
        bool isLive = one.state == ClaimState.Open || one.state == ClaimState.Contested;
        if (!isDue && !(isLive && isCovered(one))) revert ClaimNotPayable(receiptHash);
        uint256 amount = close(one);
        emit ClaimPaid(receiptHash, one.provider, amount);
        send(one.provider, amount);
    }

    /// The resolver's verdict: so much for the provider, the rest back to the user.
    function resolveClaim(bytes32 receiptHash, uint256 toProvider) external nonReentrant {
        if (msg.sender != resolver) revert CallerNotResolver(msg.sender);
        Claim storage one = claims[receiptHash];
        if (one.state != ClaimState.Contested || isCovered(one)) revert ClaimNotContested(receiptHash);
        uint256 held = close(one);
        if (toProvider > held) revert AwardTooLarge(toProvider, held);
        uint256 toUser = held - toProvider;
        Pair storage pair = pairs[one.user][one.provider];
        pair.paid -= uint96(toUser);
        pair.owed -= uint96(toUser);
        credits[one.user] += toUser;
        emit ClaimResolved(receiptHash, toProvider, toUser);
        send(one.provider, toProvider);
    }

    function withdrawCredit() external nonReentrant {
        uint256 amount = credits[msg.sender];
        credits[msg.sender] = 0;
        send(msg.sender, amount);
    }

    function domainSeparator() external view returns (bytes32) {
        return ReceiptTypes.domainSeparator();
    }

    function priceId(address provider, Price calldata price) external pure returns (bytes32) {
        return ReceiptTypes.priceId(provider, price);
    }

    function checkMatch(Authorization calldata authorization, Receipt calldata receipt) private view {
        if (authorization.user != receipt.user || authorization.provider != receipt.provider) {
            revert ParticipantsDiffer();
        }
        if (receipt.version != RECEIPT_VERSION || receipt.chainId != block.chainid) {
            revert UnsupportedReceipt(receipt.version, receipt.chainId);
        }
        if (authorization.jobNonce != receipt.jobNonce || receipt.jobNonce > type(uint56).max) {
            revert JobNonceStale(receipt.jobNonce, authorization.jobNonce);
        }
        if (block.timestamp > authorization.deadline || receipt.timestamp > authorization.deadline) {
            revert AuthorizationExpired(authorization.deadline);
        }
        if (authorization.requestHash != receipt.inputHash) {
            revert RequestMismatch(authorization.requestHash, receipt.inputHash);
        }
    }

    function checkFee(Authorization calldata authorization, Receipt calldata receipt, Price calldata price)
        private
        pure
        returns (uint256 fee)
    {
        bytes32 computed = ReceiptTypes.priceId(receipt.provider, price);
        if (computed != receipt.priceId || computed != authorization.priceId) {
            revert PriceMismatch(authorization.priceId, receipt.priceId, computed);
        }
        fee = receipt.promptTokens * price.inputPrice + receipt.completionTokens * price.outputPrice;
        if (fee != receipt.fee) revert FeeMismatch(fee, receipt.fee);
        if (fee > authorization.maxFee || fee > type(uint88).max) revert FeeAboveMaximum(fee, authorization.maxFee);
    }

    function hold(address user, uint256 fee) private returns (uint256 held) {
        uint256[] memory charges = new uint256[](1);
        charges[0] = (uint256(uint160(user)) << 96) | fee;
        (held,) = serving.drawFees(msg.sender, address(this), charges);
    }

    function close(Claim storage one) private returns (uint256 amount) {
        amount = one.held;
        one.state = ClaimState.Closed;
        pairs[one.user][one.provider].openClaims -= 1;
    }

    function isCovered(Claim storage one) private view returns (bool) {
        return coveredUpTo[one.user][one.provider] >= one.jobNonce;
    }

    function send(address target, uint256 amount) private {
        if (amount == 0) return;
        (bool ok,) = target.call{value: amount}("");
        if (!ok) revert TransferFailed();
    }
}
