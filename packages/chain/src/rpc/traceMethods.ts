/** Shows what happened inside: debug_traceTransaction, debug_traceCall, debug_traceBlockBy*, as geth's struct logger and callTracer. */
import { bytesToHex, quantityToHex } from '@weightless/codec'
import type { BlockInput, CallFrame, CallTrace, StepTrace } from '@weightless/evm'
import type { Block } from '../execution/block.ts'
import { opcodeName } from './opcodeName.ts'
import { type Fields, optional, readBlockName, readCount, readFields, readHash } from './params.ts'
import { contextOf, readCall } from './readCall.ts'
import { revertFault } from './revertFault.ts'
import { type MethodTable, type RpcContext, requireBlock } from './rpcContext.ts'
import { invalidParams, RpcFault } from './rpcFault.ts'

type TraceOptions = {
  tracer: 'callTracer' | 'steps'
  stack: boolean
  memory: boolean
  storage: boolean
  stepsMax: number
}

export function traceMethods(context: RpcContext): MethodTable {
  const { evm, engine } = context
  const traceBlock = (block: Block, options: unknown) => {
    const { tracer, ...steps } = readOptions(context, options)
    const input = inputOf(context, block)
    const frames = tracer === 'callTracer' ? evm.traceBlock(input) : undefined
    return block.transactions.map(({ hash }, index) => ({
      txHash: bytesToHex(hash),
      result: frames ? formatFrame(frames[index]!) : formatSteps(evm.traceTransactionSteps(input, index, steps)),
    }))
  }
  return {
    debug_traceTransaction: ([value, options]) => {
      const found = engine.blocks.transaction(readHash(value, 'hash'))
      if (found === undefined) throw new RpcFault('refused', 'transaction not found')
      const { tracer, ...steps } = readOptions(context, options)
      const input = inputOf(context, found.block)
      if (tracer === 'callTracer') return formatFrame(evm.traceBlock(input)[found.index]!)
      return formatSteps(evm.traceTransactionSteps(input, found.index, steps))
    },
    debug_traceCall: ([call, block, options]) => {
      const fields = optional(options, readFields, 'options') ?? {}
      const { stateOverrides, blockOverrides } = fields
      const input = readCall(context, { call, block, stateOverrides, blockOverrides })
      const { tracer, ...steps } = readOptions(context, options)
      return tracer === 'callTracer' ? formatCall(evm.traceCall(input)) : formatSteps(evm.traceCallSteps(input, steps))
    },
    debug_traceBlockByNumber: ([name, options]) =>
      traceBlock(requireBlock(context, readBlockName(name, 'block')), options),
    debug_traceBlockByHash: ([hash, options]) =>
      traceBlock(requireBlock(context, { hash: readHash(hash, 'blockHash') }), options),
  }
}

function readOptions({ limits }: RpcContext, value: unknown): TraceOptions {
  const fields: Fields = optional(value, readFields, 'options') ?? {}
  const { tracer } = fields
  if (tracer !== undefined && tracer !== null && tracer !== 'callTracer') {
    throw invalidParams(`tracer ${String(tracer)} is not available; use callTracer or the struct logger`)
  }
  const limit = optional(fields.limit, readCount, 'limit') ?? 0
  return {
    tracer: tracer === 'callTracer' ? 'callTracer' : 'steps',
    stack: fields.disableStack !== true,
    memory: fields.enableMemory === true,
    storage: fields.disableStorage !== true,
    stepsMax: limit > 0 ? Math.min(limit, limits.traceStepsMax) : limits.traceStepsMax,
  }
}

/** The block as it was executed. */
function inputOf(context: RpcContext, block: Block): BlockInput {
  if (block.header.number === 0) throw new RpcFault('refused', 'genesis is not traceable')
  const parent = requireBlock(context, { number: block.header.number - 1 })
  return {
    ...contextOf(context, block),
    parentStateRoot: parent.header.stateRoot,
    parentBeaconBlockRoot: block.header.parentBeaconBlockRoot,
    transactions: block.transactions.map(({ raw, sender }) => ({ raw, sender })),
    withdrawals: [],
  }
}

function formatFrame(frame: CallFrame): { [field: string]: unknown } {
  return {
    type: frame.type,
    from: bytesToHex(frame.from),
    ...(frame.to ? { to: bytesToHex(frame.to) } : {}),
    value: quantityToHex(frame.value),
    gas: quantityToHex(frame.gas),
    gasUsed: quantityToHex(frame.gasUsed),
    input: bytesToHex(frame.input),
    ...(frame.output.length > 0 ? { output: bytesToHex(frame.output) } : {}),
    ...(frame.error === undefined ? {} : { error: frame.error }),
    ...(frame.logs.length > 0
      ? {
          logs: frame.logs.map(({ address, topics, data }) => ({
            address: bytesToHex(address),
            topics: topics.map(bytesToHex),
            data: bytesToHex(data),
          })),
        }
      : {}),
    ...(frame.calls.length > 0 ? { calls: frame.calls.map(formatFrame) } : {}),
  }
}

/** A call that could not start has no frame. */
function formatCall({ root, result }: CallTrace): { [field: string]: unknown } {
  if (root !== undefined) return formatFrame(root)
  throw result.status === 'success' ? new RpcFault('internal', 'no call was traced') : revertFault(result)
}

function formatSteps({ result, steps }: StepTrace): { [field: string]: unknown } {
  if (result.status === 'invalid') throw revertFault(result)
  return {
    gas: Number(result.gasUsed),
    failed: result.status !== 'success',
    returnValue: result.status === 'halt' ? '0x' : bytesToHex(result.output),
    structLogs: steps.map((step) => ({
      pc: step.pc,
      op: opcodeName(step.opcode),
      gas: Number(step.gas),
      gasCost: Number(step.gasCost),
      depth: step.depth,
      ...(step.refund > 0n ? { refund: Number(step.refund) } : {}),
      ...(step.stack ? { stack: step.stack.map(quantityToHex) } : {}),
      ...(step.memory ? { memory: wordsOf(step.memory) } : {}),
      ...(step.storage ? { storage: { [bytesToHex(step.storage.slot)]: bytesToHex(step.storage.value) } } : {}),
    })),
  }
}

function wordsOf(memory: Uint8Array): string[] {
  const words: string[] = []
  for (let at = 0; at < memory.length; at += 32) words.push(bytesToHex(memory.subarray(at, at + 32)))
  return words
}
