import { describe, it } from 'node:test'
import { bondModel } from '../scripts/conservation/bondModel.ts'
import { runConservation } from '../scripts/conservation/model.ts'

describe('Bonds of challenges', () => {
  it('conserve every wei and follow their model through any sequence of moves', () =>
    runConservation(bondModel, { runs: 1 }))
})
