/** Decodes the module's answers; the order of fields is that of the `write` functions in crate/src. */
import type {
  AccessListOutput,
  Account,
  AccountProof,
  BlockOutput,
  CallOutput,
  EstimateOutput,
  InvalidCode,
  Log,
  Receipt,
  StateOutput,
} from './evm.ts'
import type { AnswerReader } from './wire.ts'

/** By position, as in crate/src/reject.rs. */
const invalidCodes: readonly InvalidCode[] = [
  'malformed',
  'type-unsupported',
  'chain-id',
  'nonce-too-low',
  'nonce-too-high',
  'insufficient-funds',
  'fee-below-base',
  'priority-above-max-fee',
  'intrinsic-gas',
  'gas-above-limit',
  'block-gas',
  'sender-not-eoa',
  'init-code-size',
  'other',
]

export function decodeInvalidCode(answer: AnswerReader): InvalidCode {
  return invalidCodes[answer.u8()] ?? 'other'
}

export function decodeState(answer: AnswerReader): StateOutput {
  return {
    stateRoot: answer.fixed(32),
    dirtyNodes: answer.list(() => ({ key: answer.fixed(32), value: answer.bytes() })),
  }
}

export function decodeBlock(answer: AnswerReader): BlockOutput {
  return {
    ...decodeState(answer),
    transactionsRoot: answer.fixed(32),
    receiptsRoot: answer.fixed(32),
    withdrawalsRoot: answer.fixed(32),
    logsBloom: answer.fixed(256),
    gasUsed: answer.u64(),
    receipts: answer.list(() => decodeReceipt(answer)),
    rejected: answer.list(() => ({
      index: answer.u32(),
      code: decodeInvalidCode(answer),
      message: answer.text(),
    })),
  }
}

function decodeReceipt(answer: AnswerReader): Receipt {
  const inputIndex = answer.u32()
  const type = answer.u8()
  const status = answer.flag() ? 1 : 0
  const gasUsed = answer.u64()
  const cumulativeGasUsed = answer.u64()
  const effectiveGasPrice = answer.u128()
  const contractAddress = answer.optional(() => answer.fixed(20))
  const logs = decodeLogs(answer)
  const bloom = logs.length === 0 ? new Uint8Array(256) : answer.fixed(256)
  const receipt: Receipt = { inputIndex, type, status, gasUsed, cumulativeGasUsed, effectiveGasPrice, bloom, logs }
  if (contractAddress) receipt.contractAddress = contractAddress
  return receipt
}

export function decodeLogs(answer: AnswerReader): Log[] {
  return answer.list(() => {
    const address = answer.fixed(20)
    const topics: Uint8Array[] = []
    for (let left = answer.u8(); left > 0; left--) topics.push(answer.fixed(32))
    return { address, topics, data: answer.bytes() }
  })
}

export function decodeCall(answer: AnswerReader): CallOutput {
  const status = answer.u8()
  if (status === 3) return { status: 'invalid', code: decodeInvalidCode(answer), message: answer.text() }
  const gasUsed = answer.u64()
  if (status === 2) return { status: 'halt', reason: answer.text(), gasUsed }
  const output = answer.bytes()
  if (status === 1) return { status: 'revert', output, gasUsed }
  const logs = decodeLogs(answer)
  const contractAddress = answer.optional(() => answer.fixed(20))
  return { status: 'success', output, gasUsed, logs, ...(contractAddress && { contractAddress }) }
}

export function decodeEstimate(answer: AnswerReader): EstimateOutput {
  if (answer.flag()) return { ok: true, gas: answer.u64() }
  const result = decodeCall(answer)
  if (result.status === 'success') throw new TypeError('an estimate failed with a successful call')
  return { ok: false, result }
}

export function decodeAccessList(answer: AnswerReader): AccessListOutput {
  return {
    accessList: answer.list(() => ({
      address: answer.fixed(20),
      storageKeys: answer.list(() => answer.fixed(32)),
    })),
    result: decodeCall(answer),
  }
}

export function decodeAccount(answer: AnswerReader): Account | undefined {
  return answer.optional(() => ({
    nonce: answer.u64(),
    balance: answer.u256(),
    codeHash: answer.fixed(32),
    storageRoot: answer.fixed(32),
  }))
}

export function decodeProof(answer: AnswerReader): AccountProof {
  return {
    account: decodeAccount(answer),
    accountProof: answer.list(() => answer.bytes()),
    storageProofs: answer.list(() => ({
      slot: answer.fixed(32),
      value: answer.fixed(32),
      proof: answer.list(() => answer.bytes()),
    })),
  }
}
