import { describe, it } from 'node:test'
import { runConservation } from '../scripts/conservation/model.ts'
import { settlementModel } from '../scripts/conservation/settlementModel.ts'

describe('Settlement', () => {
  it('conserves every wei and follows its model through any sequence of steps', () =>
    // thousands of them: `npm run sim:conservation`
    runConservation(settlementModel, { runs: 2 }))
})
