/** Every scenario, by name. */
import { auditIncentives } from './auditIncentives.sim.ts'
import { auditRounds } from './auditRounds.sim.ts'
import { computeFineTuning } from './computeFineTuning.sim.ts'
import { computeJobs } from './computeJobs.sim.ts'
import { kvReplay } from './kvReplay.sim.ts'
import type { Scenario } from './scenario.ts'
import { storageCoded } from './storageCoded.sim.ts'
import { storageMining } from './storageMining.sim.ts'
import { storagePayment } from './storagePayment.sim.ts'
import { storageUpload } from './storageUpload.sim.ts'
import { storeKeyValue } from './storeKeyValue.sim.ts'
import { storeLog } from './storeLog.sim.ts'
import { storeNodes } from './storeNodes.sim.ts'
import { storeRecords } from './storeRecords.sim.ts'
import { storeSorted } from './storeSorted.sim.ts'

export const scenarios: readonly Scenario[] = [
  storeLog,
  storeKeyValue,
  storeNodes,
  storeRecords,
  storeSorted,
  storageUpload,
  storageCoded,
  storageMining,
  storagePayment,
  kvReplay,
  computeJobs,
  computeFineTuning,
  auditRounds,
  auditIncentives,
]
