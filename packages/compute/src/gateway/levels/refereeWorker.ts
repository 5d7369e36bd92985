/** The worker in which a gateway executes answers again: one model, one answer after the other. */
import { bytesToHex, WeightlessError } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import type { TaskPort } from '@weightless/env'
import { checkBundle, isChatBundle, readBundle, type Verification, verifyWithModel } from '@weightless/receipt'
import { loadModel, type Model } from '@weightless/tensor'
import type { FromReferee, RefereeInput, ToReferee } from './refereePort.ts'

/** The worker's main: see `Tasks.open`. */
export default async function serveReferee(port: TaskPort, input: unknown): Promise<void> {
  const { modelRoot, weights } = input as RefereeInput
  const root = bytesToHex(fileRoot(weights))
  if (root !== modelRoot) throw new OtherWeightsError({ expected: modelRoot, found: root })
  const model = await loadModel(weights)
  for await (const { id, bundle } of port.messages as AsyncIterable<ToReferee>) {
    let answer: FromReferee
    try {
      answer = { id, verification: await judge(model, bundle) }
    } catch (fault) {
      answer = { id, reason: fault instanceof Error ? fault.message : String(fault) }
    }
    port.send(answer)
  }
}

async function judge(model: Model, json: unknown): Promise<Verification> {
  const read = readBundle(json)
  if (!read.ok) return { accepted: false, fault: 'malformed', detail: read.detail ?? 'no bundle' }
  const early = await checkBundle(read.value)
  if (early) return { accepted: false, ...early }
  if (!isChatBundle(read.value)) return { accepted: false, fault: 'unsupported', detail: 'The receipt is of no run.' }
  return verifyWithModel(read.value, model)
}

class OtherWeightsError extends WeightlessError {
  constructor(facts: { expected: string; found: string }) {
    super('compute/referee-weights', 'These are not the weights that were asked for.', facts)
  }
}
