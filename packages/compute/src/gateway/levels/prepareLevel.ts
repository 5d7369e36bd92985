/** Whether the level that was asked for can be had, and from whom: never less than that. Spec: COMPUTE §10.10 */
import { readUint32 } from '@weightless/codec'
import type { ApiError } from '../../wire/apiError.ts'
import { answersOf, type VerificationLevel } from '../../wire/verificationLevel.ts'
import type { Candidate } from '../choice/chooseCandidates.ts'
import type { GatewayContext } from '../gatewayContext.ts'
import type { ListedProvider } from '../providerDirectory.ts'

export async function prepareLevel(
  { referee, health, env }: Pick<GatewayContext, 'referee' | 'health' | 'env'>,
  wanted: VerificationLevel,
  candidates: readonly Candidate[],
): Promise<{ candidates: readonly Candidate[] } | { error: ApiError }> {
  if (wanted.level === 'none') return { candidates }
  if (wanted.level === 'sampled') {
    const judged = await Promise.all(candidates.map(({ provider }) => referee?.canJudge(provider.modelRoot!)))
    const able = candidates.filter((_, index) => judged[index])
    if (able.length > 0) return { candidates: able }
    return refuse('This gateway cannot execute answers of this model again: it has not the weights, or too many wait.')
  }
  const group = firstGroup(candidates, answersOf(wanted))
  if (!group) {
    const message = `The level '${wanted.level}' needs ${answersOf(wanted)} providers of one model; so many may not be asked.`
    return refuse(message)
  }
  // Whoever leads the order could else choose its own witness.
  const [first, ...others] = group
  const isBroken = ({ provider }: Candidate) => (health.stateOf(provider.address) === 'open' ? 1 : 0)
  const drawn = shuffle(others, () => readUint32(env.random.bytes(4), 0) / 2 ** 32)
  return { candidates: [first!, ...drawn.toSorted((a, b) => isBroken(a) - isBroken(b))] }
}

/** The first `count` or more that run the same program on the same weights, in the order given. */
function firstGroup(candidates: readonly Candidate[], count: number): Candidate[] | undefined {
  const groups = new Map<string, Map<string, Candidate>>()
  for (const candidate of candidates) {
    const key = identityOf(candidate.provider)
    const group = groups.get(key) ?? new Map<string, Candidate>()
    if (!group.has(candidate.provider.address)) group.set(candidate.provider.address, candidate)
    groups.set(key, group)
  }
  const found = [...groups.values()].find((group) => group.size >= count)
  return found && [...found.values()]
}

const identityOf = ({ model, modelRoot, programId, tokenizerRoot }: ListedProvider): string =>
  [modelRoot, programId, tokenizerRoot, model].join(' ')

/** @param draw - evenly from 0 to 1 */
function shuffle<Item>(items: readonly Item[], draw: () => number): Item[] {
  const left = [...items]
  for (let i = left.length - 1; i > 0; i--) {
    const j = Math.floor(draw() * (i + 1))
    ;[left[i], left[j]] = [left[j]!, left[i]!]
  }
  return left
}

function refuse(message: string): { error: ApiError } {
  return { error: { code: 'no_available_provider', message } }
}
