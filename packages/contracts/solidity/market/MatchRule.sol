// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// An offer as it stands: what the provider declared, its registry entry, and its stake.
struct Candidate {
    address provider;
    /// keccak256 of the registry's text.
    bytes32 serviceType;
    bytes32 model;
    /// Storage root of the weights; zero where the provider names none.
    bytes32 modelRoot;
    uint256 inputPrice;
    uint256 outputPrice;
    bytes16 region;
    uint8 privacy;
    uint8 check;
    /// Whether the capacity was measured by an auditor; else by the provider itself.
    bool isAudited;
    /// Output tokens per second, all slots together.
    uint32 tokensPerSecond;
    uint16 concurrentSlots;
    uint32 firstTokenMs;
    uint64 measuredAt;
    uint256 stake;
    /// False when the offer has expired, or the registry entry is gone or of another model than was declared.
    bool isCurrent;
}

/// What a user looks for; zero asks for nothing, but for the two prices.
struct Need {
    bytes32 serviceType;
    bytes32 model;
    bytes32 modelRoot;
    uint256 inputPriceMax;
    uint256 outputPriceMax;
    /// The mix that prices are compared by.
    uint32 inputTokens;
    uint32 outputTokens;
    uint32 firstTokenMsMax;
    uint32 tokensPerSecondMin;
    uint16 concurrentSlotsMin;
    uint64 measuredSince;
    bytes16 region;
    uint8 privacyMin;
    /// Bit n accepts check n; 0 accepts all.
    uint8 checks;
    bool auditedOnly;
    /// How much dearer than the cheapest still counts as equal, in hundredths of a per cent.
    uint16 toleranceBps;
    /// Providers wanted; 0 is 1.
    uint8 redundancy;
}

/// Who serves a need: filter, cheapest first, equals drawn by stake. Pure, and the same as `matchNeed.ts`.
/// Spec: spec/market.md 4.
library MatchRule {
    /// Everybody weighs at least this much in a draw, stake or none.
    uint256 internal constant WEIGHT_FLOOR = 1 ether;
    uint256 private constant BPS = 10_000;
    uint256 private constant GONE = type(uint256).max;

    function choose(Candidate[] memory candidates, Need memory need, bytes32 seed)
        internal
        pure
        returns (address[] memory chosen)
    {
        uint256[] memory costs = new uint256[](candidates.length);
        uint256 left = 0;
        for (uint256 i = 0; i < candidates.length; i++) {
            costs[i] = fits(candidates[i], need) ? costOf(candidates[i], need) : GONE;
            if (costs[i] != GONE) left++;
        }
        uint256 wanted = need.redundancy == 0 ? 1 : need.redundancy;
        chosen = new address[](wanted < left ? wanted : left);
        uint256 limit = 0;
        uint256 weight = 0;
        for (uint256 turn = 0; turn < chosen.length; turn++) {
            if (weight == 0) (limit, weight) = cheapestGroup(candidates, costs, need.toleranceBps);
            uint256 at = draw(candidates, costs, limit, uint256(keccak256(abi.encode(seed, turn))) % weight);
            chosen[turn] = candidates[at].provider;
            costs[at] = GONE;
            weight -= weightOf(candidates[at]);
        }
    }

    function fits(Candidate memory one, Need memory need) internal pure returns (bool) {
        if (!one.isCurrent) return false;
        if (need.serviceType != 0 && one.serviceType != need.serviceType) return false;
        if (need.model != 0 && one.model != need.model) return false;
        if (need.modelRoot != 0 && one.modelRoot != need.modelRoot) return false;
        if (need.region != 0 && one.region != need.region) return false;
        if (one.inputPrice > need.inputPriceMax || one.inputPrice > type(uint128).max) return false;
        if (one.outputPrice > need.outputPriceMax || one.outputPrice > type(uint128).max) return false;
        if (one.privacy < need.privacyMin) return false;
        if (need.checks != 0 && (one.check > 7 || (need.checks >> one.check) & 1 == 0)) return false;
        if (need.auditedOnly && !one.isAudited) return false;
        return isFastEnough(one, need);
    }

    /// A capacity that was never measured is zero slots at time 0: it is no promise of any speed.
    function isFastEnough(Candidate memory one, Need memory need) private pure returns (bool) {
        if (need.firstTokenMsMax != 0 && (one.measuredAt == 0 || one.firstTokenMs > need.firstTokenMsMax)) return false;
        return one.tokensPerSecond >= need.tokensPerSecondMin && one.concurrentSlots >= need.concurrentSlotsMin
            && one.measuredAt >= need.measuredSince;
    }

    /// Price of the need's mix of tokens in wei, below 2^161.
    function costOf(Candidate memory one, Need memory need) private pure returns (uint256) {
        if (need.inputTokens == 0 && need.outputTokens == 0) return one.inputPrice + one.outputPrice;
        return one.inputPrice * need.inputTokens + one.outputPrice * need.outputTokens;
    }

    function weightOf(Candidate memory one) private pure returns (uint256) {
        return (one.stake < type(uint128).max ? one.stake : type(uint128).max) + WEIGHT_FLOOR;
    }

    function cheapestGroup(Candidate[] memory candidates, uint256[] memory costs, uint256 toleranceBps)
        private
        pure
        returns (uint256 limit, uint256 weight)
    {
        uint256 cheapest = GONE;
        for (uint256 i = 0; i < costs.length; i++) if (costs[i] < cheapest) cheapest = costs[i];
        limit = cheapest + cheapest * toleranceBps / BPS;
        for (uint256 i = 0; i < costs.length; i++) if (costs[i] <= limit) weight += weightOf(candidates[i]);
    }

    /// The one within `limit` at whose weight the running sum, in the list's order, passes `point`.
    function draw(Candidate[] memory candidates, uint256[] memory costs, uint256 limit, uint256 point)
        private
        pure
        returns (uint256 at)
    {
        for (at = 0; at < costs.length; at++) {
            if (costs[at] > limit) continue;
            uint256 weight = weightOf(candidates[at]);
            if (point < weight) return at;
            point -= weight;
        }
    }
}
