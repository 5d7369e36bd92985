/**
 * Salts of jobs, made from a secret of the user's key and the job's terms: a salt hides the request as a random one would,
 * and when a provider shows a job of before a crash, its salt says whether we gave that job out with these terms. COMPUTE §7.2
 */
import { bytesToHex, type Hex, hexToBytes, textToBytes } from '@weightless/codec'
import { compileAbi, keccak256 } from '@weightless/crypto'
import type { LocalAccount } from 'viem'
import type { Authorization } from '../wire/payment.ts'

/** The terms without what follows from the salt. */
export type SaltedTerms = Omit<Authorization, 'requestHash'>

export type JobSalts = Promise<(terms: SaltedTerms) => Hex>

const message = 'Weightless gateway: salts of jobs, version 1'
const encode = compileAbi(
  ['bytes32', 'address', 'address', 'uint256', 'bytes32', 'uint256', 'uint256'].map((type) => ({ type })),
)

/** Signatures of local keys are deterministic (RFC 6979), therefore so is the secret, in every process that has the key. */
export async function createJobSalts(account: Pick<LocalAccount, 'sign' | 'signMessage'>): JobSalts {
  const hash = keccak256(textToBytes(message))
  const signature = account.sign
    ? await account.sign({ hash: bytesToHex(hash) })
    : await account.signMessage({ message: { raw: hash } })
  const secret = bytesToHex(keccak256(hexToBytes(signature)))
  return ({ user, provider, jobNonce, priceId, maxFee, deadline }) =>
    bytesToHex(keccak256(encode([secret, user, provider, jobNonce, priceId, maxFee, deadline])))
}
