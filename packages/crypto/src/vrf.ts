/**
 * A verifiable random function: 32 bytes that follow from a key and a message, which only the key's owner can compute and
 * everybody can check. ECVRF of RFC 9381, SHA-256 and try-and-increment, over secp256k1 (suite string 0xFE, as the drafts'
 * implementations have it; the RFC names none) and, for its own vectors, over P-256 (0x01). Spec: spec/alignment.md 3.
 */
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 as sha256Noble } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes } from '@weightless/codec'
import { sha256 } from './sha256.ts'

export type VrfCurve = 'secp256k1' | 'P-256'
type PointClass = typeof secp256k1.Point
type Point = InstanceType<PointClass>

const curves: { readonly [curve in VrfCurve]: { Point: PointClass; suite: number } } = {
  secp256k1: { Point: secp256k1.Point, suite: 0xfe },
  'P-256': { Point: p256.Point, suite: 0x01 },
}

export type VrfOutput = {
  /** Gamma, c and s: 33, 16 and 32 bytes. */
  proof: Uint8Array
  /** 32 bytes. */
  beta: Uint8Array
}

/** What `Secp256k1Vrf` reads: numbers of the proof, and products of points that spare it their computation. */
export type VrfWitness = {
  [field in 'gammaX' | 'gammaY' | 'c' | 's' | 'uX' | 'uY' | 'shX' | 'shY' | 'cgX' | 'cgY']: bigint
}

/** 33 bytes, compressed. @throws {Error} for what is no private key */
export function vrfPublicKey(secretKey: Uint8Array, curve: VrfCurve = 'secp256k1'): Uint8Array {
  const { Point } = curves[curve]
  return Point.BASE.multiply(scalarOf(secretKey)).toBytes(true)
}

/** RFC 9381, 5.1; the nonce is that of RFC 6979 (5.4.2.1). @throws {Error} for what is no private key */
export function vrfProve(secretKey: Uint8Array, alpha: Uint8Array, curve: VrfCurve = 'secp256k1'): VrfOutput {
  const { Point, suite } = curves[curve]
  const order = Point.Fn.ORDER
  const x = scalarOf(secretKey)
  const key = Point.BASE.multiply(x)
  const h = encodeToCurve(curve, key.toBytes(true), alpha)
  const gamma = h.multiply(x)
  const k = nonceOf(secretKey, h.toBytes(true), order)
  const c = challengeOf(suite, [key, h, gamma, Point.BASE.multiply(k), h.multiply(k)])
  const s = (k + bytesToNumber(c) * x) % order
  return { proof: join(gamma.toBytes(true), c, numberToBytes(s)), beta: hashOf(suite, gamma) }
}

/** The 32 bytes that a proof shows, or undefined. RFC 9381, 5.3. */
export function vrfVerify(
  publicKey: Uint8Array,
  alpha: Uint8Array,
  proof: Uint8Array,
  curve: VrfCurve = 'secp256k1',
): Uint8Array | undefined {
  const read = readProof(curve, publicKey, alpha, proof)
  if (!read) return undefined
  const { key, h, gamma, c, u, sh, cg } = read
  const { suite } = curves[curve]
  const again = challengeOf(suite, [key, h, gamma, u, sh.subtract(cg)])
  return bytesToNumber(again) === c ? hashOf(suite, gamma) : undefined
}

/** The proof as the contract reads it. @throws {Error} for what is no proof */
export function vrfWitness(publicKey: Uint8Array, alpha: Uint8Array, proof: Uint8Array): VrfWitness {
  const read = readProof('secp256k1', publicKey, alpha, proof)
  if (!read) throw new Error('not a proof')
  const { gamma, c, s, u, sh, cg } = read
  const [g, uu, ss, cc] = [gamma, u, sh, cg].map((point) => point.toAffine()) as [Affine, Affine, Affine, Affine]
  return {
    ...{ gammaX: g.x, gammaY: g.y, c, s, uX: uu.x, uY: uu.y },
    ...{ shX: ss.x, shY: ss.y, cgX: cc.x, cgY: cc.y },
  }
}

type Affine = { x: bigint; y: bigint }

function readProof(curve: VrfCurve, publicKey: Uint8Array, alpha: Uint8Array, proof: Uint8Array) {
  const { Point } = curves[curve]
  if (proof.length !== 81 || publicKey.length !== 33) return undefined
  try {
    const key = Point.fromBytes(publicKey)
    const gamma = Point.fromBytes(proof.subarray(0, 33))
    const c = bytesToNumber(proof.subarray(33, 49))
    const s = bytesToNumber(proof.subarray(49))
    const h = encodeToCurve(curve, publicKey, alpha)
    // A c or s of zero, or an s beyond the order, is refused by `multiply`.
    const u = Point.BASE.multiply(s).subtract(key.multiply(c))
    return { key, gamma, h, c, s, u, sh: h.multiply(s), cg: gamma.multiply(c) }
  } catch {
    // Points that are not on the curve: whoever sent them, the answer is no.
    return undefined
  }
}

/** RFC 9381, 5.4.1.1: half of all tries give a point. */
function encodeToCurve(curve: VrfCurve, salt: Uint8Array, alpha: Uint8Array): Point {
  const { Point, suite } = curves[curve]
  for (let count = 0; count < 256; count++) {
    const hash = sha256(join(Uint8Array.of(suite, 1), salt, alpha, Uint8Array.of(count, 0)))
    try {
      return Point.fromBytes(join(Uint8Array.of(2), hash))
    } catch {
      // No point has this x: the next one.
    }
  }
  throw new Error('no point for this message')
}

function challengeOf(suite: number, points: readonly Point[]): Uint8Array {
  const packed = points.map((point) => point.toBytes(true))
  return sha256(join(Uint8Array.of(suite, 2), ...packed, Uint8Array.of(0))).slice(0, 16)
}

const hashOf = (suite: number, gamma: Point): Uint8Array =>
  sha256(join(Uint8Array.of(suite, 3), gamma.toBytes(true), Uint8Array.of(0)))

/** RFC 6979, 3.2, with SHA-256. */
function nonceOf(secretKey: Uint8Array, message: Uint8Array, order: bigint): bigint {
  const hash = numberToBytes(bytesToNumber(sha256(message)) % order)
  let key = new Uint8Array(32)
  let value = new Uint8Array(32).fill(1)
  const mac = (...parts: Uint8Array[]) => new Uint8Array(hmac(sha256Noble, key, join(...parts)))
  for (const step of [0, 1]) {
    key = mac(value, Uint8Array.of(step), secretKey, hash)
    value = mac(value)
  }
  for (;;) {
    value = mac(value)
    const nonce = bytesToNumber(value)
    if (nonce > 0n && nonce < order) return nonce
    key = mac(value, Uint8Array.of(0))
    value = mac(value)
  }
}

function scalarOf(secretKey: Uint8Array): bigint {
  if (secretKey.length !== 32) throw new Error('a private key has 32 bytes')
  return bytesToNumber(secretKey)
}

const join = (...parts: Uint8Array[]): Uint8Array => concatBytes(parts)

const bytesToNumber = (bytes: Uint8Array): bigint => BigInt(bytesToHex(bytes))

function numberToBytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(32)
  let rest = value
  for (let i = 31; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn)
  return bytes
}
