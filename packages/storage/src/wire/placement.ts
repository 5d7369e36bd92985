/**
 * Which node holds which row of a file, signed by every one of them. All signatures together are what *final* means.
 * Spec: storage §12.
 */
import {
  accept,
  bytesToHex,
  concatBytes,
  type Hex,
  hexToBytes,
  reject,
  uintToBytes,
  type Verdict,
} from '@weightless/codec'
import { ed25519Sign, ed25519Verify, sha256 } from '@weightless/crypto'

export type Placement = {
  chainId: number
  root: Hex
  sizeBytes: number
  /** k: rows of a stripe that are the file's own segments. */
  dataRows: number
  /** m */
  parityRows: number
  /** Root over the commitments of all stripes, in order. */
  codingRoot: Hex
  /** From 1; a repair makes the next. */
  version: number
  /** k + m nodes, by row. No node appears twice. */
  holders: readonly Hex[]
}

export type SignedPlacement = Placement & {
  /** By row; null where a holder has not acknowledged yet. */
  signatures: readonly (Hex | null)[]
}

export type PlacementStage = 'open' | 'accepted' | 'final'

/** Rows of a stripe that a file may have here; the coder allows more. */
export const rowsMax = 256

export function signPlacement(placement: Placement, secretKey: Uint8Array): Hex {
  return bytesToHex(ed25519Sign(placementDigest(placement), secretKey))
}

/** Final with all signatures; accepted from k + ⌈m / 2⌉ on, so that it survives what a hand-off may lose. */
export function placementStage({ dataRows, parityRows, signatures }: SignedPlacement): PlacementStage {
  const signed = signatures.filter((signature) => signature !== null).length
  if (signed === dataRows + parityRows) return 'final'
  return signed >= dataRows + Math.ceil(parityRows / 2) ? 'accepted' : 'open'
}

/**
 * Which of two accepted or final placements of a file all nodes go by: the later version; of one version the final one, else
 * that of the lower digest. So two next versions that were signed at once give way to one of them, the same one everywhere.
 */
export function supersedes(next: SignedPlacement, old: SignedPlacement): boolean {
  if (next.version !== old.version) return next.version > old.version
  const [isFinal, wasFinal] = [next, old].map((placement) => placementStage(placement) === 'final')
  if (isFinal !== wasFinal) return isFinal === true
  return bytesToHex(placementDigest(next)) < bytesToHex(placementDigest(old))
}

/** How many that signed `next` stand in `old` too: k of them vouch that it is the same file's next placement. */
export function vouching(next: SignedPlacement, old: Placement): number {
  return next.holders.filter((holder, row) => next.signatures[row] && old.holders.includes(holder)).length
}

/** Reads a record that came from a network; every signature that is there must hold. */
export function readPlacement(
  json: unknown,
): Verdict<SignedPlacement, 'placement-malformed' | 'placement-signature-wrong'> {
  if (typeof json !== 'object' || json === null) return reject('placement-malformed', 'not an object')
  const record = json as SignedPlacement
  const malformed = findMalformed(record)
  if (malformed) return reject('placement-malformed', malformed)
  const { chainId, root, sizeBytes, dataRows, parityRows, codingRoot, version } = record
  const holders = [...record.holders]
  const signatures = [...record.signatures]
  const clean = { chainId, root, sizeBytes, dataRows, parityRows, codingRoot, version, holders, signatures }
  const digest = placementDigest(clean)
  for (const [row, signature] of signatures.entries()) {
    if (signature === null) continue
    const isSigned = ed25519Verify(hexToBytes(signature), digest, hexToBytes(holders[row]!))
    if (!isSigned) return reject('placement-signature-wrong', `row ${row}`)
  }
  return accept(clean)
}

/** What the holders sign. */
export function placementDigest(placement: Placement): Uint8Array {
  const { chainId, root, sizeBytes, dataRows, parityRows, codingRoot, version, holders } = placement
  return sha256(
    concatBytes([
      new TextEncoder().encode('weightless/placement/1\n'),
      uintToBytes(BigInt(chainId), 8),
      hexToBytes(root),
      uintToBytes(BigInt(sizeBytes), 8),
      uintToBytes(BigInt(dataRows), 2),
      uintToBytes(BigInt(parityRows), 2),
      hexToBytes(codingRoot),
      uintToBytes(BigInt(version), 4),
      ...holders.map((holder) => hexToBytes(holder)),
    ]),
  )
}

function findMalformed(record: Partial<SignedPlacement>): string | undefined {
  const { chainId, root, sizeBytes, dataRows, parityRows, codingRoot, version, holders, signatures } = record
  if (!isHex(root, 32)) return 'root'
  if (!isHex(codingRoot, 32)) return 'codingRoot'
  if (!isWithin(chainId, 0, Number.MAX_SAFE_INTEGER)) return 'chainId'
  if (!isWithin(sizeBytes, 1, 2 ** 48)) return 'sizeBytes'
  if (!isWithin(version, 1, 2 ** 32 - 1)) return 'version'
  if (!isWithin(dataRows, 1, rowsMax) || !isWithin(parityRows, 0, rowsMax - dataRows)) return 'rows'
  const rows = dataRows + parityRows
  if (!Array.isArray(holders) || holders.length !== rows) return 'holders'
  if (holders.some((holder) => !isHex(holder, 32)) || new Set(holders).size !== rows) return 'holders'
  if (!Array.isArray(signatures) || signatures.length !== rows) return 'signatures'
  return signatures.every((signature) => signature === null || isHex(signature, 64)) ? undefined : 'signatures'
}

function isWithin(value: unknown, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
}

function isHex(value: unknown, bytes: number): value is Hex {
  return typeof value === 'string' && value.length === 2 + 2 * bytes && /^0x[0-9a-f]+$/.test(value)
}
