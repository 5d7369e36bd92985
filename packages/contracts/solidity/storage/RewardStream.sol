// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Money that is released evenly over time. More of it lengthens the time and leaves the rate, so that nobody can delay
/// or hasten what others are owed. Spec: mining.md 7.
library RewardStream {
    struct Stream {
        /// Wei released before `since`.
        uint96 released;
        /// Wei released between `since` and `end`; all of it waits while the stream has not started.
        uint96 locked;
        /// Unix seconds; 0 before the start.
        uint32 since;
        uint32 end;
    }

    /// A stream is never lengthened to more than so many times the usual period.
    uint256 private constant PERIODS_MAX = 100;

    function start(Stream storage stream, uint256 periodSeconds) internal {
        if (stream.since != 0) return;
        stream.since = uint32(block.timestamp);
        stream.end = uint32(block.timestamp + periodSeconds);
    }

    function add(Stream storage stream, uint256 amount, uint256 periodSeconds) internal {
        Stream memory next = stream;
        require(amount < 1 << 95 && uint256(next.locked) + next.released < 1 << 95, "Amount too large");
        if (next.since != 0) {
            uint256 before = releasedBy(stream, block.timestamp);
            uint256 rest = uint256(next.released) + next.locked - before;
            uint256 left = next.end > block.timestamp ? next.end - block.timestamp : 0;
            left = rest == 0 || left == 0 ? periodSeconds : left + (left * amount) / rest;
            if (left > PERIODS_MAX * periodSeconds) left = PERIODS_MAX * periodSeconds;
            next = Stream(uint96(before), uint96(rest), uint32(block.timestamp), uint32(block.timestamp + left));
        }
        next.locked += uint96(amount);
        (stream.released, stream.locked, stream.since, stream.end) = (next.released, next.locked, next.since, next.end);
    }

    /// Wei released until `time`.
    function releasedBy(Stream storage stream, uint256 time) internal view returns (uint256) {
        if (stream.since == 0) return 0;
        if (time >= stream.end) return uint256(stream.released) + stream.locked;
        return stream.released + (uint256(stream.locked) * (time - stream.since)) / (stream.end - stream.since);
    }
}
