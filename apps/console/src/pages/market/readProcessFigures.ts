/** Reads the providers' counters from the gateway's public `/metrics`, where providers share its process; null where none do. */
export type ProcessFigures = {
  jobs: number
  refusals: number
  waiting: number
  earnedWei: bigint
  unsettledWei: bigint
  openClaimsWei: bigint
  /** Mean since the start; undefined before the first answer. */
  firstTokenMs: number | undefined
}

const bytesMax = 1_000_000

/** @throws {Error} when the gateway does not answer */
export async function readProcessFigures(gatewayUrl: string): Promise<ProcessFigures | null> {
  const response = await fetch(`${gatewayUrl}/metrics`)
  if (!response.ok) throw new Error(`The gateway answered ${response.status}.`)
  const values = readValues((await response.text()).slice(0, bytesMax))
  const of = (name: string) => values.get(`weightless_compute_${name}`) ?? 0
  if (!values.has('weightless_compute_jobs_total')) return null
  const answers = of('first_token_seconds_count')
  return {
    ...{ jobs: of('jobs_total'), refusals: of('refusals_total'), waiting: of('waiting_jobs') },
    earnedWei: asWei(of('earned_wei_total')),
    unsettledWei: asWei(of('unsettled_wei')),
    openClaimsWei: asWei(of('open_claims_wei')),
    firstTokenMs: answers > 0 ? (of('first_token_seconds_sum') * 1_000) / answers : undefined,
  }
}

/** Of Prometheus' text form; samples of one name are added up. */
function readValues(text: string): Map<string, number> {
  const values = new Map<string, number>()
  for (const line of text.split('\n')) {
    const [, name, value] = /^([a-zA-Z_:][\w:]*)(?:\{[^}]*\})? ([-+.\deE]+)/.exec(line) ?? []
    if (name && Number.isFinite(Number(value))) values.set(name, (values.get(name) ?? 0) + Number(value))
  }
  return values
}

/** Counters are floating point: beyond 2^53 the last digits are not exact, as in the metrics themselves. */
const asWei = (value: number): bigint => BigInt(Math.max(0, Math.round(value)))
