/**
 * Lets work that asks for signatures one by one be answered by a verifier that answers later, as a browser's own is: the
 * work runs once to say what it asks, all of that is verified together, and it runs again with the answers.
 */
import { bytesEqual } from '@weightless/codec'
import { askNist, type NistCurve, type NistEcdsa } from './nistEcdsa.ts'

export type LateVerifier = (
  curve: NistCurve,
  signature: Uint8Array,
  message: Uint8Array,
  publicKey: Uint8Array,
) => Promise<boolean>

type Question = Parameters<NistEcdsa['verify']>

/** Further ones are answered by the engine that is installed. */
const questionsMax = 64

/**
 * Nothing is believed in the first run, in which every answer is yes: its result is thrown away.
 * @param work - synchronous, and the same twice; throws what `work` throws in the second run
 */
export async function verifyTogether<Result>(verify: LateVerifier, work: () => Result): Promise<Result> {
  const questions: Question[] = []
  askNist(
    {
      verify(...question) {
        if (questions.length < questionsMax) questions.push(question)
        return true
      },
    },
    work,
  )
  const answers = await Promise.all(questions.map((question) => verify(...question)))
  let next = 0
  return askNist(
    {
      verify(...question) {
        const at = next++
        const asked = questions[at]
        return asked && isSame(asked, question) ? answers[at]! : undefined
      },
    },
    work,
  )
}

function isSame([curve, ...parts]: Question, [otherCurve, ...others]: Question): boolean {
  return curve === otherCurve && parts.every((part, i) => bytesEqual(part, others[i]!))
}
