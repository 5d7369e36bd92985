/** The packed form of a batch of vouchers and of its outcomes, as ReceiptSettlement reads and writes it. Spec: SETTLEMENT §3.2. */

type Hex = `0x${string}`

export type BatchVoucher = { user: Hex; cumulativeFee: bigint; jobNonce: bigint; receiptsRoot: Hex }

export type VoucherOutcome = {
  user: Hex
  /** Wei drawn. */
  paid: bigint
  jobNonce: bigint
  /** One of `voucherStatus`. */
  status: number
}

const signatureBytesMax = 0x7fff
/** In the place of a length: 64 bytes follow, a plain signature in its compact form. */
const compactMark = 0x8000n
const outcomeDigits = 80

/** Whether the contract can read it at all: amounts below 2^96 wei, job nonces below 2^56. SETTLEMENT §2.6 */
export function fitsVoucherBatch({ cumulativeFee, jobNonce }: Omit<BatchVoucher, 'user' | 'receiptsRoot'>): boolean {
  return cumulativeFee >= 0n && cumulativeFee < 1n << 96n && jobNonce >= 0n && jobNonce < 1n << 56n
}

/**
 * Argument of `settleVouchers`. Plain ECDSA signatures become compact ones (EIP-2098); a wallet's go as they are.
 * @throws {RangeError} where `fitsVoucherBatch` says no, or a signature is longer than 32,767 bytes
 */
export function encodeVoucherBatch(items: readonly (readonly [BatchVoucher, Hex])[]): Hex {
  return `0x${items.map(([voucher, signature]) => encodeItem(voucher, signature)).join('')}`
}

/** What the call answers and its event `VouchersSettled` carries. @throws {RangeError} on another length */
export function decodeVoucherOutcomes(outcomes: Hex): VoucherOutcome[] {
  const digits = outcomes.slice(2)
  if (digits.length % outcomeDigits !== 0) throw new RangeError('outcomes of vouchers are 40 bytes each')
  return Array.from({ length: digits.length / outcomeDigits }, (_, index) => {
    const part = (from: number, to: number): Hex =>
      `0x${digits.slice(index * outcomeDigits + from * 2, index * outcomeDigits + to * 2)}`
    return {
      user: part(0, 20),
      paid: BigInt(part(20, 32)),
      jobNonce: BigInt(part(32, 39)),
      status: Number(part(39, 40)),
    }
  })
}

function encodeItem(voucher: BatchVoucher, signature: Hex): string {
  if (!fitsVoucherBatch(voucher)) throw new RangeError('a voucher does not fit the batch')
  const short = compact(signature)
  const packed = (short ?? signature).slice(2)
  if (packed.length / 2 > signatureBytesMax) throw new RangeError('a signature is too long for the batch')
  const head = [
    voucher.user.slice(2),
    number(voucher.cumulativeFee, 12),
    number(voucher.jobNonce, 7),
    number(short === undefined ? BigInt(packed.length / 2) : compactMark, 2),
  ]
  return `${head.join('')}${voucher.receiptsRoot.slice(2)}${packed}`.toLowerCase()
}

/** EIP-2098: the parity goes into the top bit of `s`. Undefined for what is no plain signature, or has that bit set. */
function compact(signature: Hex): Hex | undefined {
  if (signature.length !== 132) return undefined
  const parity = signature.slice(130) === '1b' ? 0n : signature.slice(130).toLowerCase() === '1c' ? 1n : undefined
  const s = BigInt(`0x${signature.slice(66, 130)}`)
  if (parity === undefined || s >> 255n !== 0n) return undefined
  return `${signature.slice(0, 66) as Hex}${number((parity << 255n) | s, 32)}`
}

function number(value: bigint, bytes: number): string {
  return value.toString(16).padStart(bytes * 2, '0')
}
