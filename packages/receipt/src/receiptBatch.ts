/**
 * Many receipts under one signature of their provider: the signature of the root of a Merkle tree over their digests, and
 * for each receipt the hashes beside its way to the root. Pairs are hashed in the order of their values, so a proof needs no
 * directions. Contracts read the same bytes. Spec: RECEIPT §3.1
 */
import { bytesToHex, concatBytes, type Hex, hexToBytes } from '@weightless/codec'
import { receiptDomain as domainName, receiptBatchTypes } from '@weightless/contracts/typedData'
import { compileTypedData, hashPair, recoverAccount } from '@weightless/crypto'

const plainBytes = 65
const hashBytes = 32
/** Hashes of a proof at most, so 65,536 receipts in a batch. */
export const batchProofMax = 16

type Domain = { chainId: bigint; verifyingContract: Hex }

const hashBatch = compileTypedData<{ root: Hex }>(domainName, 'ReceiptBatch', receiptBatchTypes.ReceiptBatch)

/** An account that signs digests without seeing what they stand for, as a service's own key does. */
export type DigestSigner = { sign(parameters: { hash: Hex }): Promise<Hex> }

/**
 * Signatures of receipts with these digests, in order; a single one is plain.
 * @param digests - as `hashReceipt` gives them, at most 65,536
 */
export async function signReceiptBatch(digests: readonly Hex[], domain: Domain, account: DigestSigner): Promise<Hex[]> {
  if (digests.length <= 1) return Promise.all(digests.map((hash) => account.sign({ hash })))
  const { root, proofs } = treeOver(digests.map(hexToBytes))
  const signature = await account.sign({ hash: hashBatch({ root: bytesToHex(root) }, domain) })
  return proofs.map((proof) => `${signature}${bytesToHex(concatBytes(proof)).slice(2)}` as Hex)
}

/** Whether there is a plain signature and a proof of sound length. */
export function isBatchSignature(signature: Uint8Array): boolean {
  const proofBytes = signature.length - plainBytes
  return proofBytes > 0 && proofBytes % hashBytes === 0 && proofBytes <= hashBytes * batchProofMax
}

/** Whose key signed the batch that has the receipt with this digest, lower case; undefined for nobody's signature. */
export function batchSigner(digest: Uint8Array, signature: Uint8Array, domain: Domain): Hex | undefined {
  let node = digest
  for (let at = plainBytes; at < signature.length; at += hashBytes) {
    node = hashOrdered(node, signature.subarray(at, at + hashBytes))
  }
  return signerOfBatch(hashBatch({ root: bytesToHex(node) }, domain), signature.subarray(0, plainBytes))
}

/** The receipts of one batch are asked for one after the other, and recovering a key costs more than all their hashes. */
const knownMax = 64
const known = new Map<string, Hex | undefined>()

function signerOfBatch(digest: Hex, signature: Uint8Array): Hex | undefined {
  const key = `${digest}${bytesToHex(signature)}`
  if (known.has(key)) return known.get(key)
  const account = recoverAccount(hexToBytes(digest), signature)
  const signer = account && bytesToHex(account)
  if (known.size >= knownMax) known.delete(known.keys().next().value!)
  known.set(key, signer)
  return signer
}

/** An odd last node goes up unchanged. */
function treeOver(leaves: readonly Uint8Array[]): { root: Uint8Array; proofs: Uint8Array[][] } {
  const proofs: Uint8Array[][] = leaves.map(() => [])
  let level: { hash: Uint8Array; below: readonly number[] }[] = leaves.map((hash, index) => ({ hash, below: [index] }))
  while (level.length > 1) {
    const next: typeof level = []
    for (let at = 0; at < level.length; at += 2) {
      const [left, right] = [level[at]!, level[at + 1]]
      if (!right) {
        next.push(left)
        continue
      }
      for (const index of left.below) proofs[index]!.push(right.hash)
      for (const index of right.below) proofs[index]!.push(left.hash)
      next.push({ hash: hashOrdered(left.hash, right.hash), below: [...left.below, ...right.below] })
    }
    level = next
  }
  return { root: level[0]!.hash, proofs }
}

function hashOrdered(a: Uint8Array, b: Uint8Array): Uint8Array {
  for (let at = 0; at < hashBytes; at++) {
    if (a[at] !== b[at]) return a[at]! < b[at]! ? hashPair(a, b) : hashPair(b, a)
  }
  return hashPair(a, b)
}
