/** The part of a deployment that finds providers and jobs each other. */
import { encodeFunctionData, type Hex } from 'viem'
import { jobBoardAbi } from '../src/abi/jobBoard.generated.ts'
import { priorityStakeAbi } from '../src/abi/priorityStake.generated.ts'
import { serviceMarketAbi } from '../src/abi/serviceMarket.generated.ts'
import { jobBoardBytecode } from '../src/bytecode/jobBoard.generated.ts'
import { priorityStakeBytecode } from '../src/bytecode/priorityStake.generated.ts'
import { serviceMarketBytecode } from '../src/bytecode/serviceMarket.generated.ts'
import type { Preset } from './presets.ts'

type CreateProxy = (name: string, implementation: Hex, data: Hex) => Hex

export function planMarket(preset: Preset, owner: Hex, inferenceServing: Hex, createProxy: CreateProxy): void {
  const { unlockSeconds, ticketWei } = preset.priority
  const stake = createProxy(
    'priorityStake',
    priorityStakeBytecode,
    encodeFunctionData({ abi: priorityStakeAbi, functionName: 'initialize', args: [owner, unlockSeconds, ticketWei] }),
  )
  createProxy(
    'serviceMarket',
    serviceMarketBytecode,
    encodeFunctionData({ abi: serviceMarketAbi, functionName: 'initialize', args: [owner, inferenceServing, stake] }),
  )
  createProxy(
    'jobBoard',
    jobBoardBytecode,
    encodeFunctionData({ abi: jobBoardAbi, functionName: 'initialize', args: [owner, preset.resolveSeconds] }),
  )
}
