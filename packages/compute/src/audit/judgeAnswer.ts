/** Makes an answer again and says what its provider can be held to. Spec: spec/alignment.md 10.3 */
import type { Hex } from '@weightless/codec'
import { type Bundle, checkBundle, isChatBundle } from '@weightless/receipt'
import { verifyWithModel } from '@weightless/receipt/verifyBundle'
import type { Model } from '@weightless/tensor'

export type Judgement =
  /** The same bits came out, or nothing more than signature and hashes can be checked and they hold. */
  | { verdict: 'right'; reExecuted: boolean }
  /** The provider signed another answer than its model gives; `detail` is one line for people. */
  | { verdict: 'wrong'; detail: string }
  /** Nobody can be held to it: no signature of the provider's, another chain, or nobody has the weights. */
  | { verdict: 'void'; detail: string }

export type JudgeOptions = {
  chainId: bigint
  settlement: Hex
  provider: Hex
  /** The model by its storage root; undefined when its weights cannot be had. */
  openModel(modelRoot: Hex): Promise<Model | undefined>
}

/** A wrong bundle is an answer; throws only what `openModel` throws and faults of the machine. */
export async function judgeAnswer(bundle: Bundle, options: JudgeOptions): Promise<Judgement> {
  const { chainId, settlement, provider, openModel } = options
  // The signature binds the provider to what follows: without it an auditor could make evidence up.
  const early = await checkBundle(bundle, { chainId, settlement, provider })
  if (early) return { verdict: 'void', detail: early.detail }
  if (!isChatBundle(bundle)) return { verdict: 'right', reExecuted: false }
  const model = await openModel(bundle.receipt.modelRoot)
  if (!model) return { verdict: 'void', detail: `nobody here has the weights ${bundle.receipt.modelRoot}` }
  const verification = await verifyWithModel(bundle, model)
  if (verification.accepted) return { verdict: 'right', reExecuted: verification.reExecuted }
  const isOurs = verification.fault === 'unsupported' || verification.fault === 'weights'
  return { verdict: isOurs ? 'void' : 'wrong', detail: verification.detail }
}
