// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// How a job finds its provider: the first who comes, one named by the poster, or the first at a price that rises.
enum JobMode {
    Take,
    Assign,
    Auction
}

enum JobState {
    None,
    Open,
    Taken,
    Delivered,
    Rejected,
    Closed
}

/// How a closed job ended.
enum JobOutcome {
    None,
    Acknowledged,
    /// The poster was silent until the review ended.
    Unanswered,
    Cancelled,
    Declined,
    Expired,
    Abandoned,
    TimedOut,
    Resolved,
    Undecided
}

/// What a poster asks for; wei and seconds.
struct JobTerms {
    /// 1: batch inference, 2: fine-tuning.
    uint8 kind;
    JobMode mode;
    /// Only this one may accept; zero except in mode Assign.
    address provider;
    /// Storage root of the description: model, inputs, parameters.
    bytes32 specRoot;
    /// What an auction begins with; in the other modes the price itself.
    uint128 priceFloor;
    /// The most that the job may cost; it is put down at once.
    uint128 priceMax;
    /// What the provider puts down.
    uint128 bond;
    /// How long an auction's price takes from floor to maximum.
    uint32 auctionSeconds;
    /// How long the job waits for a provider.
    uint32 openSeconds;
    /// How long the provider has from acceptance.
    uint32 workSeconds;
    /// How long the poster has from delivery.
    uint32 reviewSeconds;
    /// The provider's share of the price, in hundredths of a per cent, if its work is rejected and nobody decides.
    uint16 disputedShareBps;
}

struct Job {
    address poster;
    /// When the present state ends: open, work, review or decision; Unix seconds.
    uint64 until;
    JobMode mode;
    JobState state;
    JobOutcome outcome;
    uint8 kind;
    /// Zero until somebody is named or has accepted.
    address provider;
    uint64 postedAt;
    uint32 auctionSeconds;
    uint128 priceFloor;
    uint128 priceMax;
    /// Agreed when the job is accepted; 0 before.
    uint128 price;
    uint128 bond;
    uint32 workSeconds;
    uint32 reviewSeconds;
    uint16 disputedShareBps;
    bytes32 specRoot;
    /// Storage root of the result, and the receipt that says what was done.
    bytes32 resultRoot;
    bytes32 receiptHash;
}
