import { describe, it } from 'node:test'
import { runConservation } from '../scripts/conservation/model.ts'
import { stakeModel } from '../scripts/conservation/stakeModel.ts'

describe('Stakes and deliveries', () => {
  it('conserve every wei and follow their model through any sequence of steps', () =>
    runConservation(stakeModel, { runs: 2 }))
})
