/** Signs for the devnet's own accounts: eth_accounts, eth_sendTransaction, eth_sign, personal_sign, eth_signTypedData_v4. */
import { bytesToHex, concatBytes, hexToBytes, textToBytes } from '@weightless/codec'
import { keccak256, secp256k1Sign } from '@weightless/crypto'
import { chainLimits } from '../limits.ts'
import { decodeTransaction } from '../transactions/decodeTransaction.ts'
import { sealImpersonated, signTransaction, type UnsignedTransaction } from '../transactions/signTransaction.ts'
import { estimateGas } from './estimateGas.ts'
import { type Fields, optional, readAddress, readBytes, readCount, readFields, readQuantity } from './params.ts'
import { readAccessList } from './readCall.ts'
import type { MethodTable, RpcContext } from './rpcContext.ts'
import { invalidParams, RpcFault } from './rpcFault.ts'
import { orRefuse } from './transactionMethods.ts'

export function signingMethods(context: RpcContext): MethodTable {
  const { accounts } = context
  const list = () => accounts.addresses().map(bytesToHex)
  return {
    eth_accounts: list,
    eth_requestAccounts: list,
    eth_sendTransaction: async ([call]) => {
      const fields = readFields(call, 'transaction')
      const from = readAddress(fields.from, 'from')
      return bytesToHex(orRefuse(context.pool.addVouched(buildSigned(context, fields, from))).hash)
    },
    eth_signTransaction: ([call]) => {
      const fields = readFields(call, 'transaction')
      const signed = buildSigned(context, fields, readAddress(fields.from, 'from'))
      return { raw: bytesToHex(signed.raw), tx: { hash: bytesToHex(signed.hash) } }
    },
    eth_sign: ([address, message]) => signMessage(context, address, message),
    personal_sign: ([message, address]) => signMessage(context, address, message),
    eth_signTypedData_v4: ([address, data]) => signTypedData(context, address, data),
    eth_signTypedData: ([address, data]) => signTypedData(context, address, data),
  }
}

function buildSigned(context: RpcContext, fields: Fields, from: Uint8Array) {
  const { accounts } = context
  const privateKey = accounts.privateKey(from)
  if (privateKey === undefined && !accounts.isImpersonated(from)) throw new RpcFault('refused', 'unknown account')
  const unsigned = complete(context, fields, from)
  const raw = privateKey ? signTransaction(unsigned, privateKey) : sealImpersonated(unsigned, from)
  const decoded = decodeTransaction(raw)
  if (!decoded.ok) throw invalidParams(decoded.detail ?? decoded.code)
  return { ...decoded.value.transaction, sender: from }
}

/** Fills in what the caller left open: nonce, gas, fees. */
function complete(context: RpcContext, fields: Fields, from: Uint8Array): UnsignedTransaction {
  const { engine, pool } = context
  const gasPrice = optional(fields.gasPrice, readQuantity, 'gasPrice')
  const tip = optional(fields.maxPriorityFeePerGas, readQuantity, 'maxPriorityFeePerGas')
  const maxFee = optional(fields.maxFeePerGas, readQuantity, 'maxFeePerGas')
  const maxPriorityFeePerGas = tip ?? (maxFee === undefined || maxFee > defaultTip ? defaultTip : maxFee)
  const maxFeePerGas = maxFee ?? engine.nextBaseFeePerGas() * 2n + maxPriorityFeePerGas
  return {
    chainId: engine.chainId,
    nonce: optional(fields.nonce, readCount, 'nonce') ?? pool.nextNonce(from),
    gasLimit: optional(fields.gas ?? fields.gasLimit, readQuantity, 'gas') ?? estimateGas(context, { call: fields }),
    to: optional(fields.to, readAddress, 'to'),
    value: optional(fields.value, readQuantity, 'value') ?? 0n,
    data: optional(fields.input ?? fields.data, readBytes, 'data') ?? new Uint8Array(0),
    accessList: optional(fields.accessList, readAccessList, 'accessList') ?? [],
    fee: gasPrice === undefined ? { maxFeePerGas, maxPriorityFeePerGas } : { gasPrice },
  }
}

/** EIP-191, version 0x45. */
function signMessage(context: RpcContext, address: unknown, message: unknown): string {
  const bytes = readBytes(message, 'message')
  const prefix = textToBytes(`\x19Ethereum Signed Message:\n${bytes.length}`)
  return signHash(context, address, keccak256(concatBytes([prefix, bytes])))
}

async function signTypedData(context: RpcContext, address: unknown, data: unknown): Promise<string> {
  // viem is loaded only when somebody signs typed data: starting the chain must not wait for it.
  const { hashTypedData } = await import('viem/utils')
  const typed: unknown = typeof data === 'string' ? JSON.parse(data) : data
  const fields = readFields(typed, 'typedData')
  try {
    return signHash(context, address, hexToBytes(hashTypedData(fields as Parameters<typeof hashTypedData>[0])))
  } catch (error) {
    if (error instanceof RpcFault) throw error
    throw invalidParams(`invalid typed data: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`)
  }
}

function signHash({ accounts }: RpcContext, address: unknown, hash: Uint8Array): string {
  const privateKey = accounts.privateKey(readAddress(address, 'address'))
  if (privateKey === undefined) throw new RpcFault('refused', 'unknown account')
  const { signature, recoveryId } = secp256k1Sign(hash, privateKey)
  return bytesToHex(concatBytes([signature, new Uint8Array([27 + recoveryId])]))
}

const defaultTip = chainLimits.suggestedPriorityFeePerGas
