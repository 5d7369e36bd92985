import { describe, it } from 'node:test'
import { jobModel } from '../scripts/conservation/jobModel.ts'
import { runConservation } from '../scripts/conservation/model.ts'

describe('Job board, whatever happens', () => {
  it('conserves every wei, follows its model, and locks nothing for ever', () => runConservation(jobModel, { runs: 1 }))
})
