/** The numbers a gateway shows at `/metrics`; `docs/gatewayBoard.json` is a Grafana board of them. */
import type { Metrics } from '@weightless/env'

export type GatewayMetrics = ReturnType<typeof createGatewayMetrics>

export function createGatewayMetrics(metrics: Metrics) {
  return {
    requests: metrics.counter('weightless_gateway_requests_total', 'Requests for inference with a good key'),
    answers: metrics.counter('weightless_gateway_answers_total', 'Requests that a provider began to answer'),
    refusals: metrics.counter('weightless_gateway_refusals_total', 'Requests for inference refused with 4xx'),
    errors: metrics.counter('weightless_gateway_errors_total', 'Requests for inference that ended with 5xx'),
    rateLimited: metrics.counter('weightless_gateway_rate_limited_total', 'Requests over the limits of their key'),
    overBudget: metrics.counter('weightless_gateway_over_budget_total', 'Requests over the budget of their key'),
    attemptsFailed: metrics.counter('weightless_gateway_attempts_failed_total', 'Providers that failed a request'),
    failovers: metrics.counter(
      'weightless_gateway_failovers_total',
      'Answers by another provider than the first asked',
    ),
    brokenStreams: metrics.counter(
      'weightless_gateway_broken_streams_total',
      'Answers that broke off after they began',
    ),
    receiptsRefused: metrics.counter(
      'weightless_gateway_receipts_refused_total',
      'Receipts that were false, and not paid',
    ),
    receipts: metrics.counter('weightless_gateway_receipts_total', 'Receipts checked, kept and paid'),
    checksAgreed: metrics.counter('weightless_gateway_checks_agreed_total', 'Answers checked that were right'),
    checksRefuted: metrics.counter('weightless_gateway_checks_refuted_total', 'Answers checked that were wrong'),
    promptTokens: metrics.counter('weightless_gateway_prompt_tokens_total', 'Prompt tokens in receipts'),
    completionTokens: metrics.counter('weightless_gateway_completion_tokens_total', 'Completion tokens in receipts'),
    spentWei: metrics.counter('weightless_gateway_spent_wei_total', 'Wei in receipts'),
    inFlight: metrics.gauge('weightless_gateway_in_flight_requests', 'Requests being answered'),
    providersHealthy: metrics.gauge('weightless_gateway_healthy_providers', 'Listed providers that may be asked'),
    providersBroken: metrics.gauge('weightless_gateway_broken_providers', 'Listed providers whose breaker is open'),
    firstTokenSeconds: metrics.histogram(
      'weightless_gateway_first_token_seconds',
      'From the request to the first piece of its answer',
      [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    ),
  }
}
