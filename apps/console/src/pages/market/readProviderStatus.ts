/** What a provider tells its operator: earned, owed, queued, how fast. The token goes to that provider alone. COMPUTE §3.2 */
export type ProviderFigures = {
  provider: string
  state: string
  model: string
  engine: string
  receiptedWei: bigint
  vouchedWei: bigint
  paidWei: bigint
  unsettledWei: bigint
  unvouchedJobs: number
  openClaims: number
  running: number
  runningMax: number
  waiting: number
  /** Median; undefined before the first answer. */
  firstTokenMs: number | undefined
  answerMs: number | undefined
  /** Undefined while the provider cannot reach the chain. */
  stakeWei: bigint | undefined
  gasWei: bigint | undefined
  offer: { slots: number; tokensPerSecond: number; measuredAtSeconds: number } | undefined
}

const waitMs = 10_000

/** Undefined while it opens its model. @throws {Error} when it does not answer, or not this token */
export async function readProviderStatus(url: string, token: string): Promise<ProviderFigures | null> {
  const headers = { authorization: `Bearer ${token}` }
  const response = await fetch(`${url}/v1/status`, { headers, signal: AbortSignal.timeout(waitMs) })
  if (response.status === 401) throw new Error('The provider does not take this operator token.')
  if (!response.ok) throw new Error(`The provider answered ${response.status}.`)
  return readFigures(await response.json())
}

type Json = { readonly [name: string]: unknown }

function readFigures(body: unknown): ProviderFigures | null {
  const status = objectOf(body)
  if (status.state === 'opening') return null
  const [earnings, jobs, latency, chain] = ['earnings', 'jobs', 'latency', 'chain'].map((name) =>
    objectOf(status[name]),
  )
  const offer = objectOf(status.offer)
  return {
    ...{ provider: String(status.provider), state: String(status.state) },
    ...{ model: String(status.model), engine: String(status.engine) },
    receiptedWei: weiOf(earnings!.receipted_wei) ?? 0n,
    vouchedWei: weiOf(earnings!.vouched_wei) ?? 0n,
    paidWei: weiOf(earnings!.paid_wei) ?? 0n,
    unsettledWei: weiOf(earnings!.unsettled_wei) ?? 0n,
    unvouchedJobs: numberOf(earnings!.unvouched_jobs) ?? 0,
    openClaims: numberOf(earnings!.open_claims) ?? 0,
    running: numberOf(jobs!.running) ?? 0,
    runningMax: numberOf(jobs!.running_max) ?? 0,
    waiting: numberOf(jobs!.waiting) ?? 0,
    firstTokenMs: numberOf(objectOf(latency!.first_token).p50_ms),
    answerMs: numberOf(objectOf(latency!.answer).p50_ms),
    stakeWei: weiOf(chain!.stake_wei),
    gasWei: weiOf(chain!.balance_wei),
    offer:
      numberOf(offer.measured_at) === undefined
        ? undefined
        : {
            slots: numberOf(offer.concurrent_slots) ?? 0,
            tokensPerSecond: numberOf(offer.tokens_per_second) ?? 0,
            measuredAtSeconds: numberOf(offer.measured_at)!,
          },
  }
}

const objectOf = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {})
const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)
const weiOf = (value: unknown): bigint | undefined =>
  typeof value === 'string' && /^\d{1,78}$/.test(value) ? BigInt(value) : undefined
