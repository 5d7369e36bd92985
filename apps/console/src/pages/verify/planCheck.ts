/** What can be checked with what was given, and what is missing for more. */
import { checks } from '@weightless/receipt/receipt'
import type { CheckJob } from '../../verify/checkMessages.ts'
import type { Inputs } from './useInputs.ts'

export type CheckPlan = {
  /** Undefined as long as something is missing. */
  job: CheckJob | undefined
  /** Signature, hashes and price, and no execution. */
  isSignatureOnly: boolean
  /** Whether a model's file takes part. */
  needsModel: boolean
  /** Files of embeddings that are not here yet. */
  missing: readonly string[]
}

export function planCheck({ document, request, encoder }: Inputs): CheckPlan {
  const plan = { isSignatureOnly: false, needsModel: false, missing: [] }
  if (!document) return { ...plan, job: undefined }
  if (document.kind === 'verdict') return { ...plan, needsModel: true, job: { kind: 'judge', verdict: document.json } }
  const verify: CheckJob = { kind: 'verify', bundle: document.json, isOurs: false }
  const { opening, receipt } = document.bundle
  if (!('kind' in opening)) return { ...plan, needsModel: true, job: verify }
  if (receipt.check !== checks.reExecution) return { ...plan, isSignatureOnly: true, job: verify }
  const { weights, config, tokenizer } = encoder
  if (request && weights && config && tokenizer)
    return { ...plan, job: { kind: 'embed', bundle: document.json, request, encoder: { weights, config, tokenizer } } }
  const missing = [
    ...(request ? [] : ['the request’s body (a JSON file with “request” in its name)']),
    ...(weights ? [] : ['model.safetensors']),
    ...(config ? [] : ['config.json']),
    ...(tokenizer ? [] : ['tokenizer.json']),
  ]
  return { ...plan, isSignatureOnly: true, missing, job: verify }
}
