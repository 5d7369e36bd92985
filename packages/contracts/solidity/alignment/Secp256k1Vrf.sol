// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What shows that a number follows from a key and a message. The last six words spare the contract three products of
/// points: they are checked, not believed.
struct VrfProof {
    uint256 gammaX;
    uint256 gammaY;
    uint128 c;
    uint256 s;
    /// s·B − c·Y.
    uint256 uX;
    uint256 uY;
    /// s·H.
    uint256 shX;
    uint256 shY;
    /// c·Gamma.
    uint256 cgX;
    uint256 cgY;
}

/// ECVRF of RFC 9381 with secp256k1, SHA-256 and try-and-increment, suite string 0xFE. Products of points are compared by
/// the addresses that `ecrecover` gives. Spec: spec/alignment.md 3.
library Secp256k1Vrf {
    error NotOnCurve();
    error WrongProof();

    uint256 private constant P = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC2F;
    uint256 private constant N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    /// The 32 bytes that the key gives for `alpha`, and no others can be shown.
    function verify(uint256 keyX, uint256 keyY, bytes32 alpha, VrfProof calldata proof)
        internal
        view
        returns (bytes32 beta)
    {
        if (!isOnCurve(proof.gammaX, proof.gammaY)) revert NotOnCurve();
        bytes memory key = pack(keyX, keyY);
        (uint256 hX, uint256 hY) = encodeToCurve(key, alpha);
        checkProducts(keyX, keyY, hX, proof);
        (uint256 vX, uint256 vY) = subtract(proof.shX, proof.shY, proof.cgX, proof.cgY);
        bytes memory gamma = pack(proof.gammaX, proof.gammaY);
        bytes memory points =
            abi.encodePacked(hex"fe02", key, pack(hX, hY), gamma, pack(proof.uX, proof.uY), pack(vX, vY), hex"00");
        if (uint128(bytes16(sha256(points))) != proof.c) revert WrongProof();
        return sha256(abi.encodePacked(hex"fe03", gamma, hex"00"));
    }

    function isOnCurve(uint256 x, uint256 y) internal pure returns (bool) {
        return x < P && y < P && mulmod(y, y, P) == addmod(mulmod(mulmod(x, x, P), x, P), 7, P);
    }

    /// `ecrecover(z, parity of R, x of R, t)` is the address of (t·R − z·B) / x of R.
    function checkProducts(uint256 keyX, uint256 keyY, uint256 hX, VrfProof calldata proof) private pure {
        uint256 z = N - mulmod(proof.s, keyX, N);
        bool isRight = product(z, keyX, keyY, N - mulmod(proof.c, keyX, N)) == addressOf(proof.uX, proof.uY)
            // H has an even y
            && product(0, hX, 0, mulmod(proof.s, hX, N)) == addressOf(proof.shX, proof.shY)
            && product(0, proof.gammaX, proof.gammaY, mulmod(proof.c, proof.gammaX, N))
                == addressOf(proof.cgX, proof.cgY);
        if (!isRight) revert WrongProof();
    }

    function product(uint256 z, uint256 x, uint256 y, uint256 t) private pure returns (address result) {
        result = ecrecover(bytes32(z % N), uint8(27 + (y & 1)), bytes32(x), bytes32(t));
        if (result == address(0)) revert WrongProof();
    }

    function addressOf(uint256 x, uint256 y) private pure returns (address) {
        return address(uint160(uint256(keccak256(abi.encode(x, y)))));
    }

    /// RFC 9381, 5.4.1.1; half of all tries give a point.
    function encodeToCurve(bytes memory key, bytes32 alpha) private view returns (uint256 x, uint256 y) {
        for (uint256 i = 0; i < 256; i++) {
            x = uint256(sha256(abi.encodePacked(hex"fe01", key, alpha, uint8(i), hex"00")));
            if (x >= P) continue;
            y = power(addmod(mulmod(mulmod(x, x, P), x, P), 7, P), (P + 1) / 4);
            if (isOnCurve(x, y)) return (x, y & 1 == 0 ? y : P - y);
        }
        revert WrongProof();
    }

    function subtract(uint256 x1, uint256 y1, uint256 x2, uint256 y2) private view returns (uint256 x, uint256 y) {
        if (x1 == x2) revert WrongProof();
        uint256 slope = mulmod(addmod(y1, y2, P), power(addmod(x1, P - x2, P), P - 2), P);
        x = addmod(mulmod(slope, slope, P), P - addmod(x1, x2, P), P);
        y = addmod(mulmod(slope, addmod(x1, P - x, P), P), P - y1, P);
    }

    function pack(uint256 x, uint256 y) private pure returns (bytes memory) {
        return abi.encodePacked(uint8(2 + (y & 1)), x);
    }

    /// By the precompile of EIP-198.
    function power(uint256 base, uint256 exponent) private view returns (uint256) {
        (bool ok, bytes memory result) =
            address(5).staticcall(abi.encode(uint256(32), uint256(32), uint256(32), base, exponent, P));
        if (!ok) revert WrongProof();
        return abi.decode(result, (uint256));
    }
}
