/** Answers the question that a game on chain waits for, from the log and by the engine. Spec: spec/dispute.md §13 */
import { bytesToHex, type Hex, WeightlessError } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { stepArgument } from '@weightless/dispute/contract/accusationArguments'
import { type ChatOpening, isChatBundle, samplerHash } from '@weightless/receipt'
import { grammarVersion, type RequestShape, requestHash } from '@weightless/receipt/commitments'
import { hasMasks } from '@weightless/tensor'
import type { DisputeQuestion } from '../../wire/disputeMessages.ts'
import { defendAnswer } from '../defendAnswer.ts'
import { readJob } from '../readJob.ts'
import type { ChallengeParts, KeepOne } from './challengeParts.ts'

/** Turn.Provider of the contract. */
const providersTurn = 2
/** By the contract's number. */
const kinds = ['nothing', 'trace', 'step', 'root', 'hashes', 'chunk'] as const

/** Returns what was answered; undefined where nothing waits. @throws {ChallengeUnanswerableError} and what sending throws */
export async function answerQuestion(
  { context, ledger, disputeGame }: ChallengeParts,
  gameId: Hex,
  keep: KeepOne,
): Promise<DisputeQuestion['ask'] | 'excuse' | undefined> {
  const at = { address: disputeGame, abi: abis.disputeGame } as const
  const game = await ledger.read({ ...at, functionName: 'gameOf', args: [gameId] })
  if (game.turn !== providersTurn) return undefined
  const { receiptHash } = game
  const job = await context.log.findByReceipt(receiptHash)
  const bundle = job && readJob(job)
  if (!bundle || !isChatBundle(bundle)) throw new ChallengeUnanswerableError({ gameId, receiptHash })
  const { traceRoots } = bundle.opening
  if (traceRoots) {
    await ledger.submit({ ...at, functionName: 'excuseAnswers', args: [gameId, traceRoots] })
    return 'excuse'
  }
  const asked = await ledger.read({ ...at, functionName: 'questionOf', args: [gameId] })
  const { salt, shape } = bundle.opening
  if (shape && hasMasks(shape) && kinds[asked.ask] === 'root' && asked.operator === game.sample) {
    await ledger.submit({
      ...at,
      functionName: 'excuseShape',
      args: [gameId, shapeArgument(bundle.opening, salt, shape)],
    })
    return 'excuse'
  }
  const question = questionOf(asked)
  const key = `chain ${receiptHash}`
  keep(key)
  const signed = question && (await defendAnswer(context, bundle, key, 0, question))
  if (!signed) throw new ChallengeUnanswerableError({ gameId, receiptHash })
  const { answer, signature } = signed
  if (answer.kind === 'hashes') {
    await ledger.submit({ ...at, functionName: 'showHashes', args: [gameId, answer.hashes.map(bytesToHex)] })
  } else if (answer.kind === 'step') {
    await ledger.submit({ ...at, functionName: 'showStep', args: [gameId, stepArgument(answer.step)] })
  } else if (answer.kind === 'root') {
    await ledger.submit({ ...at, functionName: 'showRoot', args: [gameId, bytesToHex(answer.root), signature!] })
  } else {
    await ledger.submit({ ...at, functionName: 'showChunk', args: [gameId, bytesToHex(answer.bytes)] })
  }
  return question.ask
}

/** Opens the receipt's input as far as the contract needs it: messages stay behind their hash. */
function shapeArgument({ messages, stop, sampler }: ChatOpening, salt: Hex, shape: RequestShape) {
  return { salt, request: requestHash(messages, stop, samplerHash(sampler)), grammarVersion, ...shape }
}

function questionOf(asked: { ask: number; position: number; operator: number; level: number; index: number }) {
  const { position, operator, level, index } = asked
  const ask = kinds[asked.ask]
  const at = { position, operator }
  const questions: { [Kind in (typeof kinds)[number]]: DisputeQuestion | undefined } = {
    nothing: undefined,
    trace: { ask: 'trace', level, index },
    step: { ask: 'step', position },
    root: { ask: 'root', ...at },
    hashes: { ask: 'hashes', ...at, level, index },
    chunk: { ask: 'chunk', ...at, chunk: index },
  }
  return ask && questions[ask]
}

class ChallengeUnanswerableError extends WeightlessError {
  constructor(facts: { gameId: Hex; receiptHash: Hex }) {
    super('compute/challenge-unanswerable', 'A challenge on chain asks about what this provider cannot show.', facts, {
      hint: 'The log must hold the job, and the engine must be able to read the model’s file.',
    })
  }
}
