/** The numbers a provider shows its operator at `/metrics`; `docs/providerBoard.json` is a Grafana board of them. */
import type { Metrics } from '@weightless/env'

export type ProviderMetrics = ReturnType<typeof createProviderMetrics>

export function createProviderMetrics(metrics: Metrics) {
  return {
    jobs: metrics.counter('weightless_compute_jobs_total', 'Jobs answered, cancelled ones included'),
    refusals: metrics.counter('weightless_compute_refusals_total', 'Requests refused before they ran'),
    promptTokens: metrics.counter('weightless_compute_prompt_tokens_total', 'Prompt tokens billed'),
    completionTokens: metrics.counter('weightless_compute_completion_tokens_total', 'Completion tokens billed'),
    earnedWei: metrics.counter('weightless_compute_earned_wei_total', 'Wei of all receipts signed since the start'),
    waiting: metrics.gauge('weightless_compute_waiting_jobs', 'Jobs that wait for the engine'),
    running: metrics.gauge('weightless_compute_running_jobs', 'Jobs that the engine answers now'),
    runningMax: metrics.gauge('weightless_compute_running_jobs_max', 'Jobs that it answers side by side'),
    draining: metrics.gauge('weightless_compute_draining', '1 once no new job is taken'),
    upstreamFailures: metrics.counter(
      'weightless_compute_upstream_failures_total',
      'Answers that the upstream broke off or did not give',
    ),
    usageLies: metrics.counter(
      'weightless_compute_usage_disbelieved_total',
      'Counts of the upstream that were beyond our own and not billed',
    ),
    unsettledWei: metrics.gauge('weightless_compute_unsettled_wei', 'Wei earned and not settled yet'),
    claims: metrics.counter('weightless_compute_claims_total', 'Jobs claimed on chain for want of a voucher'),
    claimsPaid: metrics.counter('weightless_compute_claims_paid_total', 'Claims that the contract has closed'),
    claimsContested: metrics.counter('weightless_compute_claims_contested_total', 'Claims that their user contested'),
    claimsRefused: metrics.counter('weightless_compute_claims_refused_total', 'Claims that the contract refused'),
    openClaimsWei: metrics.gauge('weightless_compute_open_claims_wei', 'Wei held for claims that are not paid yet'),
    firstTokenSeconds: metrics.histogram(
      'weightless_compute_first_token_seconds',
      'From the end of waiting to the first token',
      [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    ),
    answerSeconds: metrics.histogram(
      'weightless_compute_answer_seconds',
      'From the end of waiting to the receipt',
      [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    ),
  }
}
