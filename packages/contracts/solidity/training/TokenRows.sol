// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The rows are cut off, empty, or of other tokens than the model has.
error RowsWrong();

/// Rows of tokens of a step. @param starts byte where a row's tokens begin @param places how many positions of it count
/// @param counted those of all rows
struct TokenList {
    uint256[] starts;
    uint256[] lengths;
    uint256[] places;
    uint256 counted;
}

/// Reads rows as their digest takes them in: of each its length, its tokens and its mask, as u32, little-endian. A
/// position counts where the mask of the next one is 1. Spec: training.md 6.1.
library TokenRows {
    uint256 private constant ROWS_MAX = 256;

    function read(bytes calldata rows, uint256 vocab) internal pure returns (TokenList memory list) {
        uint256 many = 0;
        for (uint256 at = 0; at < rows.length; many++) at = behind(rows, at);
        if (many == 0 || many > ROWS_MAX) revert RowsWrong();
        (list.starts, list.lengths, list.places) = (new uint256[](many), new uint256[](many), new uint256[](many));
        uint256 start = 0;
        for (uint256 r = 0; r < many; r++) {
            uint256 length = number(rows, start);
            (list.starts[r], list.lengths[r]) = (start + 4, length);
            for (uint256 t = 0; t < length; t++) {
                if (tokenAt(list, rows, r, t) >= vocab || maskAt(list, rows, r, t) > 1) revert RowsWrong();
                if (t > 0) list.places[r] += maskAt(list, rows, r, t);
            }
            list.counted += list.places[r];
            start = behind(rows, start);
        }
        if (list.counted == 0) revert RowsWrong();
    }

    function tokenAt(TokenList memory list, bytes calldata rows, uint256 row, uint256 t)
        internal
        pure
        returns (uint256)
    {
        return number(rows, list.starts[row] + 4 * t);
    }

    /// The position that is the `index`th which counts.
    function placeAt(TokenList memory list, bytes calldata rows, uint256 row, uint256 index)
        internal
        pure
        returns (uint256)
    {
        for (uint256 t = 1; t < list.lengths[row]; t++) {
            if (maskAt(list, rows, row, t) == 0) continue;
            if (index == 0) return t - 1;
            index--;
        }
        revert RowsWrong();
    }

    /// Which of those that count a position is. @return counts false for one that does not
    function indexOf(TokenList memory list, bytes calldata rows, uint256 row, uint256 place)
        internal
        pure
        returns (bool counts, uint256 index)
    {
        if (place + 1 >= list.lengths[row] || maskAt(list, rows, row, place + 1) == 0) return (false, 0);
        for (uint256 t = 1; t <= place; t++) index += maskAt(list, rows, row, t);
        return (true, index);
    }

    function maskAt(TokenList memory list, bytes calldata rows, uint256 row, uint256 t)
        private
        pure
        returns (uint256)
    {
        return number(rows, list.starts[row] + 4 * (list.lengths[row] + t));
    }

    function behind(bytes calldata rows, uint256 at) private pure returns (uint256) {
        uint256 length = number(rows, at);
        at += 4 + 8 * length;
        if (length == 0 || at > rows.length) revert RowsWrong();
        return at;
    }

    function number(bytes calldata rows, uint256 at) private pure returns (uint256 value) {
        if (at + 4 > rows.length) revert RowsWrong();
        assembly ("memory-safe") {
            let x := calldataload(add(rows.offset, at))
            value := or(or(byte(0, x), shl(8, byte(1, x))), or(shl(16, byte(2, x)), shl(24, byte(3, x))))
        }
    }
}
