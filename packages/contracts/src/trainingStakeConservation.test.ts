import { describe, it } from 'node:test'
import { runConservation } from '../scripts/conservation/model.ts'
import { trainingStakeModel } from '../scripts/conservation/trainingStakeModel.ts'

describe('Stakes of fine-tuning', () => {
  it('conserve every wei and follow their model through any sequence of steps', () =>
    runConservation(trainingStakeModel, { runs: 2 }))
})
