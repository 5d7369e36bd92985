/** The conservation models by name, each ready to be run on the fast stage. */
import { auditModel } from '../../packages/contracts/scripts/conservation/auditModel.ts'
import { bondModel } from '../../packages/contracts/scripts/conservation/bondModel.ts'
import { jobModel } from '../../packages/contracts/scripts/conservation/jobModel.ts'
import {
  type ConservationOptions,
  type Model,
  runConservation,
} from '../../packages/contracts/scripts/conservation/model.ts'
import { settlementModel } from '../../packages/contracts/scripts/conservation/settlementModel.ts'
import { stakeModel } from '../../packages/contracts/scripts/conservation/stakeModel.ts'
import { trainingStakeModel } from '../../packages/contracts/scripts/conservation/trainingStakeModel.ts'
import type { Rig } from '../../packages/contracts/scripts/contractRig.ts'
import { openRevmRig } from './openRevmRig.ts'

type Run = (options: Omit<ConservationOptions, 'openRig'>) => Promise<void>
export type NamedModel = { name: string; plants: readonly string[]; run: Run }

export const models: readonly NamedModel[] = [
  ready(settlementModel),
  ready(stakeModel),
  ready(trainingStakeModel),
  ready(jobModel),
  ready(bondModel),
  ready(auditModel),
]

function ready<Stage extends { rig: Rig }, Step>(model: Model<Stage, Step>): NamedModel {
  const { name, plants } = model
  return { name, plants, run: (options) => runConservation(model, { ...options, openRig: openRevmRig }) }
}
