// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Sha512} from "./Sha512.sol";

/// Signatures of RFC 8032 (Ed25519), verified as most do: without the cofactor, in canonical encodings alone. Coordinates are
/// extended ones, of twisted Edwards curves with a = -1 (Hisil, Wong, Carter, Dawson 2008).
library Ed25519 {
    uint256 private constant P = 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed;
    /// Order of the base point.
    uint256 private constant L = 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed;
    uint256 private constant D = 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3;
    uint256 private constant TWO_D = 0x2406d9dc56dffce7198e80f2eef3d13000e0149a8283b156ebd69b9426b2f159;
    /// A square root of -1.
    uint256 private constant ROOT = 0x2b8324804fc1df0b2b4d00993dfbd7a72f431806ad2fe478c4ee1b274a0ea0b0;
    uint256 private constant BASE_X = 0x216936d3cd6e53fec0a4e231fdd6dc5c692cc7609525a7b2c9562d608f25d51a;
    uint256 private constant BASE_Y = 0x6666666666666666666666666666666666666666666666666666666666666658;
    uint256 private constant SIGN = 1 << 255;
    /// Bits of a number below L.
    uint256 private constant BITS = 253;

    /// @param r, s the two halves of the signature
    function verify(bytes32 publicKey, bytes memory message, bytes32 r, bytes32 s) internal view returns (bool) {
        uint256 scalar = reverse(uint256(s));
        if (scalar >= L) return false;
        (bool isPoint, uint256 x, uint256 y) = decompress(reverse(uint256(publicKey)));
        if (!isPoint) return false;
        (bytes32 high, bytes32 low) = Sha512.hash(abi.encodePacked(r, publicKey, message));
        // 512 bits with the least byte first
        uint256 challenge = addmod(reverse(uint256(high)), mulmod(reverse(uint256(low)), TWO_256, L), L);
        return compress(combine(scalar, challenge, (P - x) % P, y)) == reverse(uint256(r));
    }

    uint256 private constant TWO_256 = 0x0ffffffffffffffffffffffffffffffec6ef5bf4737dcf70d6ec31748d98951d;

    struct Point {
        uint256 x;
        uint256 y;
        uint256 z;
    }

    /// `s` times the base point and `k` times another, bit by bit together.
    function combine(uint256 s, uint256 k, uint256 x, uint256 y) private pure returns (Point memory result) {
        // (y + x, y - x, 2 d t, 2 z) of nothing, the base point, the other one, their sum
        uint256[16] memory table;
        put(table, 1, BASE_X, BASE_Y, 1, mulmod(BASE_X, BASE_Y, P));
        put(table, 2, x, y, 1, mulmod(x, y, P));
        assembly ("memory-safe") {
            function double(x1, y1, z1) -> x3, y3, z3, t3 {
                let p := P
                let a := mulmod(x1, x1, p)
                let b := mulmod(y1, y1, p)
                let h := addmod(a, b, p)
                let sum := add(x1, y1)
                let e := addmod(h, sub(p, mulmod(sum, sum, p)), p)
                let g := addmod(a, sub(p, b), p)
                let f := addmod(mulmod(2, mulmod(z1, z1, p), p), g, p)
                x3 := mulmod(e, f, p)
                y3 := mulmod(g, h, p)
                z3 := mulmod(f, g, p)
                t3 := mulmod(e, h, p)
            }
            function plus(x1, y1, z1, t1, entry) -> x3, y3, z3, t3 {
                let p := P
                let a := mulmod(add(y1, sub(p, x1)), mload(add(entry, 32)), p)
                let b := mulmod(add(y1, x1), mload(entry), p)
                let c := mulmod(t1, mload(add(entry, 64)), p)
                let d := mulmod(z1, mload(add(entry, 96)), p)
                let e := add(b, sub(p, a))
                let f := add(d, sub(p, c))
                let g := add(d, c)
                let h := add(b, a)
                x3 := mulmod(e, f, p)
                y3 := mulmod(g, h, p)
                z3 := mulmod(f, g, p)
                t3 := mulmod(e, h, p)
            }
            {
                let p := P
                let sx, sy, sz, st := plus(BASE_X, BASE_Y, 1, mulmod(BASE_X, BASE_Y, p), add(table, 256))
                let entry := add(table, 384)
                mstore(entry, addmod(sy, sx, p))
                mstore(add(entry, 32), addmod(sy, sub(p, sx), p))
                mstore(add(entry, 64), mulmod(TWO_D, st, p))
                mstore(add(entry, 96), mulmod(2, sz, p))
            }
            let rx := 0
            let ry := 1
            let rz := 1
            let rt := 0
            for { let i := BITS } i {} {
                i := sub(i, 1)
                rx, ry, rz, rt := double(rx, ry, rz)
                let which := or(and(shr(i, s), 1), shl(1, and(shr(i, k), 1)))
                if which { rx, ry, rz, rt := plus(rx, ry, rz, rt, add(table, mul(128, which))) }
            }
            mstore(result, rx)
            mstore(add(result, 32), ry)
            mstore(add(result, 64), rz)
        }
    }

    function put(uint256[16] memory table, uint256 i, uint256 x, uint256 y, uint256 z, uint256 t) private pure {
        table[4 * i] = addmod(y, x, P);
        table[4 * i + 1] = addmod(y, P - x, P);
        table[4 * i + 2] = mulmod(TWO_D, t, P);
        table[4 * i + 3] = mulmod(2, z, P);
    }

    /// The point of an encoding; none where there is none, or another encoding is the canonical one.
    function decompress(uint256 encoded) private view returns (bool isPoint, uint256 x, uint256 y) {
        uint256 sign = encoded >> 255;
        y = encoded & ~SIGN;
        if (y >= P) return (false, 0, 0);
        uint256 square = mulmod(y, y, P);
        uint256 u = addmod(square, P - 1, P);
        uint256 v = addmod(mulmod(D, square, P), 1, P);
        // u v^3 (u v^7)^((p - 5) / 8), RFC 8032 5.1.3
        uint256 cube = mulmod(mulmod(v, v, P), v, P);
        uint256 seventh = mulmod(mulmod(cube, cube, P), v, P);
        x = mulmod(mulmod(u, cube, P), power(mulmod(u, seventh, P), (P - 5) / 8), P);
        uint256 found = mulmod(v, mulmod(x, x, P), P);
        if (found != u) {
            if (addmod(found, u, P) != 0) return (false, 0, 0);
            x = mulmod(x, ROOT, P);
        }
        if (x == 0 && sign == 1) return (false, 0, 0);
        if (x & 1 != sign) x = P - x;
        return (true, x, y);
    }

    function compress(Point memory point) private view returns (uint256) {
        uint256 inverse = power(point.z, P - 2);
        return mulmod(point.y, inverse, P) | (mulmod(point.x, inverse, P) & 1) << 255;
    }

    /// By the precompile of EIP-198.
    function power(uint256 base, uint256 exponent) private view returns (uint256 result) {
        (, bytes memory answer) = address(5).staticcall(abi.encode(32, 32, 32, base, exponent, P));
        return abi.decode(answer, (uint256));
    }

    /// The bytes in the other order.
    function reverse(uint256 word) private pure returns (uint256) {
        word = (word & MASK_8) << 8 | word >> 8 & MASK_8;
        word = (word & MASK_16) << 16 | word >> 16 & MASK_16;
        word = (word & MASK_32) << 32 | word >> 32 & MASK_32;
        word = (word & MASK_64) << 64 | word >> 64 & MASK_64;
        return word << 128 | word >> 128;
    }

    uint256 private constant MASK_8 = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
    uint256 private constant MASK_16 = 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
    uint256 private constant MASK_32 = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
    uint256 private constant MASK_64 = 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;
}
