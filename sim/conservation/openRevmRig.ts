/** The contracts of the devnet's genesis on revm, with accounts that sign natively: the fast stage of the conservation models. */
import '@weightless/env/node'
import { fastAccount } from '@weightless/ledger'
import { createRig, type Rig } from '../../packages/contracts/scripts/contractRig.ts'
import { createRevmEvm } from '../../packages/contracts/scripts/revmEvm.ts'

export function openRevmRig(): Promise<Rig> {
  return createRig('weightless', undefined, { openEvm: createRevmEvm, openAccount: fastAccount })
}
