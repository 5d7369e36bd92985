// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Challenges} from "./Challenges.sol";
import {ModelFacts} from "./ModelFacts.sol";
import {OperatorPlans} from "./OperatorPlans.sol";
import {SampleJudge} from "./SampleJudge.sol";
import {StepJudge} from "./StepJudge.sol";
import {WordJudge} from "./WordJudge.sol";
import {IReceiptDomain} from "../compute/IProviderStake.sol";
import {ProviderStake} from "../compute/ProviderStake.sol";

/// Slashes a provider for a wrong answer, by what it signed or by what it does not show in time. Spec: dispute.md 12, 13.
contract DisputeGame is Challenges {
    error InvalidParameter();

    struct Judges {
        ModelFacts facts;
        OperatorPlans plans;
        WordJudge words;
        StepJudge steps;
        SampleJudge samples;
    }

    function initialize(
        address owner_,
        ProviderStake stake_,
        IReceiptDomain receipts_,
        Judges calldata judges,
        uint256 bondWei_,
        uint256 answerSeconds_
    ) external initializer {
        if (bondWei_ == 0 || bondWei_ > type(uint128).max || answerSeconds_ == 0) revert InvalidParameter();
        setOwner(owner_);
        (stake, receipts, bondWei, answerSeconds) = (stake_, receipts_, bondWei_, answerSeconds_);
        (facts, plans, words, steps) = (judges.facts, judges.plans, judges.words, judges.steps);
        samples = judges.samples;
    }
}
