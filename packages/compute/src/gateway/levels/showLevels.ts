/** `GET /v1/verification`: the levels that can be bought here, what each costs and finds. Spec: COMPUTE §10.10 */
import type { HttpResponse } from '@weightless/env'
import { jsonResponse } from '../../wire/jsonResponse.ts'
import { answersOf, detectionOf, type VerificationLevel } from '../../wire/verificationLevel.ts'
import { isExact } from '../choice/orderProviders.ts'
import type { GatewayContext } from '../gatewayContext.ts'
import type { ListedProvider } from '../providerDirectory.ts'

const shown: readonly VerificationLevel[] = [
  { level: 'none' },
  { level: 'sampled', share: 0.1 },
  { level: 'refereed' },
  { level: 'full', copies: 3 },
]

/** @param model - whose providers are counted and whose price is summed; null: of no model */
export async function showLevels(context: GatewayContext, model: string | null): Promise<HttpResponse> {
  const listed = model === null ? [] : await context.directory.listOf(model)
  const data = await Promise.all(shown.map((wanted) => describe(context, wanted, model, listed)))
  return jsonResponse({ object: 'list', data })
}

async function describe(
  { referee }: GatewayContext,
  wanted: VerificationLevel,
  model: string | null,
  listed: readonly ListedProvider[],
) {
  const answers = answersOf(wanted)
  const able = wanted.level === 'none' ? listed : listed.filter(isExact)
  const cheapest = able.toSorted((a, b) => (sumOf(a) < sumOf(b) ? -1 : 1)).slice(0, answers)
  const isJudged = wanted.level !== 'sampled' || (await canJudgeAny(referee, able))
  const isOffered = able.length >= answers && isJudged
  return {
    ...wanted,
    answers,
    detection: detectionOf(wanted),
    condition: conditions[wanted.level],
    ...(model !== null && {
      offered: isOffered,
      providers: able.length,
      // Of the cheapest providers that could make these answers.
      pricing: isOffered
        ? { prompt: total(cheapest, 'inputWeiPerToken'), completion: total(cheapest, 'outputWeiPerToken') }
        : null,
    }),
  }
}

const conditions = {
  none: 'nothing is checked but signature, hashes, price and fee',
  sampled: 'for each wrong answer; the answer has been delivered by then',
  refereed: 'as long as the two providers are not in league; a wrong answer is not delivered',
  full: 'as long as the providers are not all in league; nothing is delivered unless all agree',
} as const

async function canJudgeAny(referee: GatewayContext['referee'], able: readonly ListedProvider[]): Promise<boolean> {
  for (const { modelRoot } of able) if (modelRoot && (await referee?.canJudge(modelRoot))) return true
  return false
}

const sumOf = ({ price }: ListedProvider): bigint => price.inputWeiPerToken + price.outputWeiPerToken

const total = (list: readonly ListedProvider[], name: 'inputWeiPerToken' | 'outputWeiPerToken'): string =>
  list.reduce((sum, { price }) => sum + price[name], 0n).toString()
