/** Reads the call object of eth_call and its kin, with state and block overrides, into what the EVM takes. */
import type { AccessListItem, AccountChange, BlockContext, CallInput } from '@weightless/evm'
import type { Block } from '../execution/block.ts'
import { chainLimits, chainSpec } from '../limits.ts'
import {
  type Fields,
  optional,
  readAddress,
  readBlockName,
  readBytes,
  readCount,
  readFields,
  readHash,
  readList,
  readQuantity,
  readSlot,
} from './params.ts'
import { type RpcContext, requireBlock } from './rpcContext.ts'
import { invalidParams } from './rpcFault.ts'

type CallParams = { call: unknown; block: unknown; stateOverrides?: unknown; blockOverrides?: unknown }

/** @throws {RpcFault} */
export function readCall(context: RpcContext, params: CallParams): CallInput {
  const name = readBlockName(params.block, 'block')
  const block = requireBlock(context, name)
  const fields = readFields(params.call, 'transaction')
  const around = 'tag' in name && name.tag === 'pending' ? pendingContext(context) : contextOf(context, block)
  const overrides = optional(params.stateOverrides, readStateOverrides, 'stateOverrides')
  return {
    stateRoot: block.header.stateRoot,
    block: { ...around, ...readBlockOverrides(params.blockOverrides) },
    ...readCallFields(fields),
    ...(overrides ? { stateOverrides: overrides } : {}),
    gas: gasFor(context, fields, block.header.stateRoot),
  }
}

/** The environment of a block already made: what its own transactions saw. */
export function contextOf({ engine }: RpcContext, { header }: Block): BlockContext {
  return {
    number: header.number,
    timestamp: header.timestamp,
    coinbase: header.coinbase,
    gasLimit: header.gasLimit,
    baseFeePerGas: header.baseFeePerGas,
    prevRandao: header.prevRandao,
    chainId: engine.chainId,
    blockHashes: engine.blocks.hashesDown(header.number - 1),
    spec: chainSpec,
  }
}

function pendingContext(context: RpcContext): BlockContext {
  const { engine, blockTime } = context
  const { header } = engine.head
  return {
    ...contextOf(context, engine.head),
    number: header.number + 1,
    timestamp: blockTime.peek(header.timestamp),
    baseFeePerGas: engine.nextBaseFeePerGas(),
    blockHashes: engine.blocks.hashesDown(header.number),
  }
}

/** What a call may burn: what it asks for, at most the node's limit, and with a fee no more than the sender can pay. */
function gasFor({ evm }: RpcContext, fields: Fields, stateRoot: Uint8Array): bigint {
  const asked = optional(fields.gas, readQuantity, 'gas')
  const gas = asked === undefined || asked > chainLimits.callGasMax ? chainLimits.callGasMax : asked
  const price = optional(fields.maxFeePerGas ?? fields.gasPrice, readQuantity, 'maxFeePerGas') ?? 0n
  const from = optional(fields.from, readAddress, 'from')
  if (price === 0n || from === undefined) return gas
  const value = optional(fields.value, readQuantity, 'value') ?? 0n
  const balance = evm.getAccount(stateRoot, from)?.balance ?? 0n
  const affordable = balance > value ? (balance - value) / price : 0n
  // Too poor even for a plain transfer: leave it to the EVM to say "insufficient funds".
  return affordable < 21_000n || affordable > gas ? gas : affordable
}

type CallFields = Omit<CallInput, 'stateRoot' | 'block' | 'gas' | 'stateOverrides'>

function readCallFields(fields: Fields): CallFields {
  if (fields.gasPrice != null && fields.maxFeePerGas != null) {
    throw invalidParams('both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified')
  }
  const given = {
    from: optional(fields.from, readAddress, 'from'),
    to: optional(fields.to, readAddress, 'to'),
    data: optional(fields.input ?? fields.data, readBytes, 'data'),
    value: optional(fields.value, readQuantity, 'value'),
    gasPrice: optional(fields.gasPrice, readQuantity, 'gasPrice'),
    maxFeePerGas: optional(fields.maxFeePerGas, readQuantity, 'maxFeePerGas'),
    maxPriorityFeePerGas: optional(fields.maxPriorityFeePerGas, readQuantity, 'maxPriorityFeePerGas'),
    accessList: optional(fields.accessList, readAccessList, 'accessList'),
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

/** @throws {RpcFault} */
export function readAccessList(value: unknown, name: string): AccessListItem[] {
  return readList(value, name, 1_024).map((item) => {
    const { address, storageKeys } = readFields(item, name)
    return {
      address: readAddress(address, `${name}.address`),
      storageKeys: readList(storageKeys, `${name}.storageKeys`, 4_096).map((key) =>
        readHash(key, `${name}.storageKeys`),
      ),
    }
  })
}

function readStateOverrides(value: unknown, name: string): AccountChange[] {
  return Object.entries(readFields(value, name)).map(([address, override]) => {
    const fields = readFields(override, `${name}.${address}`)
    const { state, stateDiff } = fields
    if (state != null && stateDiff != null) throw invalidParams(`account ${address} has both 'state' and 'stateDiff'`)
    const slots = optional(state ?? stateDiff, readFields, `${name}.${address}.state`)
    const given = {
      balance: optional(fields.balance, readQuantity, 'balance'),
      nonce: optional(fields.nonce, readQuantity, 'nonce'),
      code: optional(fields.code, readBytes, 'code'),
      clearStorage: state != null ? true : undefined,
      storage: slots
        ? Object.entries(slots).map(([slot, word]) => ({
            slot: readSlot(slot, 'slot'),
            value: readSlot(word, 'value'),
          }))
        : undefined,
    }
    const set = Object.fromEntries(Object.entries(given).filter(([, part]) => part !== undefined))
    return { address: readAddress(address, name), ...set }
  })
}

function readBlockOverrides(value: unknown): Partial<BlockContext> {
  const fields = optional(value, readFields, 'blockOverrides')
  if (fields === undefined) return {}
  const given = {
    number: optional(fields.number, readCount, 'number'),
    timestamp: optional(fields.time ?? fields.timestamp, readCount, 'time'),
    gasLimit: optional(fields.gasLimit, readQuantity, 'gasLimit'),
    coinbase: optional(fields.feeRecipient ?? fields.coinbase, readAddress, 'feeRecipient'),
    prevRandao: optional(fields.prevRandao ?? fields.random, readHash, 'prevRandao'),
    baseFeePerGas: optional(fields.baseFeePerGas ?? fields.baseFee, readQuantity, 'baseFeePerGas'),
  }
  return Object.fromEntries(Object.entries(given).filter(([, part]) => part !== undefined))
}
