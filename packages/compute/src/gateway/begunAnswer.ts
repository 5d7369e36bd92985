/** A provider that answers. */
import type { FetchResponse } from '@weightless/env'
import type { Acceptance } from '@weightless/receipt'
import type { JobTerms } from '../wire/payment.ts'
import type { Tab } from './openTab.ts'
import type { ListedProvider } from './providerDirectory.ts'
import type { Order } from './readWork.ts'

/** An answer of which the first token is here. */
export type Begun = {
  provider: ListedProvider
  order: Order
  response: FetchResponse
  terms: JobTerms
  tab: Tab
  /** The provider's, where it was asked for. */
  acceptance: Acceptance | undefined
  first: readonly Uint8Array[]
  /** What follows; `ended` when nothing does. */
  rest: AsyncIterator<Uint8Array>
  ended: boolean
  /** Gives back the money held for it. */
  release(): void
  begunAtMs: number
}
