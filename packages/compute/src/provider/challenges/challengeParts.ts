/** What questions on chain are answered with. */
import type { Hex } from '@weightless/codec'
import type { Ledger } from '@weightless/ledger'
import type { ProviderContext } from '../providerContext.ts'

export type ChallengeParts = { context: ProviderContext; ledger: Ledger; disputeGame: Hex }

/** What was executed for a receipt is kept for its next question, and given up for another receipt's. */
export type KeepOne = (key: string) => void
