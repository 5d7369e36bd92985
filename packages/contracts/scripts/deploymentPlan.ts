/** Says what a deployment consists of, as pure data: the devnet genesis and `deploy.ts` carry out the same steps. */
import { concat, encodeDeployData, encodeFunctionData, getContractAddress, type Hex } from 'viem'
import { fineTuningServingAbi } from '../src/abi/fineTuningServing.generated.ts'
import { flowAbi } from '../src/abi/flow.generated.ts'
import { inferenceServingAbi } from '../src/abi/inferenceServing.generated.ts'
import { ledgerManagerAbi } from '../src/abi/ledgerManager.generated.ts'
import { marketAbi } from '../src/abi/market.generated.ts'
import { poraMineAbi } from '../src/abi/poraMine.generated.ts'
import { proxyAbi } from '../src/abi/proxy.generated.ts'
import { receiptSettlementAbi } from '../src/abi/receiptSettlement.generated.ts'
import { rewardPoolAbi } from '../src/abi/rewardPool.generated.ts'
import { fineTuningServingBytecode } from '../src/bytecode/fineTuningServing.generated.ts'
import { fineTuningServingUpstreamBytecode } from '../src/bytecode/fineTuningServingUpstream.generated.ts'
import { flowBytecode } from '../src/bytecode/flow.generated.ts'
import { inferenceServingBytecode } from '../src/bytecode/inferenceServing.generated.ts'
import { inferenceServingUpstreamBytecode } from '../src/bytecode/inferenceServingUpstream.generated.ts'
import { ledgerManagerBytecode } from '../src/bytecode/ledgerManager.generated.ts'
import { ledgerManagerUpstreamBytecode } from '../src/bytecode/ledgerManagerUpstream.generated.ts'
import { marketBytecode } from '../src/bytecode/market.generated.ts'
import { poraMineBytecode } from '../src/bytecode/poraMine.generated.ts'
import { proxyBytecode } from '../src/bytecode/proxy.generated.ts'
import { receiptSettlementBytecode } from '../src/bytecode/receiptSettlement.generated.ts'
import { rewardPoolBytecode } from '../src/bytecode/rewardPool.generated.ts'
import { planAttestation } from './planAttestation.ts'
import { planAudits } from './planAudits.ts'
import { planDispute } from './planDispute.ts'
import { planMarket } from './planMarket.ts'
import { planStake } from './planStake.ts'
import { planTraining } from './planTraining.ts'
import { planUpgrades } from './planUpgrades.ts'
import type { Preset } from './presets.ts'

export type Step =
  /** Creates at the CREATE2 address, or at a fixed one where the caller can place code (`isFixed`). */
  | { kind: 'create'; name: string; address: Hex; initCode: Hex; isFixed: boolean }
  | { kind: 'call'; what: string; to: Hex; data: Hex }

export type Plan = {
  steps: Step[]
  addresses: { [name: string]: Hex }
  /** Contract that carries out CREATE2. */
  deployer: Hex
}

/** Arachnid's deterministic deployer: calldata is salt and creation code. */
export const create2Deployer: Hex = '0x4e59b44847b379578588920cA78FbF26c0B4956C'
export const salt: Hex = `0x${'00'.repeat(32)}`

/**
 * `fixed` names contracts that stand at given addresses instead of their CREATE2 ones; `deployer` is another copy of the
 * deterministic deployer, for chains that refuse its presigned transaction.
 */
export function planDeployment(
  preset: Preset,
  owner: Hex,
  fixed: { readonly [name: string]: Hex } = {},
  deployer: Hex = create2Deployer,
): Plan {
  const plan: Plan = { steps: [], addresses: {}, deployer }
  const create = (name: string, initCode: Hex): Hex => {
    const address = fixed[name] ?? getContractAddress({ opcode: 'CREATE2', from: deployer, salt, bytecode: initCode })
    plan.steps.push({ kind: 'create', name, address, initCode, isFixed: fixed[name] !== undefined })
    plan.addresses[name] = address
    return address
  }
  const upgrader = planUpgrades(preset, owner, create)
  const createProxy = (name: string, implementation: Hex, data: Hex): Hex => {
    const args = [create(`${name}Implementation`, implementation), upgrader, data] as const
    const proxy = create(name, encodeDeployData({ abi: proxyAbi, bytecode: proxyBytecode, args }))
    plan.addresses[`${name}ProxyAdmin`] = getContractAddress({ from: proxy, nonce: 1n })
    return proxy
  }
  const call = (what: string, to: Hex, data: Hex) => plan.steps.push({ kind: 'call', what, to, data })
  planStorage(preset, owner, create, call)
  planCompute(preset, owner, createProxy, call)
  planStake(preset, owner, plan.addresses, create, createProxy, call)
  planDispute(preset, owner, plan.addresses, create, createProxy, call)
  planTraining(plan.addresses, create, call)
  planMarket(preset, owner, plan.addresses.inferenceServing!, createProxy)
  planAudits(preset, owner, plan.addresses, createProxy, call)
  planAttestation(preset, create)
  return plan
}

type Create = (name: string, initCode: Hex) => Hex
type CreateProxy = (name: string, implementation: Hex, data: Hex) => Hex
type Call = (what: string, to: Hex, data: Hex) => void

function planStorage(preset: Preset, owner: Hex, create: Create, call: Call): void {
  const pool = create(
    'rewardPool',
    encodeDeployData({
      abi: rewardPoolAbi,
      bytecode: rewardPoolBytecode,
      args: [owner, preset.chunkSectors, preset.releaseSeconds],
    }),
  )
  const market = create(
    'market',
    encodeDeployData({
      abi: marketAbi,
      bytecode: marketBytecode,
      args: [owner, preset.pricePerSectorWei, preset.storageLifetimeSeconds, pool],
    }),
  )
  const flow = create(
    'flow',
    encodeDeployData({
      abi: flowAbi,
      bytecode: flowBytecode,
      args: [owner, market, preset.blocksPerEpoch, 0n, preset.epochsPerCallMax],
    }),
  )
  const { settings, ...params } = preset.mine
  const mine = create(
    'mine',
    encodeDeployData({
      abi: poraMineAbi,
      bytecode: poraMineBytecode,
      args: [owner, flow, pool, preset.chunkSectors, settings, params],
    }),
  )
  call('bind the market', pool, encodeFunctionData({ abi: rewardPoolAbi, functionName: 'setMarket', args: [market] }))
  call('bind the mine', pool, encodeFunctionData({ abi: rewardPoolAbi, functionName: 'setMine', args: [mine] }))
  call('bind the flow', market, encodeFunctionData({ abi: marketAbi, functionName: 'setFlow', args: [flow] }))
}

function planCompute(preset: Preset, owner: Hex, createProxy: CreateProxy, call: Call): void {
  const isUpstream = preset.limits === 'upstream'
  const ledger = createProxy(
    'ledgerManager',
    isUpstream ? ledgerManagerUpstreamBytecode : ledgerManagerBytecode,
    encodeFunctionData({ abi: ledgerManagerAbi, functionName: 'initialize', args: [owner] }),
  )
  const inference = createProxy(
    'inferenceServing',
    isUpstream ? inferenceServingUpstreamBytecode : inferenceServingBytecode,
    encodeFunctionData({
      abi: inferenceServingAbi,
      functionName: 'initialize',
      args: [preset.lockSeconds, ledger, owner],
    }),
  )
  const settlement = createProxy(
    'receiptSettlement',
    receiptSettlementBytecode,
    encodeFunctionData({
      abi: receiptSettlementAbi,
      functionName: 'initialize',
      args: [owner, inference, preset.challengeSeconds, preset.revokeDelaySeconds],
    }),
  )
  const fineTuning = createProxy(
    'fineTuningServing',
    isUpstream ? fineTuningServingUpstreamBytecode : fineTuningServingBytecode,
    encodeFunctionData({
      abi: fineTuningServingAbi,
      functionName: 'initialize',
      args: [preset.lockSeconds, ledger, owner, preset.penaltyPercent],
    }),
  )
  if (preset.acknowledgeSeconds > 0n) {
    const args = [preset.acknowledgeSeconds] as const
    const data = encodeFunctionData({ abi: fineTuningServingAbi, functionName: 'updateAcknowledgeSeconds', args })
    call('bound the wait for acknowledgements', fineTuning, data)
  }
  call(
    'authorise the settlement',
    inference,
    encodeFunctionData({ abi: inferenceServingAbi, functionName: 'setReceiptSettlement', args: [settlement] }),
  )
  planService('inference', 'Inference', inference, ledger, call)
  planService('fine-tuning', 'Fine-tuning', fineTuning, ledger, call)
}

/** Registers version v1.0 of a service type and recommends it. */
function planService(type: string, description: string, serving: Hex, ledger: Hex, call: Call): void {
  const abi = ledgerManagerAbi
  const register = encodeFunctionData({
    abi,
    functionName: 'registerService',
    args: [type, 'v1.0', serving, description],
  })
  call(`register ${type}-v1.0`, ledger, register)
  const recommend = encodeFunctionData({ abi, functionName: 'setRecommendedService', args: [type, 'v1.0'] })
  call(`recommend ${type}-v1.0`, ledger, recommend)
}

/** Calldata of the deterministic deployer. */
export function create2Data(initCode: Hex): Hex {
  return concat([salt, initCode])
}
