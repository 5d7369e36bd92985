/** Encodes the engine's inputs as the module reads them; the order of fields is that of the `read` functions in crate/src. */
import type { AccountChange, BlockContext, BlockInput, CallInput, Spec, StepOptions } from './evm.ts'
import { EvmInputError, RequestWriter } from './wire.ts'

const specs: readonly Spec[] = ['cancun', 'prague', 'osaka', 'cancun-p256']
const noAddress = new Uint8Array(20)
const noBytes = new Uint8Array(0)

/** `stepsMax` unless the caller says otherwise; a step with a deep stack takes some kilobytes. */
const stepsMaxDefault = 100_000

export function encodeBlock(block: BlockInput): RequestWriter {
  const transactionBytes = block.transactions.reduce((sum, { raw }) => sum + raw.length + 24, 0)
  const out = new RequestWriter(9000 + transactionBytes + 44 * block.withdrawals.length)
  writeContext(out, block)
  out.fixed('parentStateRoot', block.parentStateRoot, 32)
  out.optional(block.parentBeaconBlockRoot, (root) => out.fixed('parentBeaconBlockRoot', root, 32))
  out.flag(block.mode === 'build')
  out.list(block.transactions, ({ sender, raw }) => {
    out.fixed('sender', sender, 20)
    out.bytes(raw)
  })
  out.list(block.withdrawals, (withdrawal) => {
    out.integer('withdrawal.index', withdrawal.index)
    out.integer('withdrawal.validatorIndex', withdrawal.validatorIndex)
    out.fixed('withdrawal.address', withdrawal.address, 20)
    out.u64('withdrawal.amountGwei', withdrawal.amountGwei)
  })
  return out
}

export function encodeCall(call: CallInput, options: StepOptions | undefined): RequestWriter {
  const out = new RequestWriter()
  if (options) writeStepOptions(out, options)
  writeContext(out, call.block)
  out.fixed('stateRoot', call.stateRoot, 32)
  out.fixed('from', call.from ?? noAddress, 20)
  out.optional(call.to, (to) => out.fixed('to', to, 20))
  out.optional(call.gas, (gas) => out.u64('gas', gas))
  out.u256('value', call.value ?? 0n)
  if (call.gasPrice !== undefined && call.maxFeePerGas !== undefined) {
    throw new EvmInputError({ field: 'gasPrice', reason: 'gasPrice and maxFeePerGas exclude each other' })
  }
  const hasTip = call.maxFeePerGas !== undefined || call.maxPriorityFeePerGas !== undefined
  out.u256('gasPrice', call.gasPrice ?? call.maxFeePerGas ?? 0n)
  out.optional(hasTip ? (call.maxPriorityFeePerGas ?? 0n) : undefined, (tip) => out.u256('maxPriorityFeePerGas', tip))
  out.bytes(call.data ?? noBytes)
  out.optional(call.accessList, (list) =>
    out.list(list, (item) => {
      out.fixed('accessList.address', item.address, 20)
      out.list(item.storageKeys, (key) => out.fixed('accessList.storageKey', key, 32))
    }),
  )
  writeChanges(out, call.stateOverrides ?? [])
  return out
}

export function encodeBlockSteps(block: BlockInput, index: number, options: StepOptions): Uint8Array {
  if (!(index >= 0 && index < block.transactions.length))
    throw new EvmInputError({ field: 'index', value: String(index) })
  const head = new RequestWriter()
  writeStepOptions(head, options)
  head.u32(index)
  const request = encodeBlock(block).finish()
  const joined = new Uint8Array(head.finish().length + request.length)
  joined.set(head.finish())
  joined.set(request, head.finish().length)
  return joined
}

export function encodeStateChanges(stateRoot: Uint8Array, changes: readonly AccountChange[]): RequestWriter {
  const out = new RequestWriter()
  out.fixed('stateRoot', stateRoot, 32)
  writeChanges(out, changes)
  return out
}

export function encodeAccountQuery(stateRoot: Uint8Array, address: Uint8Array): RequestWriter {
  const out = new RequestWriter()
  out.fixed('stateRoot', stateRoot, 32)
  out.fixed('address', address, 20)
  return out
}

function writeChanges(out: RequestWriter, changes: readonly AccountChange[]): void {
  out.list(changes, (change) => {
    out.fixed('address', change.address, 20)
    out.optional(change.balance, (balance) => out.u256('balance', balance))
    out.optional(change.nonce, (nonce) => out.u64('nonce', nonce))
    out.optional(change.code, (code) => out.bytes(code))
    out.flag(change.clearStorage ?? false)
    out.list(change.storage ?? [], ({ slot, value }) => {
      out.fixed('slot', slot, 32)
      out.fixed('value', value, 32)
    })
  })
}

function writeContext(out: RequestWriter, context: BlockContext): void {
  out.integer('number', context.number)
  out.integer('timestamp', context.timestamp)
  out.fixed('coinbase', context.coinbase, 20)
  out.u64('gasLimit', context.gasLimit)
  out.u64('baseFeePerGas', context.baseFeePerGas)
  out.fixed('prevRandao', context.prevRandao, 32)
  out.integer('chainId', context.chainId)
  out.u8(specs.indexOf(context.spec ?? 'cancun') & 0xff)
  out.list(context.blockHashes.slice(0, 256), (hash) => out.fixed('blockHash', hash, 32))
}

function writeStepOptions(out: RequestWriter, options: StepOptions): void {
  out.flag(options.stack ?? true)
  out.flag(options.memory ?? false)
  out.flag(options.storage ?? true)
  out.u32(Math.min(options.stepsMax ?? stepsMaxDefault, 0xffffffff))
}
