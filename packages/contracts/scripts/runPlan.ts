/** Carries out a deployment plan in a local EVM. */
import type { Hex } from 'viem'
import { create2Data, create2Deployer, type Plan } from './deploymentPlan.ts'
import type { LocalEvm } from './localEvm.ts'

/** `owner` sends every step; the deterministic deployer must be there. */
export async function runPlan(evm: LocalEvm, plan: Plan, owner: Hex): Promise<void> {
  for (const step of plan.steps) {
    if (step.kind === 'create' && step.isFixed) {
      await evm.place(step.address, step.initCode, owner)
      continue
    }
    const isCreate = step.kind === 'create'
    const message = isCreate
      ? { to: create2Deployer, data: create2Data(step.initCode) }
      : { to: step.to, data: step.data }
    const sent = await evm.send({ from: owner, ...message })
    const name = isCreate ? step.name : step.what
    if (!sent.ok) throw new Error(`${name} failed: ${sent.output}`)
    if (isCreate && (await evm.code(step.address)) === '0x') throw new Error(`${name} has no code`)
  }
}
