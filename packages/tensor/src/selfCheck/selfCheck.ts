/** Runs the probe model and compares its trace with the one that every machine must get. Takes some 50 ms. */
import { bytesToHex, type Hex } from '@weightless/codec'
import { runChat } from '../chat/runChat.ts'
import { loadModel } from '../model/loadModel.ts'
import { makeProbeModel } from './makeProbeModel.ts'

/** Trace root of the probe run under semantics version 1. */
const expectedRoot: Hex = '0x86c5c3bc28aa9ec0b386df74a548267ec62830f7e9c4c56ab1c7138f4656cb40'

export type SelfCheck = { ok: boolean; traceRoot: Hex; expectedRoot: Hex; programId: Hex }

/** Whether this machine (browser, phone, server) computes the same bits as all others. */
export async function selfCheck(): Promise<SelfCheck> {
  const model = await loadModel(makeProbeModel())
  const run = await runChat(model, {
    messages: [{ role: 'user', content: 'Does this machine add like the others? 0123456789 — naïve 数' }],
    seed32: Uint8Array.from({ length: 32 }, (_, i) => i),
    maxTokens: 300,
    temperature: 0.9,
    topP: 0.95,
  })
  const traceRoot = bytesToHex(run.trace!.root)
  return { ok: traceRoot === expectedRoot, traceRoot, expectedRoot, programId: model.programId }
}
