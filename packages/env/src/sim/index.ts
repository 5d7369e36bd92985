export { createSim, type Sim, type SimOptions } from './createSim.ts'
export { SimStuckError } from './eventLoop.ts'
export type { SimRandom } from './simRandom.ts'
export type { FaultName, SimFaults } from './world.ts'
