/** What a node says of its mining to pages and operators. Spec: storage §11. */
import type { Hex } from '@weightless/codec'
import type { MiningJson } from '../wire/index.ts'
import type { MiningStatus } from './startMining.ts'

/** @param status - undefined until there is an id; then `account` is the one that asks for it */
export function describeMining(account: Hex, status: MiningStatus | undefined): MiningJson {
  return {
    state: status?.state ?? 'starting',
    beneficiary: status?.beneficiary ?? account,
    sealedFragments: status?.sealedFragments ?? 0,
    recalls: status?.recalls ?? 0,
    answersWon: status?.accepted ?? 0,
    answersRefused: status?.refused ?? 0,
    owedWei: String(status?.owedWei ?? 0n),
    fetchedWei: String(status?.withdrawnWei ?? 0n),
  }
}
