// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Administered} from "../compute/Administered.sol";
import {Credits} from "../compute/Credits.sol";

/// Where what licences cost goes: the pool that pays for audits.
interface IAuditPool {
    function fund() external payable;
}

/// Licences to audit: bound to their buyer for a year, lent to an operator for a share of what it earns by them.
/// Spec: spec/alignment.md 2.
contract AlignmentLicence is ERC721, Administered, Credits {
    event CommissionSet(address indexed operator, uint256 commissionBps, uint256 from);
    event Delegated(uint256 indexed tokenId, address indexed operator, address indexed before);
    event Earned(address indexed operator, uint256 amount, uint256 commission, uint256 perLicence);

    error BoundToOwner(uint256 tokenId, uint256 until);
    error CallerNotOwner(uint256 tokenId, address caller);
    error CallerNotRounds(address caller);
    error CommissionTooHigh(uint256 commissionBps, uint256 most);
    error InvalidParameter();
    error SoldOut();
    error WrongPrice(uint256 sent, uint256 price);

    struct Operator {
        uint16 commissionBps;
        /// Takes the place of `commissionBps` from `nextFrom` on; 0: none is announced.
        uint16 nextBps;
        uint64 nextFrom;
        uint32 licences;
        /// Wei that one licence has earned with this operator since the beginning.
        uint128 perLicence;
    }

    struct Seat {
        address operator;
        /// `perLicence` of the operator up to which this licence was credited.
        uint128 credited;
        /// Unix seconds from which it can be transferred.
        uint64 boundUntil;
    }

    uint256 public priceWei;
    uint256 public licencesMax;
    uint256 public boundSeconds;
    /// How long a higher commission is announced.
    uint256 public noticeSeconds;
    uint256 public sold;
    IAuditPool public rounds;
    mapping(address operator => Operator) public operators;
    mapping(uint256 tokenId => Seat) public seats;

    constructor() ERC721("", "") {}

    function initialize(
        address owner_,
        IAuditPool rounds_,
        uint256 priceWei_,
        uint256 licencesMax_,
        uint256 boundSeconds_,
        uint256 noticeSeconds_
    ) external initializer {
        if (licencesMax_ == 0 || licencesMax_ > type(uint32).max) revert InvalidParameter();
        setOwner(owner_);
        (rounds, priceWei, licencesMax) = (rounds_, priceWei_, licencesMax_);
        (boundSeconds, noticeSeconds) = (boundSeconds_, noticeSeconds_);
    }

    /// Behind a proxy no constructor has run.
    function name() public pure override returns (string memory) {
        return "Weightless Alignment Licence";
    }

    function symbol() public pure override returns (string memory) {
        return "WLAL";
    }

    /// The price goes to the pool of the audits.
    function buy(address to) external payable nonReentrant returns (uint256 tokenId) {
        if (msg.value != priceWei) revert WrongPrice(msg.value, priceWei);
        if (sold == licencesMax) revert SoldOut();
        tokenId = ++sold;
        seats[tokenId].boundUntil = uint64(block.timestamp + boundSeconds);
        _mint(to, tokenId);
        rounds.fund{value: msg.value}();
    }

    /// Share that the caller keeps of what others' licences earn with it. A lower one holds at once.
    function setCommission(uint16 commissionBps) external {
        if (commissionBps > 10_000) revert CommissionTooHigh(commissionBps, 10_000);
        Operator storage operator = operators[msg.sender];
        uint256 present = commissionOf(msg.sender);
        operator.commissionBps = uint16(present);
        (operator.nextBps, operator.nextFrom) = (0, 0);
        if (commissionBps > present && operator.licences > 0) {
            (operator.nextBps, operator.nextFrom) = (commissionBps, uint64(block.timestamp + noticeSeconds));
            emit CommissionSet(msg.sender, commissionBps, operator.nextFrom);
        } else {
            operator.commissionBps = commissionBps;
            emit CommissionSet(msg.sender, commissionBps, block.timestamp);
        }
    }

    function commissionOf(address operator) public view returns (uint256) {
        Operator storage entry = operators[operator];
        return entry.nextFrom != 0 && block.timestamp >= entry.nextFrom ? entry.nextBps : entry.commissionBps;
    }

    function licencesOf(address operator) external view returns (uint256) {
        return operators[operator].licences;
    }

    /// Lends a licence to `operator`, or to nobody (zero); it counts in rounds that are enrolled for from now on.
    function delegate(uint256 tokenId, address operator, uint256 commissionBpsMax) external {
        if (ownerOf(tokenId) != msg.sender) revert CallerNotOwner(tokenId, msg.sender);
        uint256 commissionBps = commissionOf(operator);
        if (operators[operator].nextBps > commissionBps) commissionBps = operators[operator].nextBps;
        if (commissionBps > commissionBpsMax) revert CommissionTooHigh(commissionBps, commissionBpsMax);
        seat(tokenId, operator);
    }

    /// What audits of `operator` earned: its commission, and the rest by licence; what does not divide is the operator's.
    function share(address operator) external payable {
        if (msg.sender != address(rounds)) revert CallerNotRounds(msg.sender);
        Operator storage entry = operators[operator];
        uint256 commission = (msg.value * commissionOf(operator)) / 10_000;
        uint256 perLicence = entry.licences == 0 ? 0 : (msg.value - commission) / entry.licences;
        entry.perLicence += uint128(perLicence);
        credits[operator] += msg.value - perLicence * entry.licences;
        emit Earned(operator, msg.value, commission, perLicence);
    }

    /// Credits the owners with what these licences have earned.
    function collect(uint256[] calldata tokenIds) external {
        for (uint256 i = 0; i < tokenIds.length; i++) creditSeat(tokenIds[i], ownerOf(tokenIds[i]));
    }

    /// Wei that a licence has earned and that are not yet a credit.
    function earnedOf(uint256 tokenId) public view returns (uint256) {
        Seat storage entry = seats[tokenId];
        return operators[entry.operator].perLicence - entry.credited;
    }

    /// Bound for a year; afterwards the delegation ends with the ownership.
    function _update(address to, uint256 tokenId, address auth) internal override returns (address from) {
        from = _ownerOf(tokenId);
        if (from != address(0)) {
            uint256 until = seats[tokenId].boundUntil;
            if (block.timestamp < until) revert BoundToOwner(tokenId, until);
            seat(tokenId, address(0));
        }
        return super._update(to, tokenId, auth);
    }

    function seat(uint256 tokenId, address operator) private {
        creditSeat(tokenId, _ownerOf(tokenId));
        Seat storage entry = seats[tokenId];
        address before = entry.operator;
        if (before != address(0)) operators[before].licences--;
        if (operator != address(0)) operators[operator].licences++;
        (entry.operator, entry.credited) = (operator, operators[operator].perLicence);
        emit Delegated(tokenId, operator, before);
    }

    function creditSeat(uint256 tokenId, address holder) private {
        uint256 earned = earnedOf(tokenId);
        if (earned == 0) return;
        seats[tokenId].credited += uint128(earned);
        credits[holder] += earned;
    }
}
